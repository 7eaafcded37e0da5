/** Contenders take turns. */
import assert from "node:assert/strict";
import { compete, type Contender } from "../../../bench/contest.ts";

/** Contenders who write down whose turn it was, and say the how-manieth round it is. */
const runners = (...names: readonly string[]) => {
  const turns: string[] = [];
  const contenders = names.map((name): Contender => {
    let count = 0;
    return { name, round: () => Promise.resolve({ time: (turns.push(name), ++count) }) };
  });
  return { turns, contenders };
};

Deno.test("contenders take turns in blocks, and warm-ups are done but not counted", async () => {
  const { turns, contenders } = runners("a", "b");
  const ticks: number[] = [];
  const samples = await compete(contenders, { warmUps: 2, rounds: 4, block: 2 }, (done) => ticks.push(done));
  assert.equal(turns.join(""), "aabbaabbaabb");
  assert.deepEqual(samples.of("a", "time"), [3, 4, 5, 6]);
  assert.deepEqual(samples.of("b", "time"), [3, 4, 5, 6]);
  assert.deepEqual(samples.parts("a"), ["time"]);
  assert.deepEqual(ticks, [1 / 3, 2 / 3, 1]);
});

Deno.test("a slow contender has one round in every so many turns, and one to warm up", async () => {
  const { turns, contenders: [fast, slow] } = runners("f", "s");
  assert.ok(fast !== undefined && slow !== undefined);
  const samples = await compete([fast, { ...slow, every: 2 }], { warmUps: 4, rounds: 8, block: 2 }, () => {});
  assert.equal(turns.join(""), "ffffs" + "ffs" + "ff" + "ffs" + "ff");
  assert.deepEqual(samples.of("s", "time"), [2, 3]);
});

Deno.test("what was not measured has no samples", async () => {
  const samples = await compete([], { warmUps: 0, rounds: 1, block: 1 }, () => {});
  assert.deepEqual(samples.of("nobody", "time"), []);
  assert.deepEqual(samples.parts("nobody"), []);
});
