/** What measurements come down to. */
import assert from "node:assert/strict";
import { median, quantile, ratioOf, summary } from "../../../bench/stats.ts";

Deno.test("the median is the middle value, whatever the order, and one slow run does not move it", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([1, 2, 1_000]), 2);
  assert.ok(Number.isNaN(median([])));
});

Deno.test("a quantile is a value that was measured, also the highest", () => {
  const values = Array.from({ length: 10 }, (_, i) => 10 - i);
  assert.equal(quantile(values, 0), 1);
  assert.equal(quantile(values, 0.1), 2);
  assert.equal(quantile(values, 0.9), 10);
  assert.equal(quantile(values, 1), 10);
});

Deno.test("a summary leaves a tenth out at either end", () => {
  const values = Array.from({ length: 100 }, (_, i) => i);
  assert.deepEqual(summary(values), { median: 50, min: 0, p10: 10, p90: 90, count: 100 });
});

Deno.test("what slows a pair down together is not in the spread of its ratio", () => {
  const base = [1, 2, 3, 10, 20];
  const paired = ratioOf(base.map((value) => value * 2), base);
  assert.deepEqual(paired, { value: 2, p10: 2, p90: 2, noise: 0 });
});

Deno.test("where there are fewer of one the spread is that of the other, in medians", () => {
  const { value, p10, p90, noise } = ratioOf([2, 4, 6, 8], [2, 2, 2]);
  assert.deepEqual({ value, p10, p90 }, { value: 3, p10: 1, p90: 4 });
  assert.ok(noise > 0);
});

Deno.test("noise shrinks with the root of the number of runs", () => {
  const some = Array.from({ length: 100 }, (_, i) => 1 + i % 10);
  const many = Array.from({ length: 400 }, (_, i) => 1 + i % 10);
  const ratio = ratioOf(some, [1]).noise / ratioOf(many, [1]).noise;
  assert.ok(Math.abs(ratio - 2) < 1e-9, `${ratio}`);
});
