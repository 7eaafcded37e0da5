/** Other people's plugins in memory: executables that record how they are run and answer what a test says. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { ExecError, Executables, type Finished } from "../../src/effects/exec.ts";
import type { JsonObject } from "../../src/spec/json.ts";

/** One execution. */
export interface Run {
  readonly file: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly stdin: JsonObject;
}

/** What an execution leaves behind; what is not said is as after a success that prints nothing. "hangs" never ends. */
export type Answer = (run: Run) => Partial<Finished> | "hangs";

/** Prints a result on ADD, and succeeds otherwise. */
export const printing = (result: JsonObject) => ({ environment }: Run): Partial<Finished> =>
  environment.CNI_COMMAND === "ADD" ? { stdout: JSON.stringify(result) } : {};

/**
 * Executables by name, all in `/opt/foreign`; what has no name here is ours, or missing. `runs` are all executions,
 * `killed` those that were killed.
 */
export function foreign(answers: Readonly<Record<string, Answer>>) {
  const runs: Run[] = [];
  const killed: Run[] = [];
  const layer = Layer.succeed(Executables)({
    find: (plugin, _path, known) => {
      if (answers[plugin] !== undefined) return Effect.succeed({ ours: false, file: `/opt/foreign/${plugin}` });
      const missing = new ExecError({ plugin, reason: "not found", detail: "it is in none of the folders" });
      return known ? Effect.succeed({ ours: true }) : Effect.fail(missing);
    },
    run: (file, environment, stdin) =>
      Effect.suspend(() => {
        const run: Run = { file, environment, stdin: JSON.parse(stdin) };
        runs.push(run);
        const answer = answers[file.slice(file.lastIndexOf("/") + 1)]?.(run) ?? {};
        return answer === "hangs"
          ? Effect.onInterrupt(Effect.never, () => Effect.sync(() => void killed.push(run)))
          : Effect.succeed({ code: 0, signal: null, stdout: "", stderr: "", ...answer });
      }),
  });
  return { layer, runs, killed };
}
