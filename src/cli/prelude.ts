/**
 * The first import of every entry point: what must be so before Effect loads.
 *
 * Effect asks `globalThis.process` for Node modules when it is imported, which boots Node compatibility (12 ms, 57 with
 * eager compilation), and reads one error stack, which costs more the larger the bundle is (4 ms). Assigning `process`
 * does not boot it; reading it would. `node:` modules still work.
 */

/** Frames of a stack trace, V8's default. */
const STACK_FRAMES = 10;

Object.assign(globalThis, { process: undefined });
Error.stackTraceLimit = 0;

/** Gives errors their stack back, once everything is loaded. */
export const restoreStacks = (): void => {
  Error.stackTraceLimit = STACK_FRAMES;
};
