/**
 * A chain as a plugin: its ops are `plugin.invoke`, its stream is `@chain`. ADD threads the result through the plugins;
 * DEL is, as everywhere, unwinding, which runs them backwards.
 */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import { findingOf } from "../engine/check.ts";
import type { Finding, Plugin, Request } from "../engine/plugin.ts";
import { View } from "../engine/view.ts";
import { addMembers, askStatus, type Member, membersOf, removeMembers } from "../plugins/chain_members.ts";
import type { Refused } from "../spec/failure.ts";
import type { JsonObject } from "../spec/json.ts";
import { CHAIN_SLOT } from "../spec/key.ts";
import { type NetworkList, parseNetworkList } from "../spec/network_list.ts";
import type { CniResult } from "../spec/result.ts";
import { DEFAULT_VERSION, VERSIONS } from "../spec/released_versions.ts";

/** The chain's own config: the network's list with the plugins of its folder, and what the container asks for. */
const ChainConfig = Schema.Struct({
  list: Schema.String,
  capabilityArgs: Schema.Record(Schema.String, Schema.Json),
});
interface ChainConfig {
  readonly list: string;
  readonly capabilityArgs: JsonObject;
}

/** What the log of a chain keeps as its config. */
export const chainConfig = (list: NetworkList, capabilityArgs: JsonObject): JsonObject => ({
  cniVersion: list.cniVersion || DEFAULT_VERSION,
  name: list.name,
  list: JSON.stringify({ cniVersion: list.cniVersion, name: list.name, plugins: list.plugins.map(({ raw }) => raw) }),
  capabilityArgs,
});

/** The plugins of the chain. */
const members = ({ list: text, capabilityArgs }: ChainConfig): Effect.Effect<readonly Member[], Refused> =>
  Effect.map(parseNetworkList(text, "the list of this attachment"), (list) => membersOf(list, capabilityArgs));

const add = Effect.fnUntraced(function* ({ config, cniVersion }: Request<ChainConfig>) {
  const result: CniResult | null = yield* addMembers(yield* members(config), null);
  return result ?? { cniVersion };
});

const check = Effect.fnUntraced(function* ({ key, config, prevResult }: Request<ChainConfig>) {
  const view = yield* View;
  const findings: Finding[] = [];
  const chain = yield* Effect.orDie(members(config));
  for (const { type, config: configFor } of chain) {
    const asked = yield* Effect.result(view.ask(type, "CHECK", yield* Effect.orDie(configFor("CHECK", prevResult))));
    if (asked._tag === "Failure") findings.push(findingOf(key, type, asked.failure.failure));
  }
  return findings;
});

/** The chain of a network list, run by the same engine as every plugin. */
export const chain: Plugin<ChainConfig> = {
  type: CHAIN_SLOT,
  versions: VERSIONS,
  config: ChainConfig,
  validate: (config) => Effect.asVoid(members(config)),
  add,
  check,
  adopt: ({ config, prevResult }) =>
    Effect.flatMap(Effect.orDie(members(config)), (chain) => removeMembers(chain, prevResult)),
  status: (config) => Effect.flatMap(members(config), askStatus),
};
