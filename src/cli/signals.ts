/** Ctrl-C and the like: what was begun is taken back before the process ends. */

const SIGNALS: readonly Deno.Signal[] = ["SIGINT", "SIGTERM"];

/**
 * Runs with an AbortSignal that the first SIGINT or SIGTERM of this process aborts. A second one ends the process at
 * once, as it would without this.
 */
export async function untilSignalled<A>(run: (signal: AbortSignal) => Promise<A>): Promise<A> {
  const controller = new AbortController();
  const stop = () => {
    release();
    controller.abort();
  };
  const release = () => SIGNALS.forEach((signal) => Deno.removeSignalListener(signal, stop));
  SIGNALS.forEach((signal) => Deno.addSignalListener(signal, stop));
  try {
    return await run(controller.signal);
  } finally {
    release();
  }
}
