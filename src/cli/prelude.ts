/**
 * The first import of every entry point: what must be so before Effect loads.
 *
 * Effect asks `globalThis.process` for Node modules when it is imported, which boots Node compatibility (12 ms, 57 with
 * eager compilation), and reads one error stack, which costs more the larger the bundle is (4 ms). Assigning `process`
 * does not boot it; reading it would. `node:` modules still work.
 */

Object.assign(globalThis, { process: undefined });
Error.stackTraceLimit = 0;
