/** Death at every point: a process dies there, the host recovers, and nothing may be left. */
import type { Verb } from "../../tests/support/dying_call.ts";
import type { Job } from "../../tests/support/dying_door.ts";
import { die, type Door } from "../../tests/support/dying_process.ts";
import { leftBehind, World } from "../../tests/support/dying_world.ts";
import { type Recording, spoil } from "./record.ts";
import type { Scenario } from "./scenarios.ts";
import { callOf, type Way } from "./ways.ts";

/** A point of a verb, and the way in which the host is to recover. Points 2n and 2n + 1 are before and after step n. */
export interface Trial {
  readonly scenario: Scenario;
  readonly verb: Verb;
  readonly at: number;
  readonly way: Way;
}

/** What is wrong after it: nothing, or sentences and lines of the snapshot. */
export interface Tried {
  readonly trial: Trial;
  readonly left: readonly string[];
}

/** A world in which a verb can begin: what must be there before has been done. */
async function ready({ scenario, verb }: Trial): Promise<World> {
  const world = new World(scenario.prepare);
  if (verb === "ADD") return world;
  const { error } = await world.run(callOf(scenario, world, "ADD"));
  if (error !== null) throw new Error(`Cannot prepare ${verb} of ${scenario.name}: ${error}`);
  if (verb === "CHECK") spoil(scenario, world);
  return world;
}

const jobOf = ({ scenario, verb, at }: Trial, world: World): Job => ({
  host: world.host.path,
  state: world.state,
  call: callOf(scenario, world, verb),
  at,
});

/** Recovers, looks, attaches and detaches once more, and looks again. */
async function recover({ scenario, way }: Trial, world: World, { before, after }: Recording) {
  const failure = await way.recover(scenario, world);
  const left = leftBehind(await world.traces(), before, after);
  if (failure !== null || left.length > 0) return [...(failure === null ? [] : [failure]), ...left];
  for (const verb of ["ADD", "DEL"] as const) {
    const { error } = await world.run(callOf(scenario, world, verb));
    if (error !== null) return [`a new ${verb} failed: ${world.plain(error)}`];
  }
  const shared = after.filter((line) => !line.startsWith("container "));
  return leftBehind(await world.traces("host"), shared, shared).map((line) => `after a new ADD and DEL: ${line}`);
}

/** Tries these, which one process dies for. */
export async function tryAll(
  trials: readonly Trial[],
  recordingOf: (scenario: Scenario) => Recording,
  door: Door,
): Promise<readonly Tried[]> {
  const worlds: World[] = [];
  try {
    for (const trial of trials) worlds.push(await ready(trial));
    await die(door, trials.flatMap((trial, i) => worlds[i] === undefined ? [] : [jobOf(trial, worlds[i])]));
    const tried: Tried[] = [];
    for (const [i, trial] of trials.entries()) {
      const world = worlds[i];
      if (world !== undefined) {
        tried.push({ trial, left: await recover(trial, world, recordingOf(trial.scenario)) });
      }
    }
    return tried;
  } finally {
    for (const world of worlds) world[Symbol.dispose]();
  }
}
