/** A log whose end is lost: what stood there is looked for, after the rest has been undone. */
import assert from "node:assert/strict";
import type { Op } from "../../../src/effects/kernel/op.ts";
import type { AttachmentEvent } from "../../../src/machines/event.ts";
import type { JsonObject } from "../../../src/spec/json.ts";
import { commandOf, Machine } from "../../support/engine.ts";
import { ok, streamOf, writeLog } from "../../support/outcomes.ts";
import { ADDRESS, RAW, toy, toys, VETH } from "../../support/toy_plugins.ts";

const SECOND = {
  op: "link.create",
  on: "host",
  name: "v2",
  link: { kind: "veth", peer: { on: "container", name: "eth1" } },
} as const satisfies Op;

const PLUGIN = toy({ ops: [VETH, SECOND], adopt: [{ op: "link.delete", on: "host", name: "v2" }] });

/** The first op of two, which have both been done. */
const CUT: readonly AttachmentEvent[] = [
  { type: "effect.intended", id: 1, op: VETH, undo: { op: "link.delete", on: "host", name: "v1" } },
];

const WHOLE: readonly AttachmentEvent[] = [
  ...CUT,
  { type: "effect.applied", id: 1 },
  { type: "add.succeeded", result: { cniVersion: "1.1.0" } },
];

/** The links that are left after DEL of an attachment with this log. */
async function linksAfterDel(log: readonly AttachmentEvent[], config: JsonObject = RAW): Promise<readonly string[]> {
  const machine = new Machine(toys());
  const cookie = machine.kernel.addNetns("/ns/c1");
  machine.kernel.drift("/ns/c1", VETH, ADDRESS, SECOND);
  await writeLog(machine, streamOf("toy"), [
    { type: "ADD", netns: { path: "/ns/c1", cookie }, config: RAW, prevResult: null },
    ...log,
  ]);
  ok(await machine.command(PLUGIN, commandOf("DEL", config)));
  const links = JSON.stringify(machine.kernel.dump());
  assert.equal(await machine.stateOf(streamOf("toy")), "detached");
  return ["v1", "v2"].filter((name) => links.includes(`"${name}"`));
}

Deno.test("a log that ends within an ADD: DEL undoes what it tells, and removes what the plugin finds besides", async () => {
  assert.deepEqual(await linksAfterDel(CUT), []);
});

Deno.test("a log that ends within an ADD: DEL looks with the configuration of ADD, whatever it comes with", async () => {
  assert.deepEqual(await linksAfterDel(CUT, { ...RAW, bad: "no number" }), []);
});

Deno.test("a log that tells of a whole ADD is believed: DEL looks for nothing else", async () => {
  assert.deepEqual(await linksAfterDel(WHOLE), ["v2"]);
});
