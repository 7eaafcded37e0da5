import assert from "node:assert/strict";
import type { AttachmentEvent } from "../../../src/machines/event.ts";
import { commandOf, Machine } from "../../support/engine.ts";
import { eventsOf, failed, ok, readingOf, streamOf, wordsOf, writeLog } from "../../support/outcomes.ts";
import { ADDRESS, RAW, toy, toys, VETH } from "../../support/toy_plugins.ts";

const STREAM = streamOf("toy");
const PLUGIN = toy({ ops: [VETH, ADDRESS] });

/** A log that another process left off after these events; its veth is there. */
async function machineAfter(...events: readonly AttachmentEvent[]): Promise<Machine> {
  const machine = new Machine(toys());
  const cookie = machine.kernel.addNetns("/ns/c1");
  machine.kernel.drift("/ns/c1", VETH, ADDRESS);
  const add: AttachmentEvent = { type: "ADD", netns: { path: "/ns/c1", cookie }, config: RAW, prevResult: null };
  await writeLog(machine, STREAM, [add, ...events]);
  return machine;
}

const UNDO = { op: "link.delete", on: "host", name: "v1" } as const;
const ATTACHING: readonly AttachmentEvent[] = [
  { type: "effect.intended", id: 1, op: VETH, undo: UNDO },
  { type: "effect.applied", id: 1 },
  { type: "effect.intended", id: 2, op: ADDRESS, undo: null },
];
const ATTACHED: readonly AttachmentEvent[] = [
  ...ATTACHING,
  { type: "effect.applied", id: 2 },
  { type: "add.succeeded", result: { cniVersion: "1.1.0" } },
];

const hasLink = (machine: Machine): boolean => JSON.stringify(machine.kernel.dump()).includes('"v1"');

Deno.test("a log that ends in attaching: DEL undoes it and names the process that died", async () => {
  const machine = await machineAfter(...ATTACHING);
  ok(await machine.command(PLUGIN, commandOf("DEL", RAW)));
  assert.equal(hasLink(machine), false);
  const { records } = await readingOf(machine, STREAM);
  assert.deepEqual(records.map(({ event }) => event).slice(4), [
    { type: "command.abandoned", pid: 77 },
    { type: "DEL" },
    { type: "undo.applied", id: 1 },
    { type: "del.succeeded" },
  ]);
});

Deno.test("a log that ends in attaching: ADD undoes it first, then attaches with new effect ids", async () => {
  const machine = await machineAfter(...ATTACHING);
  ok(await machine.command(PLUGIN, commandOf("ADD", RAW)));
  assert.deepEqual((await eventsOf(machine, STREAM)).slice(4), [
    "command.abandoned",
    "undo.applied",
    "ADD",
    "effect.intended",
    "effect.applied",
    "effect.intended",
    "effect.applied",
    "add.succeeded",
  ]);
  ok(await machine.command(PLUGIN, commandOf("CHECK", RAW)));
});

Deno.test("a log that ends in attaching: CHECK is refused, says who died, and writes nothing", async () => {
  const machine = await machineAfter(...ATTACHING);
  const log = machine.log.dump();
  const failure = failed(await machine.command(PLUGIN, commandOf("CHECK", RAW)));
  assert.equal(failure.code, 100);
  assert.match(failure.msg, /process 77 ended before it had finished/);
  assert.deepEqual(machine.log.dump(), log);
});

Deno.test("a log that ends in detaching: DEL goes on where the other process stopped", async () => {
  const machine = await machineAfter(...ATTACHED, { type: "DEL" });
  ok(await machine.command(PLUGIN, commandOf("DEL", RAW)));
  assert.equal(hasLink(machine), false);
  assert.equal(await machine.stateOf(STREAM), "detached");
});

Deno.test("a log that ends in detaching: what is already undone is not undone again", async () => {
  const machine = await machineAfter(...ATTACHED, { type: "DEL" }, { type: "undo.applied", id: 1 });
  ok(await machine.command(PLUGIN, commandOf("DEL", RAW)));
  assert.equal(hasLink(machine), true, "a link of this name is somebody else's by now");
  assert.equal(await machine.stateOf(STREAM), "detached");
});

Deno.test("a log that ends in detaching: ADD undoes the rest and attaches again", async () => {
  const machine = await machineAfter(...ATTACHED, { type: "DEL" });
  ok(await machine.command(PLUGIN, commandOf("ADD", RAW)));
  assert.equal(await machine.stateOf(STREAM), "attached");
});

Deno.test("a log that ends in checking: the attachment stands, whatever is asked next", async () => {
  for (const verb of ["CHECK", "DEL"] as const) {
    const machine = await machineAfter(...ATTACHED, { type: "CHECK" });
    ok(await machine.command(PLUGIN, commandOf(verb, RAW)), verb);
    assert.equal(hasLink(machine), verb === "CHECK");
  }
  const machine = await machineAfter(...ATTACHED, { type: "CHECK" });
  assert.match(wordsOf(failed(await machine.command(PLUGIN, commandOf("ADD", RAW)))), /already attached/);
});

Deno.test("an op that a dead process failed for certain is not undone, one it was about to do is", async () => {
  const error = { code: 5, msg: "Cannot add" };
  const certain = await machineAfter(
    { type: "effect.intended", id: 1, op: VETH, undo: UNDO },
    { type: "effect.failed", id: 1, error },
  );
  ok(await certain.command(PLUGIN, commandOf("DEL", RAW)));
  assert.equal(hasLink(certain), true, "the link is not ours");
  const inDoubt = await machineAfter({ type: "effect.intended", id: 1, op: VETH, undo: UNDO });
  ok(await inDoubt.command(PLUGIN, commandOf("DEL", RAW)));
  assert.equal(hasLink(inDoubt), false);
});
