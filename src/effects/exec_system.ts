/** Executables of this machine. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { ExecError, Executables } from "./exec.ts";
import { PluginProcess } from "./process_system.ts";
import { search } from "./search_system.ts";

/** Pauses between attempts to start a file that is being replaced (ETXTBSY), in milliseconds, and their number: Go libcni's. */
const BUSY_PAUSE_MS = 1_000;
const BUSY_RETRIES = 5;

/** Deno reports ETXTBSY as a plain error without a code. */
const isBusy = (error: unknown): boolean => error instanceof Error && /os error 26\)/.test(error.message);

/** Each attempt is a whole new process; what has been started cannot be lost to an interruption. */
const start = (
  attempt: () => PluginProcess,
  file: string,
  pause: Effect.Effect<void>,
): Effect.Effect<PluginProcess, ExecError> =>
  Effect.gen(function* () {
    for (let retries = BUSY_RETRIES;; retries--) {
      const tried = yield* Effect.result(Effect.try({ try: attempt, catch: (error) => error }));
      if (tried._tag === "Success") return tried.success;
      const error = tried.failure;
      if (retries === 0 || !isBusy(error)) {
        const detail = error instanceof Error ? error.message : String(error);
        return yield* new ExecError({ plugin: file, reason: "not startable", detail });
      }
      yield* pause;
    }
  });

/** Executables, found in the file system and run as child processes; `pause` is between attempts at a busy file, in ms. */
export const executablesOfSystem = (pause: number): Layer.Layer<Executables> =>
  Layer.succeed(Executables)({
    find: (plugin, path, known) =>
      Effect.suspend(() => {
        const found = search(plugin, path, known);
        return found instanceof ExecError ? Effect.fail(found) : Effect.succeed(found);
      }),
    run: (file, environment, stdin) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(
          start(() => new PluginProcess(file, environment, stdin), file, restore(Effect.sleep(pause))),
          (running) =>
            Effect.onInterrupt(restore(Effect.promise(() => running.ended)), () =>
              Effect.promise(() => {
                running.stop();
                return running.ended;
              })),
        )
      ),
  });

/** Executables of this machine. */
export const systemExecutables: Layer.Layer<Executables> = executablesOfSystem(BUSY_PAUSE_MS);
