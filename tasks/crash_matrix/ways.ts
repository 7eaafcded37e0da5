/** The ways in which a host recovers from a death: each is a few verbs, all of which must succeed. */
import { type Call, RUNTIME, type Verb } from "../../tests/support/dying_call.ts";
import type { World } from "../../tests/support/dying_world.ts";
import type { JsonObject } from "../../src/spec/json.ts";
import type { Scenario } from "./scenarios.ts";

/** One of them. A new way is one entry in `ways`. */
export interface Way {
  /** Column of the table. */
  readonly name: string;
  readonly worksFor: (scenario: Scenario) => boolean;
  readonly recover: (scenario: Scenario, world: World) => Promise<string | null>;
}

/** The verb of a scenario as its runtime asks for it. */
export const callOf = (scenario: Scenario, world: World, verb: Verb): Call => ({
  plugin: scenario.plugin,
  verb,
  netns: world.container.path,
  path: scenario.path?.(world) ?? "",
  config: verb === "GC" && scenario.plugin !== RUNTIME
    ? { ...scenario.config(world), "cni.dev/valid-attachments": [] }
    : scenario.config(world),
  ...(scenario.capabilityArgs === undefined ? {} : { capabilityArgs: scenario.capabilityArgs }),
  cacheDir: `${world.folder}/cache`,
});

/** Runs a verb; answers null, or why it failed. */
const must = async (world: World, call: Call): Promise<string | null> => {
  const { error } = await world.run(call);
  return error === null ? null : `${call.verb} of ${call.plugin} failed: ${world.plain(error)}`;
};

const always = () => true;

/** DEL of every plugin by an executable of its own, the last first, as by a runtime that knows nothing of the others. */
const oneByOne = async (members: readonly JsonObject[], scenario: Scenario, world: World): Promise<string | null> => {
  for (const config of members.toReversed()) {
    const failure = await must(world, { ...callOf(scenario, world, "DEL"), plugin: String(config.type), config });
    if (failure !== null) return failure;
  }
  return await must(world, callOf(scenario, world, "DEL")); // what ran the plugins has a stream of its own
};

/** All of them, in the order of the columns. */
export const ways: readonly Way[] = [
  {
    name: "DEL",
    worksFor: always,
    recover: (scenario, world) => must(world, callOf(scenario, world, "DEL")),
  },
  {
    name: "DEL without config or CNI_NETNS",
    worksFor: always,
    recover: (scenario, world) => must(world, { ...callOf(scenario, world, "DEL"), netns: "", config: scenario.bare }),
  },
  {
    name: "DEL by each plugin",
    worksFor: ({ members }) => members !== undefined,
    recover: (scenario, world) => oneByOne(scenario.members?.(world) ?? [], scenario, world),
  },
  {
    name: "GC",
    worksFor: always,
    recover: (scenario, world) => must(world, callOf(scenario, world, "GC")),
  },
  {
    name: "recover, DEL",
    worksFor: always,
    recover: async (scenario, world) => {
      const { error } = await world.recover(); // what was complete is attached, and stays
      return error === null
        ? await must(world, callOf(scenario, world, "DEL"))
        : `recover failed: ${world.plain(error)}`;
    },
  },
  {
    name: "ADD, DEL",
    worksFor: always,
    recover: async (scenario, world) => {
      const { error } = await world.run(callOf(scenario, world, "ADD"));
      // What was complete before the process died is attached, and says so.
      if (error !== null && !/already (attached|drifted)/.test(error)) return `ADD failed: ${world.plain(error)}`;
      return await must(world, callOf(scenario, world, "DEL"));
    },
  },
];
