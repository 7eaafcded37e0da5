import assert from "node:assert/strict";
import type { AttachmentEvent } from "../../../src/machines/event.ts";
import { commandOf, Machine } from "../../support/engine.ts";
import { eventsOf, failed, ok, readingOf, streamOf } from "../../support/outcomes.ts";
import { OPS, POOL, RAW, toy, toys } from "../../support/toy_plugins.ts";

const STREAM = streamOf("toy");

function machineOf(): Machine {
  const machine = new Machine(toys());
  machine.kernel.addNetns("/ns/c1");
  return machine;
}

/** How many writes a verb costs: each passes a point before and one after it, and so does each change. */
async function writesOf(machine: Machine, changes: number, run: () => Promise<unknown>): Promise<number> {
  await run();
  return (machine.points - 2 * changes) / 2;
}

Deno.test("an ADD of n ops writes n + 1 times, the end included", async () => {
  for (let n = 0; n <= OPS.length; n++) {
    const machine = machineOf();
    const plugin = toy({ ops: OPS.slice(0, n) });
    const writes = await writesOf(machine, n, async () => ok(await machine.command(plugin, commandOf("ADD", RAW))));
    assert.equal(writes, n + 1, `${n} ops`);
  }
});

Deno.test("a DEL writes twice, however much it undoes", async () => {
  for (const n of [1, 4]) {
    const machine = machineOf();
    const plugin = toy({ ops: OPS.slice(0, n) });
    ok(await machine.command(plugin, commandOf("ADD", RAW)));
    const undos = n === 1 ? 1 : 3;
    const writes = await writesOf(machine, undos, async () => ok(await machine.command(plugin, commandOf("DEL", RAW))));
    assert.equal(writes, 2, `${n} ops`);
  }
});

Deno.test("the log of an ADD and a DEL tells each op with its undo before its outcome", async () => {
  const machine = machineOf();
  const plugin = toy({ ops: OPS });
  ok(await machine.command(plugin, commandOf("ADD", RAW)));
  ok(await machine.command(plugin, commandOf("DEL", RAW)));
  const { records } = await readingOf(machine, STREAM);
  assert.deepEqual(records.map(({ event }) => `${event.type}${"id" in event ? ` ${event.id}` : ""}`), [
    "ADD",
    ...[1, 2, 3, 4].flatMap((id) => [`effect.intended ${id}`, `effect.applied ${id}`]),
    "add.succeeded",
    "DEL",
    "undo.applied 4",
    "undo.applied 3",
    "undo.applied 1",
    "del.succeeded",
  ]);
  const undos = records.flatMap(({ event }) => event.type === "effect.intended" ? [event.undo?.op ?? null] : []);
  assert.deepEqual(undos, ["link.delete", null, "sysctl.write", "lease.release"]);
});

Deno.test("each op is in the log, with its undo, before it happens", async () => {
  const machine = machineOf();
  const seen: string[] = [];
  machine.kernel.onApply((op, phase) => {
    const lines = (machine.log.dump()["net/c1/eth0/toy"] ?? "").trimEnd().split("\n");
    const event: AttachmentEvent = JSON.parse(lines.at(-1) ?? "null").event;
    assert.ok(event.type === "effect.intended", `${phase} ${op.op} the log ends in ${event.type}`);
    assert.deepEqual(event.op, op);
    seen.push(`${phase} ${op.op}`);
  });
  ok(await machine.command(toy({ ops: OPS.slice(0, 3) }), commandOf("ADD", RAW)));
  assert.deepEqual(seen, OPS.slice(0, 3).flatMap(({ op }) => [`before ${op}`, `after ${op}`]));
});

/** Lets the n-th append of the next command fail; ops of the kernel are seen, and pass no points. */
function failingAt(append: number): { readonly machine: Machine; readonly seen: string[] } {
  const machine = machineOf();
  const seen: string[] = [];
  machine.kernel.onApply((op, phase) => phase === "before" && void seen.push(op.op));
  const leasePoints = append > OPS.length ? 2 : 0;
  machine.onPoint = (number) => number === 2 * append - 1 + leasePoints && machine.log.failAppends(1);
  return { machine, seen };
}

const withoutPointers = (machine: Machine): unknown =>
  JSON.parse(JSON.stringify(machine.dump(), (key, value) => key.startsWith("last_reserved_ip") ? undefined : value));

Deno.test("when an append fails, the op does not happen, and ADD fails having left nothing", async () => {
  const undone = ["sysctl.write", "link.delete"];
  for (let append = 1; append <= OPS.length + 1; append++) {
    const { machine, seen } = failingAt(append);
    const before = withoutPointers(machine);
    const { code, msg } = failed(await machine.command(toy({ ops: OPS }), commandOf("ADD", RAW)));
    assert.equal(code, 5, `append ${append}`);
    assert.match(msg, /Cannot write log "net\/c1\/eth0\/toy": No space left/);
    const done = OPS.slice(0, Math.min(append - 1, 3)).map(({ op }) => op);
    assert.deepEqual(seen, [...done, ...undone.slice(append >= 4 ? 0 : append === 1 ? 2 : 1)], `append ${append}`);
    const left = { ...Object(before), leases: append > OPS.length ? { [POOL]: {} } : {} };
    assert.deepEqual(withoutPointers(machine), left, `append ${append}`);
  }
});

Deno.test("an ADD whose first append fails leaves no log; one that fails later ends in failed with an empty stack", async () => {
  for (let append = 1; append <= OPS.length + 1; append++) {
    const { machine } = failingAt(append);
    await machine.command(toy({ ops: OPS }), commandOf("ADD", RAW));
    if (append === 1) assert.deepEqual(machine.log.dump(), {});
    else assert.equal((await eventsOf(machine, STREAM)).includes("add.failed"), true, `append ${append}`);
    machine.onPoint = () => {};
    ok(await machine.command(toy({ ops: OPS }), commandOf("ADD", RAW)), `a new ADD after append ${append}`);
  }
});

Deno.test("with a full disk DEL goes on from memory, says so once, and leaves nothing on the host", async () => {
  const machine = machineOf();
  const before = withoutPointers(machine);
  ok(await machine.command(toy({ ops: OPS }), commandOf("ADD", RAW)));
  machine.log.failAppends(Infinity);
  ok(await machine.command(toy({ ops: OPS }), commandOf("DEL", RAW)));
  assert.deepEqual({ ...Object(withoutPointers(machine)), leases: {} }, before);
  assert.equal(machine.said.length, 1, machine.said.join("\n"));
  assert.match(machine.said[0] ?? "", /Cannot write log "net\/c1\/eth0\/toy": No space left.*; going on from memory/);
  assert.equal(await machine.stateOf(STREAM), "attached", "nothing could be written");
  machine.log.failAppends(0);
  ok(await machine.command(toy({ ops: OPS }), commandOf("DEL", RAW)), "and DEL can be repeated");
  assert.equal(await machine.stateOf(STREAM), "detached");
});

Deno.test("a DEL that cannot write at first writes everything as soon as it can", async () => {
  const machine = machineOf();
  ok(await machine.command(toy({ ops: OPS }), commandOf("ADD", RAW)));
  machine.log.failAppends(1);
  ok(await machine.command(toy({ ops: OPS }), commandOf("DEL", RAW)));
  const events = await eventsOf(machine, STREAM);
  assert.deepEqual(events.slice(-5), ["DEL", "undo.applied", "undo.applied", "undo.applied", "del.succeeded"]);
});

Deno.test("an ADD that fails leaves nothing also when its own failure cannot be written", async () => {
  const machine = machineOf();
  const before = withoutPointers(machine);
  const plugin = toy({ ops: OPS, refuse: "Cannot go on" });
  machine.kernel.onApply((op, phase) => phase === "after" && op.op === "sysctl.write" && machine.log.failAppends(99));
  const { msg } = failed(await machine.command(plugin, commandOf("ADD", RAW)));
  assert.match(msg, /No space left/);
  assert.deepEqual({ ...Object(withoutPointers(machine)), leases: {} }, before);
  assert.deepEqual(machine.said.length, 1);
  machine.log.failAppends(0);
  machine.kernel.onApply(() => {});
  ok(await machine.command(toy({ ops: OPS }), commandOf("ADD", RAW)), "the log still ends in attaching");
});
