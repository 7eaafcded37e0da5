/** Whatever a log holds: its good beginning is found, and what stands in it can have happened. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { emptyTail, encodeEvents, type Verified, verifyLines } from "../../src/effects/log/format.ts";
import type { AttachmentEvent, Recorded } from "../../src/machines/event.ts";
import { evolve, fold, foldLegal, initialSnapshot } from "../../src/machines/evolve.ts";
import type { Hash } from "../../src/spec/hash.ts";
import { type Json, jsonOf } from "../../src/spec/json.ts";
import { fuzz } from "../support/fuzz.ts";
import { damaged, noise, smallerBytes } from "../support/fuzz_bytes.ts";
import { faulty } from "../support/fuzz_json.ts";
import { origin, streamId } from "../support/stores.ts";
import type { Random } from "./spec_random.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const ID = streamId();
const OP = { op: "link.delete", on: "host", name: "veth0" } as const;
const FAILED = { code: 5, msg: "Cannot do it: the host is tired" } as const;
const NETNS = { path: "/run/netns/é", cookie: "7" } as const;
const CONFIG = { cniVersion: "1.1.0", name: "net", ["__proto__"]: { polluted: true } } as const;

/** One event, legal or not. */
const anyEvent = ({ below, pick }: Random): AttachmentEvent => {
  const id = 1 + below(4);
  return pick<AttachmentEvent>([
    { type: "ADD", netns: NETNS, config: CONFIG, prevResult: null },
    { type: "CHECK" },
    { type: "DEL" },
    { type: "effect.intended", id, op: OP, undo: null },
    { type: "effect.intended", id, op: OP, undo: OP },
    { type: "effect.applied", id },
    { type: "effect.applied", id, value: { deep: [id] } },
    { type: "effect.failed", id, error: FAILED },
    { type: "undo.applied", id },
    { type: "undo.failed", id, error: FAILED },
    { type: "add.succeeded", result: { cniVersion: "1.1.0" } },
    { type: "add.failed", error: FAILED },
    { type: "check.passed" },
    { type: "check.drifted", findings: ["eth0 is down"] },
    { type: "del.succeeded" },
    { type: "del.failed", error: FAILED },
    { type: "command.abandoned", pid: 77 },
    { type: "host.rebooted", from: "boot-0", to: "boot-1" },
  ]);
};

/** Mostly what can happen next, so that lives get long; one event in twenty that cannot is kept. */
const anyLife = (random: Random): AttachmentEvent[] => {
  const life: AttachmentEvent[] = [];
  let snapshot = initialSnapshot;
  for (let left = 10 + random.below(80); left > 0; left--) {
    const event = anyEvent(random);
    const legal = snapshot.can(event);
    if (!legal && random.below(200) > 0) continue;
    life.push(event);
    if (legal) snapshot = evolve(snapshot, event);
  }
  return life;
};

const sha256: Hash = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** The answer that is there at once, as the hash is. */
const now = <A>(answer: A | Promise<A>): A => {
  if (answer instanceof Promise) throw new Error("the hash is not synchronous");
  return answer;
};

const encoded = (events: readonly AttachmentEvent[]): Bytes =>
  now(encodeEvents(emptyTail(ID), events, origin(), sha256)).bytes;

const verified = (bytes: Bytes): Verified => now(verifyLines(bytes, ID, sha256));

/** A log whose chain is whole, whatever its lines say. */
function forged(lines: readonly Json[]): Bytes {
  const encoder = new TextEncoder();
  let before = emptyTail(ID).bytes, text = "";
  for (const line of lines) {
    const linked = typeof line === "object" && line !== null && "prev" in line
      ? { ...line, prev: sha256(before) }
      : line;
    const written = JSON.stringify(linked);
    text += `${written}\n`;
    before = encoder.encode(written);
  }
  return encoder.encode(text);
}

/** The legal beginning of records folds to one state, alone and with what follows. */
function foldsWell(records: readonly Recorded[]): void {
  const legal = foldLegal(records, ID);
  assert.deepEqual(legal.records, records.slice(0, legal.records.length));
  assert.equal(legal.illegal === null, legal.records.length === records.length);
  if (legal.illegal !== null) assert.equal(legal.illegal.seq, legal.records.length + 1);
  const { value, context } = fold(legal.records, ID);
  assert.deepEqual([value, context], [legal.snapshot.value, legal.snapshot.context]);
}

Deno.test("whatever bytes a log holds, its good beginning reads the same when it stands alone", async (t) => {
  let whole = 0;
  await fuzz<Bytes>(t, "log bytes", {
    make: (random) => {
      const kind = random.below(8);
      if (kind === 0) return noise(random, 300);
      const good = encoded(anyLife(random).slice(0, 20));
      if (kind < 5) return damaged(random, good, 2);
      const lines = new TextDecoder().decode(good).split("\n").slice(0, -1).map((line) => jsonOf(line) ?? null);
      const at = random.below(lines.length + 1);
      return forged(lines.map((line, index) => index === at ? faulty(random, line) : line));
    },
    holds: (bytes) => {
      const { records, corruption, goodLength, tail } = verified(bytes);
      assert(goodLength <= bytes.length && tail.seq === records.length);
      const alone = verified(bytes.slice(0, goodLength));
      assert.deepEqual(alone, { records, corruption: null, goodLength, tail });
      if (corruption !== null) assert(corruption.line === records.length + 1 && corruption.detail !== "");
      else if (records.length > 2) whole++;
      foldsWell(records);
    },
    smaller: smallerBytes,
    show: (bytes) => new TextDecoder().decode(bytes),
  });
  if (Deno.env.get("CLEAT_FUZZ_SEED") === undefined) assert(whole > 200, `only ${whole} logs were whole`);
});

Deno.test("whatever happened in whatever order, the log keeps it and folds what can have happened", async (t) => {
  let long = 0;
  await fuzz<readonly AttachmentEvent[]>(t, "log histories", {
    make: anyLife,
    holds: (events) => {
      const { records, corruption } = verified(encoded(events));
      assert.equal(corruption, null);
      assert.equal(JSON.stringify(records.map(({ event }) => event)), JSON.stringify(events));
      foldsWell(records);
      if (foldLegal(records).records.length > 8) long++;
    },
    smaller: function* (events) {
      for (const at of events.keys()) yield events.toSpliced(at, 1);
    },
  });
  if (Deno.env.get("CLEAT_FUZZ_SEED") === undefined) assert(long > 500, `only ${long} lives were long`);
});
