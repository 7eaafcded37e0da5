import assert from "node:assert/strict";
import { evolveLease, noLease, stepOf } from "../../../src/machines/dhcp_lease.ts";
import type { DhcpEvent, DhcpTerms } from "../../../src/machines/dhcp_event.ts";

const MINUTE = 60_000;

const terms = (minutes: number, since = 0): DhcpTerms => ({
  address: "192.0.2.5/24",
  routes: [],
  server: "192.0.2.1",
  serverMac: "02:00:00:00:00:01",
  since,
  renewAt: since + minutes * MINUTE / 2,
  rebindAt: since + minutes * MINUTE * 0.875,
  expiresAt: since + minutes * MINUTE,
});

const granted = (of: DhcpTerms): DhcpEvent => ({
  type: "bound",
  boot: "boot-1",
  place: { netns: "/ns/c1", cookie: "7", ifName: "eth0", mac: "02:00:00:00:00:02" },
  speech: { clientId: "00", options: {}, priority: 0 },
  terms: of,
});

const at = (minutes: number, events: readonly DhcpEvent[] = [granted(terms(80))]) => {
  const now = minutes * MINUTE;
  const state = evolveLease(events.reduce(evolveLease, noLease), { type: "time", now });
  return { state: state.value, step: stepOf(state, now) };
};

Deno.test("a lease waits for T1, asks its server until T2, any server until its end, and is lost then", () => {
  assert.deepEqual(at(39), { state: "bound", step: { do: "wait", until: 40 * MINUTE } });
  assert.deepEqual(at(40), { state: "renewing", step: { do: "renew", until: 70 * MINUTE, retryAt: 55 * MINUTE } });
  assert.deepEqual(at(70), { state: "rebinding", step: { do: "rebind", until: 80 * MINUTE, retryAt: 75 * MINUTE } });
  const end = at(80);
  assert.equal(end.state, "lost");
  assert.equal(end.step.do, "end");
});

Deno.test("a client that has slept through its deadlines goes straight to where it must be", () => {
  assert.equal(at(10_000).state, "lost");
});

Deno.test("the pause between requests is half of what is left, a minute at least, and never beyond the deadline", () => {
  const retry = (minutes: number) => {
    const { step } = at(minutes);
    return "retryAt" in step ? (step.retryAt - minutes * MINUTE) / MINUTE : null;
  };
  assert.deepEqual([40, 50, 68.5, 69.5].map(retry), [15, 10, 1, 0.5]);
});

Deno.test("a new grant begins anew, also out of the last state that asks", () => {
  const state = evolveLease(evolveLease(noLease, granted(terms(80))), { type: "time", now: 75 * MINUTE });
  assert.equal(state.value, "rebinding");
  const again = evolveLease(state, granted(terms(80, 76 * MINUTE)));
  assert.deepEqual(stepOf(again, 76 * MINUTE), { do: "wait", until: 116 * MINUTE });
});

Deno.test("a lease without end waits for ever", () => {
  const endless = { ...terms(1), renewAt: null, rebindAt: null, expiresAt: null };
  assert.deepEqual(at(1e9, [granted(endless)]), { state: "bound", step: { do: "wait", until: null } });
});

Deno.test("what was released or lost stays so, whatever else is heard, and says why", () => {
  for (const last of [{ type: "released" }, { type: "lost", why: "the link is gone" }] as const) {
    const { state, step } = at(1, [granted(terms(80)), last, granted(terms(90))]);
    assert.equal(state, last.type);
    assert.equal(step.do, "end");
    assert.match("why" in step ? step.why : "", last.type === "lost" ? /the link is gone/ : /released/);
  }
  assert.equal(at(1, []).step.do, "end");
});
