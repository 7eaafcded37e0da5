/** The trace that runs of plugins belong to. */
import * as Context from "effect/Context";
import type { TraceContext as Trace } from "../spec/trace.ts";

/**
 * The trace handed to executables. Null, the default, leaves what this process has inherited in its own environment.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { TraceContext } from "./trace_context.ts";
 * const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
 * const traced = Effect.provideService(TraceContext, TraceContext, { traceparent });
 * if (Effect.runSync(traced)?.traceparent !== traceparent) throw new Error("not traced");
 * ```
 */
export const TraceContext: Context.Reference<Trace | null> = Context.Reference<Trace | null>(
  "cleat/TraceContext",
  { defaultValue: () => null },
);
