import assert from "node:assert/strict";
import type { AttachmentEvent } from "../../../src/machines/event.ts";
import { foldLegal } from "../../../src/machines/evolve.ts";
import { registry } from "../../../src/plugins/registry.ts";
import { container, dbnet } from "../../support/dbnet.ts";
import { commandOf, Machine } from "../../support/engine.ts";
import { failed, ok, readingOf, streamOf, wordsOf, writeLog } from "../../support/outcomes.ts";
import { ADDRESS, LEASE, OPS, RAW, toy, toys, VETH } from "../../support/toy_plugins.ts";

const STREAM = streamOf("toy");
const NAME = "net/c1/eth0/toy";
const PLUGIN = toy({
  ops: OPS,
  adopt: [{ op: "link.delete", on: "container", name: "eth0" }, { ...LEASE, op: "lease.release" }],
});

/** An attachment whose log has a line that is no longer what was written. */
async function damagedAt(line: number, damage: (line: string) => string): Promise<Machine> {
  const machine = new Machine(toys());
  machine.kernel.addNetns("/ns/c1");
  ok(await machine.command(PLUGIN, commandOf("ADD", RAW)));
  const lines = (machine.log.dump()[NAME] ?? "").split("\n");
  machine.log.put(STREAM, lines.map((text, i) => i === line - 1 ? damage(text) : text).join("\n"));
  return machine;
}

const LINES = 1 + 2 * OPS.length + 1;
const garble = (text: string): string => `${text.slice(0, 20)}\u0000${text.slice(21)}`;
const hasLeft = (machine: Machine): string =>
  JSON.stringify(machine.dump()).match(/"v1"|"10\.1\.0\.2":/g)?.join() ?? "";

Deno.test("with a damaged line ADD is refused, naming the line and what to do, and changes nothing", async () => {
  for (let line = 1; line <= LINES; line++) {
    const machine = await damagedAt(line, garble);
    const before = [machine.dump(), machine.log.dump()];
    const failure = failed(await machine.command(PLUGIN, commandOf("ADD", RAW)), `line ${line}`);
    assert.equal(failure.code, 5);
    assert.match(failure.msg, new RegExp(`^Cannot attach "c1": its log is damaged at line ${line}: `));
    assert.match(failure.details ?? "", /run DEL first/);
    assert.deepEqual([machine.dump(), machine.log.dump()], before);
  }
});

Deno.test("wherever a log is damaged, DEL undoes what can be read, adopts the rest and sets the file aside", async () => {
  for (let line = 1; line <= LINES; line++) {
    const machine = await damagedAt(line, garble);
    const evidence = machine.log.dump()[NAME];
    assert.notEqual(hasLeft(machine), "");
    ok(await machine.command(PLUGIN, commandOf("DEL", RAW)), `line ${line}`);
    assert.equal(hasLeft(machine), "", `line ${line}`);
    const [[name = "", text] = [], ...others] = Object.entries(machine.log.dump());
    assert.match(name, /^net\/c1\/eth0\/toy\.jsonl\.corrupt-/);
    assert.equal(text, evidence, "nothing is written to a damaged file");
    assert.deepEqual(others, []);
    ok(await machine.command(PLUGIN, commandOf("ADD", RAW)), `ADD after line ${line}`);
    ok(await machine.command(PLUGIN, commandOf("CHECK", RAW)));
  }
});

Deno.test("a line that is still JSON but not what was written is found by the line after it", async () => {
  const machine = await damagedAt(4, (text) => text.replace("10.1.0.2/24", "10.1.0.3/24"));
  const { records, corruption } = await readingOf(machine, STREAM);
  assert.equal(records.length, 4);
  assert.equal(corruption?.line, 5);
  assert.match(corruption?.detail ?? "", /line 4 or its own "prev" was changed/);
  assert.match(failed(await machine.command(PLUGIN, commandOf("ADD", RAW))).msg, /damaged at line 5/);
});

Deno.test("a torn last line is no damage: the op it was about never happened", async () => {
  const machine = await damagedAt(LINES, (text) => text.slice(0, 30));
  machine.log.put(STREAM, (machine.log.dump()[NAME] ?? "").trimEnd());
  ok(await machine.command(PLUGIN, commandOf("DEL", RAW)));
  assert.equal(hasLeft(machine), "");
  assert.deepEqual(Object.keys(machine.log.dump()), [NAME]);
});

Deno.test("when the rest of a damaged attachment cannot be removed, DEL fails and keeps the file where it is", async () => {
  const machine = await damagedAt(2, garble);
  machine.kernel.fail("link.delete", "EBUSY");
  assert.match(failed(await machine.command(PLUGIN, commandOf("DEL", RAW))).msg, /EBUSY/);
  assert.deepEqual(Object.keys(machine.log.dump()), [NAME]);
  ok(await machine.command(PLUGIN, commandOf("DEL", RAW)));
  assert.equal(hasLeft(machine), "");
});

/** Histories whose hashes are whole and which cannot have happened; the number is the first impossible record. */
const IMPOSSIBLE: readonly (readonly [number, string, ...AttachmentEvent[]])[] = [
  [3, "add.succeeded", { type: "add.succeeded", result: { cniVersion: "1.1.0" } }, {
    type: "add.succeeded",
    result: { cniVersion: "1.1.0" },
  }],
  [2, "check.passed", { type: "check.passed" }],
  [4, "del.succeeded", {
    type: "effect.intended",
    id: 1,
    op: VETH,
    undo: { op: "link.delete", on: "host", name: "v1" },
  }, {
    type: "command.abandoned",
    pid: 1,
  }, { type: "del.succeeded" }],
];

for (const [line, type, ...events] of IMPOSSIBLE) {
  Deno.test(`a history with an impossible "${type}" is damage at line ${line}: a failure, not a crash`, async () => {
    const machine = new Machine(toys());
    const cookie = machine.kernel.addNetns("/ns/c1");
    machine.kernel.drift("/ns/c1", VETH, ADDRESS);
    await writeLog(machine, STREAM, [
      { type: "ADD", netns: { path: "/ns/c1", cookie }, config: RAW, prevResult: null },
      ...events,
    ]);
    const evidence = machine.log.dump()[NAME];
    const failure = failed(await machine.command(PLUGIN, commandOf("ADD", RAW)));
    assert.equal(failure.code, 5);
    assert.match(failure.msg, new RegExp(`its log is damaged at line ${line}: Cannot apply "${type}" in state`));
    const checked = await machine.command(PLUGIN, commandOf("CHECK", RAW));
    assert.ok(checked.ended === "ok" || checked.ended === "failed", "CHECK ends");
    ok(await machine.command(PLUGIN, commandOf("DEL", RAW)));
    assert.equal(hasLeft(machine), "");
    assert.deepEqual(Object.values(machine.log.dump()), [evidence]);
    assert.equal(machine.log.dump()[NAME], undefined, "set aside");
    ok(await machine.command(PLUGIN, commandOf("ADD", RAW)));
  });
}

Deno.test("foldLegal gives the beginning that can have happened, and the first record that cannot", async () => {
  const machine = new Machine(toys());
  await writeLog(machine, STREAM, [{ type: "DEL" }, { type: "del.succeeded" }, {
    type: "add.failed",
    error: { code: 1, msg: "x" },
  }]);
  const { records } = await readingOf(machine, STREAM);
  const { snapshot, records: legal, illegal } = foldLegal(records, STREAM);
  assert.deepEqual([snapshot.value, legal.length, illegal?.seq], ["detached", 2, 3]);
  assert.match(illegal?.message ?? "", /^Cannot replay "net\/c1\/eth0\/toy": record 3: Cannot apply "add.failed"/);
  assert.equal(foldLegal(records.slice(0, 2)).illegal, null);
});

Deno.test("a network whose own log is damaged or impossible is detached all the same", async () => {
  const blue = container("c1", 8080);
  const id = { network: "dbnet", containerId: "c1", ifName: "eth0", slot: "@chain" };
  const name = "dbnet/c1/eth0/@chain";
  const damages: readonly ((machine: Machine) => Promise<void> | void)[] = [
    (machine) => machine.log.put(id, `?${machine.log.dump()[name]}`),
    (machine) => machine.log.put(id, (machine.log.dump()[name] ?? "").replace("plugin.invoke", "plugin.invoked")),
    (machine) => writeLog(machine, id, [{ type: "check.passed" }]),
  ];
  for (const damage of damages) {
    const machine = new Machine(registry);
    machine.kernel.addNetns(blue.netns);
    ok(await machine.network("ADD", dbnet, blue));
    ok(await machine.network("DEL", dbnet, blue));
    const before = machine.kernel.dump();
    ok(await machine.network("ADD", dbnet, blue));
    await damage(machine);
    assert.match(wordsOf(failed(await machine.network("ADD", dbnet, blue))), /damaged at line/);
    ok(await machine.network("DEL", dbnet, blue));
    assert.deepEqual(machine.kernel.dump(), before);
    assert.doesNotMatch(JSON.stringify(machine.leases.dump()), /c1/);
    ok(await machine.network("ADD", dbnet, blue), "ADD after DEL");
  }
});
