import assert from "node:assert/strict";
import { traceVariables } from "../../../src/spec/trace.ts";

const TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

Deno.test("[B12, H41, J127] a trace becomes three variables, the empty ones to hide what belongs to another trace", () => {
  const rest = { tracestate: "vendor=1", baggage: "user=blue,tier=2" };
  assert.deepEqual(traceVariables({ traceparent: TRACEPARENT, ...rest }), {
    TRACEPARENT,
    TRACESTATE: "vendor=1",
    BAGGAGE: "user=blue,tier=2",
  });
  assert.deepEqual(traceVariables({ traceparent: TRACEPARENT }), { TRACEPARENT, TRACESTATE: "", BAGGAGE: "" });
});

Deno.test("[H41, J127] without a valid parent nothing is passed, and baggage does not travel alone", () => {
  assert.deepEqual(traceVariables(null), {});
  const invalid = [
    "",
    "nonsense",
    TRACEPARENT.toUpperCase(),
    `${TRACEPARENT}-more`,
    TRACEPARENT.replace("00-", "ff-"),
    `00-${"0".repeat(32)}-00f067aa0ba902b7-01`,
    `00-4bf92f3577b34da6a3ce929d0e0e4736-${"0".repeat(16)}-01`,
    `${TRACEPARENT}\n`,
  ];
  for (const traceparent of invalid) {
    assert.deepEqual(traceVariables({ traceparent, tracestate: "a=1", baggage: "b=2" }), {}, traceparent);
  }
});
