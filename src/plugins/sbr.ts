/**
 * sbr: source-based routing. What an interface's addresses send leaves by that interface, and by its gateway, whatever the
 * main table says. Runs after the plugin that made the interface.
 *
 * @module
 */
import * as Effect from "effect/Effect";
import { ABSENT, type HostError } from "../effects/kernel/host.ts";
import type { Op } from "../effects/kernel/op.ts";
import { type Act, perform } from "../engine/act.ts";
import type { EffectError, Plugin, Request } from "../engine/plugin.ts";
import { View } from "../engine/view.ts";
import { formatCidr } from "../spec/cidr.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import { VERSIONS } from "../spec/released_versions.ts";
import type { CniResult } from "../spec/result.ts";
import { MAIN_TABLE, SCOPE_LINK } from "../spec/routing.ts";
import { orAlready, PRESENT } from "./ensure.ts";
import { routesOver } from "./routing_tables.ts";
import { checkSbr } from "./sbr/check.ts";
import { alone, readSbr, SbrConfig, type Source, sourcesOf } from "./sbr/config.ts";
import { planRoutes } from "./sbr/routes.ts";
import { leadTo, leadToOwn, rulesOfSbr } from "./sbr/rules.ts";

export { SbrConfig };

const NO_PREV_RESULT = "prevResult is missing: sbr must be called as chained plugin";

const refuse = (msg: string) => new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg });

/** A table of its own for each source. The main table loses its routes when all others are made. */
const makeTables = Effect.fnUntraced(function* (ifName: string, sources: readonly Source[], hints: boolean) {
  const { host } = yield* View;
  const addresses = (yield* host.addresses("container", ifName)).filter(({ scope }) => scope < SCOPE_LINK)
    .map(({ address }) => formatCidr(address));
  const routes = yield* routesOver(ifName, MAIN_TABLE);
  const plan = planRoutes(sources, { name: ifName, addresses, routes }, hints);
  for (const { source, into } of plan.tables) {
    const table = yield* leadToOwn(source, ifName);
    for (const route of into(table)) yield* orAlready(PRESENT)(perform(route));
  }
  for (const route of plan.removals) yield* orAlready(ABSENT)(perform(route));
  // Last, and so the first to be undone: beside a route by a gateway to the same network, the kernel cannot be told this one.
  for (const route of plan.hints) yield* orAlready(PRESENT)(perform(route));
});

const add: (
  request: Request<SbrConfig>,
) => Effect.Effect<CniResult, EffectError | Refused, View | Act> = Effect.fnUntraced(
  function* ({ key: { ifName, containerId }, config, prevResult }) {
    const settings = yield* readSbr(config);
    if (prevResult === null) {
      return yield* refuse(`Cannot route "${ifName}" of "${containerId}" by source: ${NO_PREV_RESULT}`);
    }
    if ((prevResult.ips ?? []).length === 0) {
      return yield* refuse(`Cannot route "${ifName}" of "${containerId}" by source: prevResult has no addresses`);
    }
    const sources = sourcesOf(prevResult, ifName, settings);
    if (settings.table === null) yield* makeTables(ifName, sources, settings.hints);
    else for (const source of sources) yield* leadTo(source, settings.table);
    return prevResult;
  },
);

/** The rules of another sbr, or of ours whose log is lost. Routes go with the interface. */
const adopt: (
  request: Request<SbrConfig>,
) => Effect.Effect<readonly Op[], HostError, View> = Effect.fnUntraced(
  function* ({ key: { ifName }, config, prevResult }) {
    const { host } = yield* View;
    const own = (yield* host.addresses("container", ifName)).map(({ address }) => alone(address));
    const named = prevResult === null
      ? []
      : sourcesOf(prevResult, ifName, { table: null, gateways: {}, hints: false }).map(({ from }) => from);
    const ops: Op[] = [];
    for (const family of [4, 6] as const) {
      for (
        const { from, table, priority } of yield* rulesOfSbr(family, [...own, ...named], ifName, config.table ?? null)
      ) {
        if (from !== null) ops.push({ op: "rule.remove", on: "container", from, table, priority });
      }
    }
    return ops;
  },
);

/** Source-based routing for containers with several interfaces. */
export const sbr: Plugin<SbrConfig> = {
  type: "sbr",
  versions: VERSIONS,
  config: SbrConfig,
  validate: (config) => Effect.asVoid(readSbr(config)),
  add,
  check: (request) =>
    request.prevResult === null
      ? Effect.succeed([`"${request.key.ifName}" of "${request.key.containerId}": ${NO_PREV_RESULT}`])
      : request.known === true
      ? Effect.succeed([])
      : checkSbr(request, request.prevResult),
  adopt,
};
