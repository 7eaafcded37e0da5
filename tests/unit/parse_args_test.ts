import assert from "node:assert/strict";
import { parseArgs } from "@std/cli/parse-args";

const options = {
  string: ["limit", "network"],
  boolean: ["verbose", "color"],
  collect: ["network"],
  negatable: ["color"],
  alias: { limit: "n", verbose: ["v", "debug"] },
} as const;

Deno.test("absent options have their absent values: undefined, false, an empty array", () => {
  assert.deepEqual(parseArgs([], options), { verbose: false, color: false, network: [], _: [] });
});

Deno.test("a value is given by =, by the next argument or glued to the letter, and the last one wins", () => {
  for (const given of [["--limit=5"], ["--limit", "5"], ["-n5"], ["-n", "5"], ["--limit=4", "-n5"]]) {
    assert.equal(parseArgs(given, options).limit, "5", given.join(" "));
  }
});

Deno.test("a string option at the end has the empty value", () => {
  assert.equal(parseArgs(["--limit"], options).limit, "");
});

Deno.test("booleans never take the next argument, and =false and --no- switch them off", () => {
  const args = parseArgs(["--debug", "true", "--color", "--no-color"], options);
  assert.deepEqual([args.verbose, args.color, args._], [true, false, ["true"]]);
  assert.equal(parseArgs(["--verbose=false"], { ...options, default: { verbose: true } }).verbose, false);
});

Deno.test("--no- of a boolean that is not negatable is an undeclared option", () => {
  const seen: unknown[] = [];
  const args = parseArgs(["-v", "--no-verbose"], { ...options, unknown: (...all) => void seen.push(all) });
  assert.deepEqual([args.verbose, seen], [true, [["--no-verbose", "no-verbose", true]]]);
});

Deno.test("collected options keep their order", () => {
  assert.deepEqual(parseArgs(["--network=b", "x", "--network", "a"], options).network, ["b", "a"]);
});

Deno.test("defaults hold until the option is given, also for collected ones", () => {
  const withDefaults = { ...options, default: { limit: "10", network: ["all"], color: true } };
  const absent = parseArgs([], withDefaults);
  assert.deepEqual([absent.limit, absent.network, absent.color], ["10", ["all"], true]);
  const given = parseArgs(["--limit=1", "--network=a", "--no-color"], withDefaults);
  assert.deepEqual([given.limit, given.network, given.color], ["1", ["a"], false]);
});

Deno.test("what follows -- is positional, and kept apart on request", () => {
  assert.deepEqual(parseArgs(["a", "--", "-v", "--", "b"], options)._, ["a", "-v", "--", "b"]);
  const apart = parseArgs(["a", "--", "-v"], { ...options, "--": true });
  assert.deepEqual([apart._, apart["--"], apart.verbose], [["a"], ["-v"], false]);
});

Deno.test("stopEarly leaves everything after the first positional alone", () => {
  const args = parseArgs(["-v", "exec", "--limit=5", "-v", "--", "x"], { ...options, stopEarly: true });
  assert.deepEqual([args.verbose, args.limit, args._], [true, undefined, ["exec", "--limit=5", "-v", "x"]]);
});

Deno.test("an undeclared option keeps its value and consumes nothing, and unknown can drop it", () => {
  const kept: object = parseArgs(["--mode=fast", "--dry", "x"], options);
  assert.deepEqual(kept, { mode: "fast", dry: true, verbose: false, color: false, network: [], _: ["x"] });
  const dropped: object = parseArgs(["--mode=fast", "x"], { ...options, unknown: () => false });
  assert.deepEqual(dropped, { verbose: false, color: false, network: [], _: [] });
});

Deno.test("numbers and the lone dash stay strings", () => {
  assert.deepEqual(parseArgs(["5", "-", "--limit=007"], options)._, ["5", "-"]);
  assert.equal(parseArgs(["--limit=007"], options).limit, "007");
});
