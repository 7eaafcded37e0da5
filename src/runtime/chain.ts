/**
 * A chain as a plugin: its ops are `plugin.invoke`, its stream is `@chain`. ADD threads the result through the plugins;
 * DEL is, as everywhere, unwinding, which runs them backwards.
 */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type { InvokeOp } from "../effects/kernel/op.ts";
import { perform } from "../engine/act.ts";
import { findingOf } from "../engine/check.ts";
import type { Finding, Plugin, Request } from "../engine/plugin.ts";
import { View } from "../engine/view.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import type { JsonObject } from "../spec/json.ts";
import { CHAIN_SLOT } from "../spec/key.ts";
import { deriveRequestConfig, type NetworkList, parseNetworkList } from "../spec/network_list.ts";
import { renderResult } from "../spec/render_result.ts";
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

/** A plugin of the chain, with its way to a request config. */
interface Link {
  readonly type: string;
  readonly config: (
    verb: "ADD" | "CHECK" | "DEL" | "STATUS",
    prevResult: CniResult | null,
  ) => Effect.Effect<JsonObject, Refused>;
}

/** The plugins of the chain (CNI spec 1.1.0, section 4, "Deriving request configuration"). */
const links = ({ list: text, capabilityArgs }: ChainConfig): Effect.Effect<readonly Link[], Refused> =>
  Effect.map(parseNetworkList(text, "the list of this attachment"), (list) =>
    list.plugins.map((plugin) => ({
      type: plugin.type,
      config: (command, result) =>
        Effect.map(
          result === null ? Effect.succeed(null) : renderResult(result, result.cniVersion),
          (prevResult) => deriveRequestConfig(list, plugin, { command, capabilityArgs, prevResult }),
        ),
    })));

const add = Effect.fnUntraced(function* ({ config, cniVersion }: Request<ChainConfig>) {
  let result: CniResult = { cniVersion };
  let previous: CniResult | null = null;
  for (const { type, config: configFor } of yield* links(config)) {
    const answer: CniResult | null = yield* perform({
      op: "plugin.invoke",
      plugin: type,
      command: "ADD",
      config: yield* configFor("ADD", previous),
    });
    if (answer === null) {
      return yield* new Refused({
        code: CniCode.DECODING_FAILURE,
        msg: `Cannot use the result of plugin "${type}": it printed none`,
      });
    }
    previous = answer;
    result = answer;
  }
  return result;
});

const check = Effect.fnUntraced(function* ({ key, config, prevResult }: Request<ChainConfig>) {
  const view = yield* View;
  const findings: Finding[] = [];
  const chain = yield* Effect.orDie(links(config));
  for (const { type, config: configFor } of chain) {
    const asked = yield* Effect.result(view.ask(type, "CHECK", yield* Effect.orDie(configFor("CHECK", prevResult))));
    if (asked._tag === "Failure") findings.push(findingOf(key, type, asked.failure.failure));
  }
  return findings;
});

const adopt = Effect.fnUntraced(function* ({ config, prevResult }: Request<ChainConfig>) {
  const chain = yield* Effect.orDie(links(config));
  const ops: InvokeOp[] = [];
  for (const { type, config: configFor } of chain.toReversed()) {
    const config = yield* Effect.orDie(configFor("DEL", prevResult));
    ops.push({ op: "plugin.invoke", plugin: type, command: "DEL", config });
  }
  return ops;
});

/** The chain of a network list, run by the same engine as every plugin. */
export const chain: Plugin<ChainConfig> = {
  type: CHAIN_SLOT,
  versions: VERSIONS,
  config: ChainConfig,
  validate: (config) => Effect.asVoid(links(config)),
  add,
  check,
  adopt,
  status: Effect.fnUntraced(function* (config) {
    const view = yield* View;
    for (const { type, config: configFor } of yield* links(config)) {
      yield* view.ask(type, "STATUS", yield* configFor("STATUS", null));
    }
  }),
};
