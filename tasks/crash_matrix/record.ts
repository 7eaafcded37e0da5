/** One whole life of a scenario: its steps, and what the host looks like before and after it. */
import * as Effect from "effect/Effect";
import type { Verb } from "../../tests/support/dying_call.ts";
import { type Step, watchedLayer } from "../../tests/support/dying_layer.ts";
import { leftBehind, type Traces, World } from "../../tests/support/dying_world.ts";
import type { Scenario } from "./scenarios.ts";
import { callOf } from "./ways.ts";

/** The verbs, in the order of the page. */
export const VERBS: readonly Verb[] = ["ADD", "CHECK", "DEL", "GC"];

/** What one whole run of a scenario has shown. */
export interface Recording {
  readonly steps: Readonly<Record<Verb, readonly Step[]>>;
  readonly before: Traces;
  readonly after: Traces;
}

/** Runs a verb, and answers the steps it took. CHECK is to fail, all others to succeed. */
const stepsOf = async (scenario: Scenario, world: World, verb: Verb): Promise<readonly Step[]> => {
  const steps: Step[] = [];
  const layer = watchedLayer(world.state, (step, when) =>
    Effect.sync(() => {
      if (when === "before") steps.push({ ...step, words: world.plain(step.words) });
    }));
  const { error } = await world.run(callOf(scenario, world, verb), layer);
  if ((error === null) === (verb === "CHECK")) throw new Error(`${scenario.name}: ${verb}: ${error ?? "it passed"}`);
  return steps;
};

/** Makes CHECK find something. */
export const spoil = (scenario: Scenario, world: World): void =>
  void world.host.must(`CONTAINER=${world.container.path} DIR=${world.folder}; ${scenario.spoil}`);

/** Runs ADD, CHECK, DEL, and ADD and GC, on a new host. */
export async function record(scenario: Scenario): Promise<Recording> {
  using world = new World(scenario.prepare);
  const before = await world.traces();
  const ADD = await stepsOf(scenario, world, "ADD");
  const DEL = await stepsOf(scenario, world, "DEL");
  const after = await world.traces();
  await stepsOf(scenario, world, "ADD");
  const GC = await stepsOf(scenario, world, "GC");
  await stepsOf(scenario, world, "ADD");
  spoil(scenario, world);
  const CHECK = await stepsOf(scenario, world, "CHECK");
  await stepsOf(scenario, world, "DEL");
  const left = leftBehind(await world.traces(), before, after);
  if (left.length > 0) throw new Error(`${scenario.name} leaves without any death:\n${left.join("\n")}`);
  return { steps: { ADD, CHECK, DEL, GC }, before, after };
}
