/** The chain holds at every byte. */
import assert from "node:assert/strict";
import { emptyTail, encodeEvents, verifyLines } from "../../src/effects/log/format.ts";
import type { AttachmentEvent } from "../../src/machines/event.ts";
import { origin, streamId } from "../support/stores.ts";

const id = streamId();
const events: readonly AttachmentEvent[] = [
  { type: "ADD", netns: { path: "/run/netns/é", cookie: "7" }, config: { name: "net" }, prevResult: null },
  { type: "effect.intended", id: 1, op: { op: "link.delete", on: "host", name: "veth0" }, undo: null },
  { type: "effect.applied", id: 1 },
  { type: "add.succeeded", result: { cniVersion: "1.1.0" } },
];
const encoded = await encodeEvents(emptyTail(id), events, origin());
const ends = [...encoded.bytes.entries()].filter(([, byte]) => byte === 0x0a).map(([at]) => at + 1);

Deno.test("a log cut off at any byte reads as the lines that were whole, without corruption", async () => {
  for (let length = 0; length <= encoded.bytes.length; length++) {
    const { records, corruption, goodLength } = await verifyLines(encoded.bytes.slice(0, length), id);
    const whole = ends.filter((end) => end <= length);
    assert.equal(corruption, null, `length ${length}`);
    assert.deepEqual(records, encoded.records.slice(0, whole.length), `length ${length}`);
    assert.equal(goodLength, whole.at(-1) ?? 0, `length ${length}`);
  }
});

Deno.test("a bit flipped in any byte before the last line is corruption, and the lines before it are kept", async () => {
  const lastLine = ends.at(-2) ?? 0;
  for (let at = 0; at < lastLine; at++) {
    const bytes = encoded.bytes.slice();
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
    const { records, corruption } = await verifyLines(bytes, id);
    const before = ends.filter((end) => end <= at).length;
    assert(corruption !== null, `byte ${at}`);
    // A change within a line shows in that line or, where it is still a record, in the hash that the next one holds.
    assert(corruption.line === before + 1 || corruption.line === before + 2, `byte ${at}: line ${corruption.line}`);
    assert.deepEqual(records.slice(0, before), encoded.records.slice(0, before), `byte ${at}`);
  }
});

Deno.test("any line removed, or any two swapped, is corruption", async () => {
  const lines = new TextDecoder().decode(encoded.bytes).split("\n").slice(0, -1);
  const verify = (changed: readonly string[]) =>
    verifyLines(new TextEncoder().encode(changed.map((line) => `${line}\n`).join("")), id);
  for (let at = 0; at < lines.length - 1; at++) {
    assert.equal((await verify(lines.toSpliced(at, 1))).corruption?.line, at + 1);
    const swapped = lines.toSpliced(at, 2, lines[at + 1] ?? "", lines[at] ?? "");
    assert.equal((await verify(swapped)).corruption?.line, at + 1);
  }
});
