/**
 * Traces across processes: W3C Trace Context and Baggage as environment variables, as libcni passes them to plugins.
 *
 * @module
 */

/** The place in a trace from which plugins are run. */
export interface TraceContext {
  /** W3C `traceparent`: `00-<32 hex digits>-<16 hex digits>-<2 hex digits>`, neither id all zeros. */
  readonly traceparent: string;
  /** W3C `tracestate`. */
  readonly tracestate?: string;
  /** W3C `baggage`. */
  readonly baggage?: string;
}

/** Version 00 (W3C Trace Context, section 3.2); ids of zeros are invalid. */
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * The variables that carry a trace to a plugin; they replace inherited ones, all three, since what belongs to another
 * trace would mislead. None when there is no trace, or `traceparent` is not valid: then inherited ones pass through.
 *
 * @example
 * ```ts
 * import { traceVariables } from "./trace.ts";
 * const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
 * if (traceVariables({ traceparent }).TRACEPARENT !== traceparent) throw new Error("the trace is lost");
 * if ("BAGGAGE" in traceVariables({ traceparent: "", baggage: "a=b" })) throw new Error("baggage does not travel alone");
 * ```
 */
export function traceVariables(trace: TraceContext | null): Readonly<Record<string, string>> {
  if (trace === null || !TRACEPARENT.test(trace.traceparent)) return {};
  const { traceparent, tracestate = "", baggage = "" } = trace;
  return { TRACEPARENT: traceparent, TRACESTATE: tracestate, BAGGAGE: baggage };
}
