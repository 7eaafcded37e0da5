/** A log that was edited with its hashes made anew is a possible history; DEL still undoes only what is the attachment's. */
import assert from "node:assert/strict";
import type { Op } from "../../../src/effects/kernel/op.ts";
import type { AttachmentEvent } from "../../../src/machines/event.ts";
import { commandOf, Machine } from "../../support/engine.ts";
import { foreign } from "../../support/foreign.ts";
import { eventsOf, failed, ok, streamOf, wordsOf, writeLog } from "../../support/outcomes.ts";
import { LEASE, POOL, RAW, SYSCTL, toy, toys, VETH } from "../../support/toy_plugins.ts";

const STREAM = streamOf("toy");
const PLUGIN = toy();

/** The stream of an attachment that says it has performed these ops, and how to undo them. */
function history(cookie: string, pairs: readonly (readonly [Op, Op])[]): readonly AttachmentEvent[] {
  return [
    { type: "ADD", netns: { path: "/ns/c1", cookie }, config: RAW, prevResult: null },
    ...pairs.flatMap(([op, undo], at): AttachmentEvent[] => [
      { type: "effect.intended", id: at + 1, op, undo },
      { type: "effect.applied", id: at + 1 },
    ]),
    { type: "add.succeeded", result: { cniVersion: "1.1.0" } },
  ];
}

const uplink = { op: "link.create", on: "host", name: "uplink", link: { kind: "bridge" } } as const;
const deletion = (name: string): Op => ({ op: "link.delete", on: "host", name });
const release = { op: "lease.release", pool: POOL, owner: LEASE.owner, ranges: LEASE.ranges } as const;

async function machineWith(...pairs: readonly (readonly [Op, Op])[]) {
  const others = foreign({ evil: () => ({}) });
  const machine = new Machine(toys(), {}, others.layer);
  const cookie = machine.kernel.addNetns("/ns/c1");
  machine.kernel.drift("/ns/c1", uplink, SYSCTL);
  await writeLog(machine, STREAM, history(cookie, pairs));
  return { machine, runs: others.runs };
}

const EDITS: readonly (readonly [string, readonly [Op, Op], RegExp])[] = [
  [
    "deletes a link of the host in the place of another's undo",
    [SYSCTL, deletion("uplink")],
    /effect 1 of "c1": its undo "link.delete" does not belong to "sysctl.write"/,
  ],
  [
    "says that the attachment has made the host's link",
    [{ ...VETH, name: "uplink" }, deletion("uplink")],
    /effect 1 of "c1": "uplink" is not the veth that was made/,
  ],
  [
    "says that a bridge of the host is to be deleted",
    [uplink, deletion("uplink")],
    /"link.delete" does not belong to "link.create"/,
  ],
  [
    "releases what another container holds",
    [{ ...LEASE, owner: { containerId: "c2", ifName: "eth0" } }, {
      ...release,
      owner: { containerId: "c2", ifName: "eth0" },
    }],
    /"lease.release" does not belong to "lease.reserve"/,
  ],
  [
    "runs another plugin",
    [{ op: "plugin.invoke", plugin: "toy", command: "ADD", config: RAW }, {
      op: "plugin.invoke",
      plugin: "evil",
      command: "DEL",
      config: RAW,
    }],
    /"plugin.invoke" does not belong to "plugin.invoke"/,
  ],
  [
    "writes a sysctl of the host",
    [{ ...SYSCTL, on: "host" }, { ...SYSCTL, on: "host", value: "1" }],
    /"sysctl.write" does not belong to "sysctl.write"/,
  ],
];

for (const [what, edit, why] of EDITS) {
  Deno.test(`a log that ${what}: DEL refuses that step by name, owes it, and does the rest`, async () => {
    const { machine, runs } = await machineWith([SYSCTL, { ...SYSCTL, value: "77" }], edit);
    const { host } = JSON.parse(JSON.stringify(machine.kernel.dump()));
    const failure = failed(await machine.command(PLUGIN, commandOf("DEL", RAW)));
    assert.match(wordsOf(failure), new RegExp(why.source.replace("effect 1", "effect 2")));
    assert.match(wordsOf(failure), /may have been edited; nothing was done/);
    assert.deepEqual(JSON.parse(JSON.stringify(machine.kernel.dump())).host, host, "the host is as it was");
    assert.match(JSON.stringify(machine.kernel.dump()), /"net\/core\/somaxconn":"77"/, "the rest was undone");
    assert.deepEqual(runs, []);
    assert.equal(await machine.stateOf(STREAM), "failed");
    assert.deepEqual((await eventsOf(machine, STREAM)).slice(-3), ["undo.failed", "undo.applied", "del.failed"]);
    assert.match(wordsOf(failed(await machine.command(PLUGIN, commandOf("DEL", RAW)))), /effect 2 of "c1"/);
  });
}

Deno.test("a log that gives the host's own namespace to the container makes DEL touch nothing in it", async () => {
  const { machine } = await machineWith();
  const pairs = [[SYSCTL, { ...SYSCTL, value: "1" }]] as const;
  await writeLog(machine, STREAM, [
    { type: "ADD", netns: { path: "/proc/self/ns/net", cookie: "1" }, config: RAW, prevResult: null },
    ...history("1", pairs).slice(1),
  ]);
  const before = machine.kernel.dump();
  ok(await machine.command(PLUGIN, commandOf("DEL", RAW)));
  assert.deepEqual(machine.kernel.dump(), before);
});

Deno.test("a link of the attachment's own that is gone, or still there, is deleted as ever", async () => {
  for (const isThere of [true, false]) {
    const { machine } = await machineWith([VETH, deletion("v1")]);
    if (isThere) machine.kernel.drift("/ns/c1", VETH);
    ok(await machine.command(PLUGIN, commandOf("DEL", RAW)));
    assert.doesNotMatch(JSON.stringify(machine.kernel.dump()), /"v1"/);
  }
});

Deno.test("records that make no sense to this version: CHECK names them, DEL owes them, and both do the rest", async () => {
  const torn = JSON.parse('{"op":"nft.apply","on":"host"}'), odd = JSON.parse('{"op":"lease.reserve"}');
  const { machine } = await machineWith([SYSCTL, { ...SYSCTL, value: "77" }], [torn, torn], [odd, odd]);
  const findings = wordsOf(failed(await machine.command(PLUGIN, commandOf("CHECK", RAW))));
  assert.match(findings, /record of "nft.apply": expected one this version understands/);
  const owed = wordsOf(failed(await machine.command(PLUGIN, commandOf("DEL", RAW))));
  assert.match(owed, /Cannot undo effect 3 of "c1"/);
  assert.match(owed, /Cannot undo effect 2 of "c1"/);
  assert.match(JSON.stringify(machine.kernel.dump()), /"net\/core\/somaxconn":"77"/, "the rest was undone");
});
