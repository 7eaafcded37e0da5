/** How much fuzzing there is. */
import assert from "node:assert/strict";
import { INPUTS } from "../support/fuzz.ts";

const FOLDER = new URL("./", import.meta.url);

const sources = [...Deno.readDirSync(FOLDER)].filter(({ name }) => /^fuzz_.*_test\.ts$/.test(name))
  .map(({ name }) => Deno.readTextFileSync(new URL(name, FOLDER)));

const total = Object.values(INPUTS).reduce((sum: number, count) => sum + count, 0);

Deno.test(`the boundaries are fuzzed with at least 100000 inputs: ${total}`, () => {
  assert(total >= 100_000, `only ${total}`);
  for (const boundary of Object.keys(INPUTS)) {
    const used = sources.filter((source) => new RegExp(`fuzz(<[^(]*>)?\\(t, "${boundary}", \\{`).test(source));
    assert.equal(used.length, 1, `${used.length} tests fuzz ${boundary}`);
  }
});
