/** How long other people's executables may take. */
import * as Context from "effect/Context";

/** Limits in milliseconds for each execution of an executable. */
export interface InvocationLimits {
  /** For every execution; null for as long as it takes. */
  readonly each: number | null;
  /**
   * For executions that begin after the caller has gone, to take back what was done: an interrupted ADD runs DEL. The
   * smaller of the two counts.
   */
  readonly cleanUp: number;
}

/** Long enough for a DEL that asks a server, short enough that who interrupted sees an end. */
const CLEAN_UP_MS = 10_000;

/**
 * The limits that apply. An executable that reaches its limit is killed with everything it has started, and its verb
 * has failed.
 *
 * @example Give every executable a minute
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { InvocationLimits } from "./limits.ts";
 * const inAMinute = Effect.provideService(InvocationLimits, InvocationLimits, { each: 60_000, cleanUp: 10_000 });
 * if (Effect.runSync(inAMinute).each !== 60_000) throw new Error("not limited");
 * ```
 */
export const InvocationLimits: Context.Reference<InvocationLimits> = Context.Reference<InvocationLimits>(
  "cleat/InvocationLimits",
  { defaultValue: () => ({ each: null, cleanUp: CLEAN_UP_MS }) },
);
