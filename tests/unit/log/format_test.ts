/** The bytes of the log: the chain, torn ends, damage. */
import assert from "node:assert/strict";
import { emptyTail, encodeEvents, verifyLines } from "../../../src/effects/log/format.ts";
import type { AttachmentEvent } from "../../../src/machines/event.ts";
import { origin, streamId } from "../../support/stores.ts";

const id = streamId();
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytesOf = (lines: readonly string[]) => new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
const events: readonly AttachmentEvent[] = [{ type: "DEL" }, { type: "CHECK" }, { type: "del.succeeded" }];

const linesFor = async (written: readonly AttachmentEvent[]): Promise<string[]> =>
  text((await encodeEvents(emptyTail(id), written, origin())).bytes).split("\n").slice(0, -1);

const sha256 = async (of: string): Promise<string> =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(of))).toHex();

Deno.test("a record is one line of JSON with the keys in the order people read them", async () => {
  const [line] = await linesFor([{ type: "DEL" }]);
  assert.equal(
    line,
    '{"v":1,"seq":1,"at":"2026-01-01T00:00:00.000Z","boot":"boot-1","pid":4711,"by":"cleat test",' +
      `"prev":"${await sha256("net/c1/eth0/bridge")}","event":{"type":"DEL"}}`,
  );
});

Deno.test("prev is the SHA-256 of the line before without its newline", async () => {
  const [first = "", second = ""] = await linesFor(events);
  assert.equal(JSON.parse(second).prev, await sha256(first));
});

Deno.test("encoding goes on where verifying ended", async () => {
  const whole = await encodeEvents(emptyTail(id), events, origin());
  const start = await encodeEvents(emptyTail(id), events.slice(0, 1), origin());
  const { tail } = await verifyLines(start.bytes, id);
  const rest = await encodeEvents(tail, events.slice(1), origin());
  assert.equal(text(start.bytes) + text(rest.bytes), text(whole.bytes));
  assert.deepEqual([...start.records, ...rest.records], (await verifyLines(whole.bytes, id)).records);
});

Deno.test("a newline within a value does not end the line", async () => {
  const event: AttachmentEvent = { type: "add.failed", error: { code: 5, msg: "a\nb\u2028c" } };
  const { bytes } = await encodeEvents(emptyTail(id), [event], origin());
  assert.deepEqual((await verifyLines(bytes, id)).records.map((record) => record.event), [event]);
});

Deno.test("what follows the last newline is torn: no record, no corruption, not part of the good length", async () => {
  const lines = await linesFor(events);
  const good = bytesOf(lines.slice(0, 2));
  const torn = new TextEncoder().encode(text(good) + lines[2]);
  const { records, corruption, goodLength } = await verifyLines(torn, id);
  assert.deepEqual([records.length, corruption, goodLength], [2, null, good.length]);
});

Deno.test("a log does not verify under another stream's name", async () => {
  const { bytes } = await encodeEvents(emptyTail(id), events, origin());
  const { records, corruption } = await verifyLines(bytes, streamId({ containerId: "c2" }));
  assert.deepEqual(records, []);
  assert.deepEqual(corruption, { line: 1, detail: "it belongs to another stream, or was changed" });
});

const changes: readonly (readonly [string, (lines: string[]) => string[], RegExp])[] = [
  ["that is not JSON", (lines) => lines.with(1, "{"), /^it is not JSON$/],
  ["that is empty", (lines) => lines.with(1, ""), /^it is not JSON$/],
  ["that is no object", (lines) => lines.with(1, "[]"), /^it is not a JSON object$/],
  ["of another version", (lines) => lines.with(1, (lines[1] ?? "").replace('"v":1', '"v":2')), /"v" is not what/],
  ["without a key", (lines) => lines.with(1, (lines[1] ?? "").replace('"pid":4711,', "")), /^"pid" is missing$/],
  ["with an unknown event", (lines) => lines.with(1, (lines[1] ?? "").replace("CHECK", "CHECKS")), /unknown type/],
  [
    "whose event lacks a key",
    (lines) => lines.with(1, (lines[1] ?? "").replace("CHECK", "effect.applied")),
    /^event's "id" is missing$/,
  ],
  ["that is missing", (lines) => lines.toSpliced(1, 1), /^it has number 3 where 2 is due$/],
  ["that is doubled", (lines) => lines.toSpliced(1, 0, lines[0] ?? ""), /^it has number 1 where 2 is due$/],
  [
    "whose predecessor was changed",
    (lines) => lines.with(0, (lines[0] ?? "").replace("DEL", "CHECK")),
    /^line 1 or its own "prev" was changed$/,
  ],
];

for (const [what, change, detail] of changes) {
  Deno.test(`a line ${what} ends the good prefix at line 2`, async () => {
    const lines = await linesFor(events);
    const changed = change(lines);
    const { records, corruption, goodLength } = await verifyLines(bytesOf(changed), id);
    assert.equal(records.length, 1);
    assert.equal(corruption?.line, 2);
    assert.match(corruption?.detail ?? "", detail);
    assert.equal(goodLength, bytesOf(changed.slice(0, 1)).length);
  });
}

Deno.test("bytes that are not UTF-8 are damage, not replacement characters", async () => {
  const bytes = bytesOf(await linesFor([{ type: "DEL" }]));
  bytes[bytes.indexOf("c".charCodeAt(0))] = 0xff;
  assert.equal((await verifyLines(bytes, id)).corruption?.detail, "it is not JSON");
});
