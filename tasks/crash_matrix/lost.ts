/** The log is gone altogether, as after somebody has emptied its folder: DEL finds out what there is. */
import { RUNTIME } from "../../tests/support/dying_call.ts";
import { leftBehind, World } from "../../tests/support/dying_world.ts";
import { renderResult } from "../../src/spec/render_result.ts";
import * as Effect from "effect/Effect";
import type { Recording } from "./record.ts";
import type { Scenario } from "./scenarios.ts";
import { callOf } from "./ways.ts";

/** What else DEL can go by: the result of ADD, which runtimes keep and hand to plugins. */
export type Known = "with the result of ADD" | "without it";

/** Attaches, removes the log (and libcni's cache, where nothing is to be known), detaches; answers what is left. */
export async function loseLog(scenario: Scenario, known: Known, recording: Recording): Promise<readonly string[]> {
  using world = new World(scenario.prepare);
  const { error, result } = await world.run(callOf(scenario, world, "ADD"));
  if (error !== null || result === null) throw new Error(`Cannot prepare ${scenario.name}: ${error}`);
  Deno.removeSync(`${world.state}/streams`, { recursive: true });
  if (known === "without it" && scenario.plugin === RUNTIME) {
    Deno.removeSync(`${world.folder}/cache`, { recursive: true });
  }
  const call = callOf(scenario, world, "DEL");
  const { prevResult: _, ...config } = call.config;
  const rendered = await Effect.runPromise(renderResult(result, result.cniVersion));
  const told = known === "without it" || scenario.plugin === RUNTIME ? config : { ...config, prevResult: rendered };
  const ended = await world.run({ ...call, config: told });
  const left = leftBehind(await world.traces(), recording.before, recording.after);
  return [...(ended.error === null ? [] : [`DEL failed: ${world.plain(ended.error)}`]), ...left];
}
