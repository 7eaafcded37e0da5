/** What rows are held to. */
import assert from "node:assert/strict";
import { judge, readStandards, recorded, SLACK, type Standard } from "../../../bench/bounds.ts";
import { against, alone, type Row } from "../../../bench/table.ts";

const row = (own: readonly number[], other: readonly number[], id = "x/y"): Row => {
  const [only] = against(id, "ms", { name: "ours", values: own }, { name: "theirs", values: other });
  assert.ok(only !== undefined);
  return only;
};

const most: Standard = { of: "ratio", limit: "most", target: 1.5, bound: 3, noise: 0 };
const least: Standard = { of: "ratio", limit: "least", target: 0.95, bound: 0.9, noise: 0 };

Deno.test.each([
  [1.4, true, true],
  [1.5, true, true],
  [3, false, true],
  [3 + 3 * SLACK, false, true],
  [3.6, false, false],
])("a ratio of %s at most 1.5 with a bound of 3: target met %s, bound held %s", (ratio, met, held) => {
  const verdict = judge(row([ratio], [1]), { "x/y": most });
  assert.equal(verdict?.met, met);
  assert.equal(verdict?.held, held);
});

Deno.test.each([
  [1, true, true],
  [0.9, false, true],
  [0.7, false, false],
])("a ratio of %s at least 0.95 with a bound of 0.9: target met %s, bound held %s", (ratio, met, held) => {
  const verdict = judge(row([ratio], [1]), { "x/y": least });
  assert.equal(verdict?.met, met);
  assert.equal(verdict?.held, held);
});

Deno.test("a run that is noisier than the slack may be behind by its noise, and by that of the bound", () => {
  const noisy = row([2, 3, 4, 5, 6], [1, 1, 1, 1, 1]);
  const { noise } = noisy.beside?.ratio ?? { noise: NaN };
  const bound = 4 - noise;
  assert.ok(noise > SLACK * bound);
  assert.equal(judge(noisy, { "x/y": { ...most, bound: bound * 1.01 } })?.held, true);
  assert.equal(judge(noisy, { "x/y": { ...most, bound: bound * 0.9 } })?.held, false);
  assert.equal(judge(noisy, { "x/y": { ...most, bound: bound * 0.9, noise: 1 } })?.held, true);
});

Deno.test("a value is judged by its target alone, and a row of which nothing is asked not at all", () => {
  const [value] = alone("v", "speed", "/s", [600]);
  assert.ok(value !== undefined);
  const standard: Standard = { of: "value", limit: "least", target: 500, bound: null, noise: null };
  assert.deepEqual(judge(value, { v: standard }), { standard, found: 600, met: true, held: null });
  assert.equal(judge(value, {}), null);
  assert.equal(judge(value, { v: most }), null, "a ratio without anything beside it cannot be judged");
});

Deno.test("recording keeps targets, what was not measured, and what is no ratio", () => {
  const value: Standard = { of: "value", limit: "most", target: 3, bound: null, noise: null };
  const standards = { "x/y": most, "other/y": least, v: value };
  assert.deepEqual(recorded([row([2.3456], [1]), ...alone("v", "v", "s", [1])], standards), {
    "x/y": { ...most, bound: 2.35, noise: 0 },
    "other/y": least,
    v: value,
  });
});

Deno.test("every recorded bound is a ratio's, has its noise, and is positive", () => {
  for (const [id, { of, limit, target, bound, noise }] of Object.entries(readStandards())) {
    assert.match(`${of} ${limit}`, /^(ratio|value) (most|least)$/, id);
    assert.ok(target > 0, id);
    assert.equal(bound === null, noise === null, id);
    if (bound !== null) assert.ok(of === "ratio" && bound > 0, id);
  }
});
