import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { checkKnownArgs, parseArgs } from "../../src/spec/args.ts";
import { checkContainerId, checkIfName, checkNetworkName } from "../../src/spec/names.ts";
import { atLeast, parseVersion, selectVersion } from "../../src/spec/version.ts";
import { forSeeds } from "./spec_random.ts";

const CHARACTERS = [
  "a",
  "Z",
  "0",
  "9",
  "_",
  ".",
  "-",
  "a",
  "b",
  "/",
  ":",
  " ",
  "\n",
  "ä",
  "\u0085",
  "\0",
  "€",
] as const;

Deno.test("[A14, B16] ids and network names pass exactly when they match the rule", () => {
  let good = 0;
  forSeeds(2_000, (random) => {
    const name = random.text(6, CHARACTERS);
    const matches = [...name].every((character, at) => (at === 0 ? /[a-zA-Z0-9]/ : /[a-zA-Z0-9_.-]/).test(character));
    const expected = matches && name !== "";
    assert.equal(checkContainerId(name) === null, expected, JSON.stringify(name));
    assert.equal(checkNetworkName(name) === null, expected, JSON.stringify(name));
    if (expected) good++;
  });
  assert(good > 100, `only ${good} names were good`);
});

Deno.test("[B17] an interface name passes exactly when it is short and free of what paths and the kernel mind", () => {
  forSeeds(2_000, (random) => {
    const name = random.text(18, CHARACTERS);
    const bytes = new TextEncoder().encode(name).length;
    const clean = ["/", ":", " ", "\n", "\u0085", "\0"].every((character) => !name.includes(character));
    const expected = bytes > 0 && bytes <= 15 && name !== "." && name !== ".." && clean;
    assert.equal(checkIfName(name) === null, expected, JSON.stringify(name));
  });
});

Deno.test("[B21, B25] arguments survive being joined; every unknown key is named", () => {
  forSeeds(1_000, (random) => {
    const pairs = random.list(4, () => [`K${random.below(5)}`, random.text(4, ["a", "/", " ", "€"])] as const);
    const text = pairs.map((pair) => pair.join("=")).join(";");
    const args = Effect.runSync(parseArgs(text));
    assert.deepEqual(args, new Map(pairs));
    assert.equal(checkKnownArgs(args, [...args.keys()]), null);
    const failure = checkKnownArgs(args, []);
    for (const [key, value] of args) assert(failure?.msg.includes(`${key}=${value}`));
    assert.equal(checkKnownArgs(Effect.runSync(parseArgs(`IgnoreUnknown=1${text && ";"}${text}`)), []), null);
  });
});

Deno.test("[A18, A19] of any set of versions the selected one is a member that no other member up to 1.1.0 is above", () => {
  forSeeds(1_000, (random) => {
    const version = () => [random.below(2), random.below(4), random.below(3)].slice(0, 1 + random.below(3)).join(".");
    const all = random.list(5, version), own = random.pick(["", version()]);
    const selected = Effect.runSync(selectVersion(own, all));
    const eligible = [...all, own].filter((text) => text !== "" && atLeast("1.1.0", text));
    if (eligible.length === 0) return assert.equal(selected, own);
    assert(eligible.includes(selected));
    assert(eligible.every((text) => atLeast(selected, text)), `${selected} of ${eligible}`);
  });
});

Deno.test("[A20] versions are totally ordered", () => {
  forSeeds(500, (random) => {
    const text = () => random.text(7, ["0", "1", "2", "10", ".", ".", "-"]);
    const a = text(), b = text();
    const both = parseVersion(a) !== null && parseVersion(b) !== null;
    assert.equal(atLeast(a, b) || atLeast(b, a), both, `${a} ${b}`);
  });
});
