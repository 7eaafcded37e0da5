/**
 * cleat: a chain within a chain, for runtimes that execute every plugin as a process of its own: one process runs all of
 * `plugins`, ours in it, others as executables from CNI_PATH. Each has the stream, the result and the failure it would have if the
 * runtime ran it itself; a stream of cleat's own says in which order they are undone.
 */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type { Plugin } from "../engine/plugin.ts";
import { View } from "../engine/view.ts";
import { deriveRequestConfig } from "../spec/derive_request.ts";
import { Refused } from "../spec/failure.ts";
import { member } from "../spec/fold_keys.ts";
import type { JsonObject } from "../spec/json.ts";
import { described } from "../spec/key_descriptions.ts";
import type { PluginConf } from "../spec/network_list.ts";
import { VERSIONS } from "../spec/released_versions.ts";
import { addMembers, askStatus, membersOf, removeMembers } from "./chain_members.ts";

const TYPE = "cleat";

/** Every level would need a stream of its own, and says nothing that the list of the outer one could not say. */
const MemberType = Schema.NonEmptyString.check(
  Schema.makeFilter((type) =>
    type === TYPE ? `cannot stand within "${TYPE}": list its plugins in the outer one` : true
  ),
);

/** An entry of `plugins`, as in a network list; its other keys are the plugin's own. */
const MemberConfig = described(
  Schema.StructWithRest(
    Schema.Struct({
      type: MemberType,
      capabilities: Schema.optionalKey(Schema.Record(Schema.String, Schema.NullOr(Schema.Boolean))),
    }),
    [Schema.Record(Schema.String, Schema.Json)],
  ),
  {
    type: "the name of a plugin",
    capabilities: "what the plugin wants of the runtime, by name; the outer configuration must name it too",
  },
);

/**
 * Keys of cleat. Its own `capabilities` must name all that its plugins want, for a runtime offers no others; each plugin
 * then gets those that it names itself. `args`, which runtimes insert, is handed on to every plugin.
 */
export const CleatConfig = described(
  Schema.Struct({
    plugins: Schema.Array(MemberConfig).check(Schema.isNonEmpty({ expected: "an array with at least one plugin" })),
    runtimeConfig: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json)),
    args: Schema.optionalKey(Schema.Json),
  }),
  { plugins: "an array with the configurations of the plugins, in the order of ADD" },
);

/** A decoded cleat configuration. */
export type CleatConfig = typeof CleatConfig.Type;

/** What a request says besides the configuration. */
interface Envelope {
  readonly raw: JsonObject;
  readonly cniVersion: string;
}

const confOf = ({ args }: CleatConfig) => (entry: CleatConfig["plugins"][number]): PluginConf => ({
  type: entry.type,
  capabilities: Object.fromEntries(Object.entries(entry.capabilities ?? {}).map(([name, on]) => [name, on === true])),
  raw: args === undefined ? entry : { ...entry, args },
});

/** The network of the request, with our plugins as its list. */
const listOf = (config: CleatConfig, { raw, cniVersion }: Envelope) => ({
  name: String(member(raw, "name") ?? ""),
  cniVersion,
  plugins: config.plugins.map(confOf(config)),
});

const members = (config: CleatConfig, envelope: Envelope) =>
  membersOf(listOf(config, envelope), config.runtimeConfig ?? {});

/** A chain of plugins in one process. */
export const cleat: Plugin<CleatConfig> = {
  type: TYPE,
  versions: VERSIONS,
  config: CleatConfig,
  add: (request) =>
    Effect.map(
      addMembers(members(request.config, request), request.prevResult),
      (result) => result ?? { cniVersion: request.cniVersion },
    ),
  /** The first failure is the answer, in its own words: so a runtime that asks one after the other would hear it. */
  check: Effect.fnUntraced(function* (request) {
    const view = yield* View;
    for (const { type, config } of members(request.config, request)) {
      const asked = yield* Effect.result(view.ask(type, "CHECK", yield* config("CHECK", request.prevResult)));
      if (asked._tag === "Failure") return yield* new Refused(asked.failure.failure);
    }
    return [];
  }),
  adopt: (request) => removeMembers(members(request.config, request), request.prevResult),
  gc: (config, { valid, ...envelope }) => {
    const list = listOf(config, envelope);
    return Effect.succeed(list.plugins.map((plugin) => ({
      plugin: plugin.type,
      config: deriveRequestConfig(list, plugin, { command: "GC", validAttachments: valid }),
    })));
  },
  status: (config, request) => askStatus(members(config, request)),
};
