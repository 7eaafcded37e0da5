/** What is to become of an attachment, by the states and boots of its streams. */
import assert from "node:assert/strict";
import type { Op } from "../../../src/effects/kernel/op.ts";
import { judge, owedBy, type StreamFacts } from "../../../src/runtime/judge.ts";
import { LEASE, VETH } from "../../support/toy_plugins.ts";
import { streamOf } from "../../support/outcomes.ts";

const NOW = "boot-2", BEFORE = "boot-1";
const RELEASE = { op: "lease.release", pool: LEASE.pool, owner: LEASE.owner } as const satisfies Op;
const DELETE = { op: "link.delete", on: "host", name: "v1" } as const satisfies Op;
const STACK = [
  { id: 1, op: VETH, undo: DELETE, outcome: "applied" },
  { id: 2, op: LEASE, undo: RELEASE, outcome: "in doubt" },
] as const;

const stream = (slot: string, state: StreamFacts["state"], change: Partial<StreamFacts> = {}): StreamFacts => ({
  id: streamOf(slot),
  state,
  add: null,
  result: null,
  stack: state === "detached" || state === "absent" ? [] : STACK,
  seq: 4,
  at: "2026-01-01T00:00:00.000Z",
  boot: NOW,
  pid: 77,
  damage: null,
  held: false,
  ...change,
});

const old = { boot: BEFORE };
const gone = { alive: false, why: "gone" };
const there = { alive: true, why: "there" };
const who = { alive: null, why: "who knows" };

const slotsOf = (...args: Parameters<typeof judge>) => {
  const verdict = judge(...args);
  return verdict.verdict === "over" ? ["over"] : [verdict.verdict, ...verdict.slots];
};

Deno.test("history is over: what is detached, was never there, or failed and was undone", () => {
  const streams = [stream("a", "detached"), stream("b", "absent"), stream("c", "failed", { stack: [] })];
  for (const life of [null, gone, there, who]) assert.deepEqual(slotsOf(streams, NOW, life), ["over"]);
  assert.deepEqual(slotsOf([], NOW), ["over"]);
});

Deno.test("what is of an earlier boot is dead, whatever its state, together with what this boot did not finish", () => {
  for (const state of ["attaching", "attached", "drifted", "checking", "detaching", "failed"] as const) {
    const streams = [stream("a", state, old), stream("b", "failed"), stream("c", "detached")];
    assert.deepEqual(slotsOf(streams, NOW), ["dead", "a", "b"], state);
  }
});

Deno.test("one stream that is used in this boot keeps those of an earlier one", () => {
  for (const state of ["attached", "drifted", "checking"] as const) {
    assert.deepEqual(slotsOf([stream("@chain", "attached", old), stream("a", state)], NOW), ["alive", "@chain", "a"]);
  }
});

Deno.test("a command under way whose process is gone, and an undo that is owed, are leftovers; the rest stays", () => {
  const found = judge([stream("a", "attached"), stream("b", "attaching"), stream("c", "failed")], NOW);
  assert.deepEqual(found, {
    verdict: "leftover",
    slots: ["b", "c"],
    why: 'process 77 died while "b" was attaching; "c" could not be undone',
  });
  assert.deepEqual(slotsOf([stream("a", "checking")], NOW), ["alive", "a"], "an abandoned CHECK changed nothing");
});

Deno.test("where a process is at work, nothing is judged dead", () => {
  const streams = [stream("a", "attached", old), stream("b", "attaching", { held: true })];
  for (const life of [null, gone]) assert.deepEqual(slotsOf(streams, NOW, life), ["held", "a", "b"]);
});

Deno.test("a container that is gone takes all its streams with it; in doubt they stay, but for leftovers", () => {
  const streams = [stream("a", "attached"), stream("b", "detached")];
  assert.deepEqual(slotsOf(streams, NOW, gone), ["dead", "a"]);
  assert.deepEqual(slotsOf(streams, NOW, there), ["alive", "a"]);
  assert.deepEqual(slotsOf(streams, NOW, who), ["unclear", "a"]);
  assert.deepEqual(slotsOf([...streams, stream("c", "failed")], NOW, who), ["leftover", "c"]);
});

Deno.test("what is damaged decides nothing", () => {
  const damaged = stream("a", "attached", { damage: "line 3", ...old });
  assert.deepEqual(slotsOf([damaged], NOW), ["over"]);
  assert.deepEqual(slotsOf([damaged, stream("b", "attached")], NOW), ["alive", "b"]);
});

Deno.test("after a reboot only what outlives it is owed", () => {
  assert.deepEqual(owedBy(stream("a", "attached"), NOW).map(({ undo }) => undo), [RELEASE, DELETE]);
  assert.deepEqual(owedBy(stream("a", "attached", old), NOW).map(({ undo }) => undo), [RELEASE]);
});
