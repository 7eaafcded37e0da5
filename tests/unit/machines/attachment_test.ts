import assert from "node:assert/strict";
import { createTestModel } from "xstate/graph";
import { attachment, type StateName } from "../../../src/machines/attachment.ts";
import { decide } from "../../../src/machines/decide.ts";
import { residue } from "../../../src/machines/entry.ts";
import type { AttachmentEvent, Recorded } from "../../../src/machines/event.ts";
import {
  evolve,
  fold,
  IllegalEvent,
  IllegalHistory,
  initialSnapshot,
  replay,
  step,
} from "../../../src/machines/evolve.ts";
import type { Op } from "../../../src/effects/kernel/op.ts";

const netns = { path: "/run/netns/blue", cookie: "7" };
const veth: Op = {
  op: "link.create",
  on: "host",
  name: "veth1",
  link: { kind: "veth", peer: { on: "container", name: "eth0" } },
};
const undoVeth: Op = { op: "link.delete", on: "host", name: "veth1" };
const lease: Op = {
  op: "lease.reserve",
  pool: "/p/net",
  owner: { containerId: "c", ifName: "eth0" },
  set: 0,
  ranges: [],
};
const undoLease: Op = { op: "lease.release", pool: "/p/net", owner: { containerId: "c", ifName: "eth0" } };
const invoke: Op = { op: "plugin.invoke", plugin: "x", command: "ADD", config: {} };
const undoInvoke: Op = { ...invoke, command: "DEL" };
const error = { code: 5, msg: "no" };

const ADD: AttachmentEvent = { type: "ADD", netns, config: {}, prevResult: null };
const intend = (id: number, op: Op = veth, undo: Op | null = undoVeth): AttachmentEvent => ({
  type: "effect.intended",
  id,
  op,
  undo,
});
const apply = (id: number): AttachmentEvent => ({ type: "effect.applied", id });
const succeed: AttachmentEvent = { type: "add.succeeded", result: { cniVersion: "1.1.0" } };
const rebooted: AttachmentEvent = { type: "host.rebooted", from: "a", to: "b" };
const after = (...events: AttachmentEvent[]) => events.reduce(evolve, initialSnapshot);
const record = (event: AttachmentEvent, seq: number): Recorded => ({
  v: 1,
  seq,
  at: "2026-01-01T00:00:00.000Z",
  boot: "a",
  pid: 1,
  by: "test",
  prev: "",
  event,
});

/** Where each legal event leads, state by state: the diagram of the design. */
const DESIGN: Record<StateName, Record<string, StateName>> = {
  absent: { ADD: "attaching", DEL: "detaching" },
  attaching: {
    "effect.intended": "attaching",
    "effect.applied": "attaching",
    "effect.failed": "attaching",
    "add.succeeded": "attached",
    "add.failed": "failed",
    "command.abandoned": "failed",
    "host.rebooted": "failed",
  },
  attached: { CHECK: "checking", DEL: "detaching", "host.rebooted": "failed" },
  checking: {
    "check.passed": "attached",
    "check.drifted": "drifted",
    "command.abandoned": "attached",
    "host.rebooted": "failed",
  },
  drifted: { CHECK: "checking", DEL: "detaching", "host.rebooted": "failed" },
  detaching: {
    "effect.intended": "detaching",
    "effect.applied": "detaching",
    "effect.failed": "detaching",
    "undo.applied": "detaching",
    "undo.failed": "detaching",
    "del.succeeded": "detached",
    "del.failed": "failed",
    "command.abandoned": "failed",
    "host.rebooted": "failed",
  },
  detached: { ADD: "attaching", DEL: "detaching" },
  failed: {
    "undo.applied": "failed",
    "undo.failed": "failed",
    ADD: "attaching",
    DEL: "detaching",
    "host.rebooted": "failed",
  },
};

const EVENTS: readonly AttachmentEvent[] = [
  ADD,
  { type: "CHECK" },
  { type: "DEL" },
  intend(1),
  apply(1),
  { type: "effect.failed", id: 1, error },
  { type: "undo.applied", id: 1 },
  { type: "undo.failed", id: 1, error },
  succeed,
  { type: "add.failed", error },
  { type: "check.passed" },
  { type: "check.drifted", findings: ["x"] },
  { type: "del.succeeded" },
  { type: "del.failed", error },
  { type: "command.abandoned", pid: 1 },
  rebooted,
];

/** One way to each state. */
const WAYS: Record<StateName, readonly AttachmentEvent[]> = {
  absent: [],
  attaching: [ADD],
  attached: [ADD, succeed],
  checking: [ADD, succeed, { type: "CHECK" }],
  drifted: [ADD, succeed, { type: "CHECK" }, { type: "check.drifted", findings: ["x"] }],
  detaching: [ADD, succeed, { type: "DEL" }],
  detached: [ADD, succeed, { type: "DEL" }, { type: "del.succeeded" }],
  failed: [ADD, { type: "add.failed", error }],
};

for (const [state, way] of Object.entries(WAYS) as [StateName, readonly AttachmentEvent[]][]) {
  Deno.test(`in "${state}" exactly the events of the design are legal, and lead where it says`, () => {
    const snapshot = after(...way);
    assert.equal(snapshot.value, state);
    const legal = EVENTS.filter((event) => snapshot.can(event));
    assert.deepEqual(
      Object.fromEntries(legal.map((event) => [event.type, evolve(snapshot, event).value])),
      DESIGN[state],
    );
    for (const event of EVENTS.filter((event) => !snapshot.can(event))) {
      assert.throws(() => evolve(snapshot, event), IllegalEvent, `${event.type} in ${state}`);
    }
  });
}

Deno.test("every simple path of the machine replays to the state it reached", () => {
  const model = createTestModel(attachment, {
    events: EVENTS as AttachmentEvent[],
    filterEvents: (snapshot, event) => snapshot.can(event),
    serializeState: (snapshot) => `${snapshot.value}`,
  });
  const reached = new Set<string>();
  for (const path of model.getSimplePaths()) {
    const events = path.steps.map(({ event }) => event).slice(1); // the first is the start of the machine
    const steps = replay(events.map((event, i) => record(event, i + 1)));
    assert.equal(steps.at(-1)?.after.value ?? "absent", path.state.value);
    for (const { before, after } of steps) reached.add(`${before.value}`).add(`${after.value}`);
  }
  assert.deepEqual(reached, new Set(Object.keys(DESIGN)));
});

Deno.test("entering a busy state, or failed, tells the engine what to carry out", () => {
  assert.deepEqual(step(initialSnapshot, ADD)[1], ["runAdd"]);
  assert.deepEqual(step(after(ADD, succeed), { type: "CHECK" })[1], ["runCheck"]);
  assert.deepEqual(step(after(ADD, succeed), { type: "DEL" })[1], ["runDel"]);
  assert.deepEqual(step(after(ADD), { type: "add.failed", error })[1], ["runUndo"]);
});

Deno.test("an intent without an outcome is in doubt and stays to be undone", () => {
  const { context } = after(ADD, intend(1));
  assert.deepEqual(residue(context.stack).map(({ id, outcome }) => [id, outcome]), [[1, "in doubt"]]);
});

Deno.test("a definite failure leaves nothing to undo, except after the ADD of another plugin", () => {
  const kernel = after(ADD, intend(1), { type: "effect.failed", id: 1, error });
  assert.deepEqual(residue(kernel.context.stack), []);
  const plugin = after(ADD, intend(1, invoke, undoInvoke), { type: "effect.failed", id: 1, error });
  assert.deepEqual(residue(plugin.context.stack).map(({ undo }) => undo), [undoInvoke]);
});

Deno.test("several settings of a link in one request are undone after a failure, one setting is not", () => {
  const set = (keys: { mtu?: number; mac?: string }): Op => ({
    op: "link.set",
    on: "container",
    name: "eth0",
    set: keys,
  });
  const failing = (op: Op) => after(ADD, intend(1, op, op), { type: "effect.failed", id: 1, error });
  assert.deepEqual(residue(failing(set({ mtu: 1400 })).context.stack), []);
  assert.equal(residue(failing(set({ mtu: 9, mac: "02:00:00:00:00:01" })).context.stack).length, 1);
});

Deno.test("when the last op is undone, nothing is said to be on the host any more", () => {
  const address: Op = { op: "address.add", on: "container", link: "eth0", address: "10.1.0.2/16" };
  const failing = after(ADD, intend(1), apply(1), intend(2, address, null), apply(2), { type: "add.failed", error });
  assert.equal(failing.context.stack.length, 2);
  assert.deepEqual(evolve(failing, { type: "undo.applied", id: 1 }).context.stack, []);
});

Deno.test("what is undone first was done last", () => {
  const { context } = after(ADD, intend(1), apply(1), intend(2, lease, undoLease), apply(2));
  assert.deepEqual(residue(context.stack).map(({ id }) => id), [2, 1]);
});

Deno.test("a reboot voids kernel state and keeps leases and other plugins' work", () => {
  const { value, context } = after(
    ADD,
    intend(1),
    apply(1),
    intend(2, lease, undoLease),
    apply(2),
    intend(3, invoke, undoInvoke),
    apply(3),
    succeed,
    rebooted,
  );
  assert.equal(value, "failed");
  assert.deepEqual(residue(context.stack).map(({ id }) => id), [3, 2]);
});

Deno.test("ADD after a failure waits until the stack is empty", () => {
  const owing = after(ADD, intend(1), { type: "add.failed", error });
  assert.equal(owing.can(ADD), false);
  assert.equal(evolve(owing, { type: "undo.applied", id: 1 }).can(ADD), true);
});

Deno.test("DEL cannot succeed while something is left", () => {
  const left = after(ADD, intend(1), apply(1), succeed, { type: "DEL" });
  assert.equal(left.can({ type: "del.succeeded" }), false);
  assert.equal(evolve(left, { type: "undo.applied", id: 1 }).can({ type: "del.succeeded" }), true);
});

Deno.test("effect ids never repeat within a stream, also after it was detached", () => {
  const again = after(
    ADD,
    intend(1),
    apply(1),
    succeed,
    { type: "DEL" },
    { type: "undo.applied", id: 1 },
    { type: "del.succeeded" },
    ADD,
  );
  assert.equal(again.context.lastId, 1);
});

Deno.test("an undo that failed names why, and ADD is refused with that reason", () => {
  const owing = after(ADD, intend(1), { type: "add.failed", error }, {
    type: "undo.failed",
    id: 1,
    error: { code: 5, msg: "it is busy" },
  });
  const decision = decide(owing, "ADD");
  assert.equal(decision.decision, "refuse");
  assert.match(decision.decision === "refuse" ? decision.failure.msg : "", /link\.create.*it is busy/);
});

Deno.test("a second ADD is refused, DEL of the unknown adopts, CHECK observes", () => {
  assert.equal(decide(after(ADD, succeed), "ADD").decision, "refuse");
  assert.equal(decide(initialSnapshot, "DEL").decision, "adopt");
  assert.equal(decide(after(...WAYS.detached), "DEL").decision, "adopt");
  assert.equal(decide(after(ADD, succeed), "DEL").decision, "accept");
  assert.equal(decide(after(ADD, succeed), "CHECK").decision, "observe");
  assert.equal(decide(after(...WAYS.failed), "CHECK").decision, "refuse");
});

Deno.test("replay refuses a history that cannot have happened, naming the record", () => {
  const records = [ADD, succeed, succeed].map((event, i) => record(event, i + 1));
  assert.throws(
    () => replay(records),
    (e) => e instanceof IllegalHistory && e.seq === 3 && /"add.succeeded" in state "attached"/.test(e.message),
  );
  assert.equal(fold(records.slice(0, 2)).value, "attached");
});
