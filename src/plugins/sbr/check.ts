/** CHECK of what another sbr has set up: no log says which tables it has chosen. */
import * as Effect from "effect/Effect";
import type { HostError, PolicyRule } from "../../effects/kernel/host.ts";
import type { Finding, Request } from "../../engine/plugin.ts";
import { View } from "../../engine/view.ts";
import { isDefaultRoute } from "../../spec/cidr.ts";
import type { Refused } from "../../spec/failure.ts";
import type { CniResult } from "../../spec/result.ts";
import { readSbr, type SbrConfig, type Source, sourcesOf } from "./config.ts";
import { rulesOfSbr } from "./rules.ts";

const listOf = (found: readonly string[]): string => found.length === 0 ? "none" : found.join(", ");

const plainRules = Effect.fnUntraced(function* ({ family, from }: Source) {
  const { host } = yield* View;
  return (yield* host.policyRules("container", family)).filter((rule) => rule.plain && rule.from === from);
});

const ruleFinding = ({ from }: Source, expected: string, found: readonly PolicyRule[]): Finding =>
  `rule for ${from} in the container: expected ${expected}, found ${
    listOf(found.map(({ table }) => `table ${table}`))
  }`;

/** Whose rule it is does not matter where the table is the user's. */
const wantedTable = Effect.fnUntraced(function* (source: Source, table: number) {
  const rules = yield* plainRules(source);
  return rules.some((rule) => rule.table === table) ? [] : [ruleFinding(source, `table ${table}`, rules)];
});

const ownTable = Effect.fnUntraced(function* (source: Source, ifName: string) {
  const { host } = yield* View;
  const [rule] = yield* rulesOfSbr(source.family, [source.from], ifName, null);
  if (rule === undefined) {
    return [ruleFinding(source, `a table with routes over "${ifName}" alone`, yield* plainRules(source))];
  }
  const { gateway } = source;
  if (gateway === null) return [];
  const routes = (yield* host.routes("container", source.family, rule.table)).filter(({ dst }) => isDefaultRoute(dst));
  if (routes.some(({ gw, link }) => gw === gateway && link === ifName)) return [];
  const found = listOf(routes.map(({ gw, link }) => `via ${gw ?? "no gateway"} over ${link ?? "no link"}`));
  return [
    `default route in table ${rule.table} in the container: expected via ${gateway} over ${ifName}, found ${found}`,
  ];
});

/** Compares the rules, and the gateways that they lead to, with the configuration and the result of ADD. */
export const checkSbr: (
  request: Request<SbrConfig>,
  result: CniResult,
) => Effect.Effect<readonly Finding[], HostError | Refused, View> = Effect.fnUntraced(
  function* ({ key: { ifName }, config }, result) {
    const settings = yield* readSbr(config);
    const findings: Finding[] = [];
    for (const source of sourcesOf(result, ifName, settings)) {
      const { table } = settings;
      findings.push(...(table === null ? yield* ownTable(source, ifName) : yield* wantedTable(source, table)));
    }
    return findings;
  },
);
