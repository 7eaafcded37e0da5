/**
 * Fuzzing by seed: every input is made from its number. A failing input is made smaller as long as it fails, and told
 * with its number. `CLEAT_FUZZ_SEED=<number>` runs that one input only, `CLEAT_FUZZ_TIMES=<factor>` runs more of them.
 */
import assert from "node:assert/strict";
import { type Random, random } from "../property/spec_random.ts";

/** How many inputs each boundary gets: at least 100 000 in all, which `fuzz_budget_test.ts` counts. */
export const INPUTS = {
  "network lists": 7_000,
  "plugin confs": 6_000,
  "network folders": 1_500,
  "commented files": 1_000,
  "environments": 15_000,
  "CNI_ARGS": 10_000,
  "request configs": 8_000,
  "texts": 15_000,
  "versions": 5_000,
  "results": 3_000,
  "schemas": 8_000,
  "log bytes": 3_000,
  "log histories": 3_000,
  "netlink messages": 25_000,
  "netlink dumps": 8_000,
  "nf_tables answers": 10_000,
  "DHCP packets": 5_000,
  "DHCP calls": 5_000,
  "plugin runs": 1_500,
  "plugin answers": 800,
  "executables": 300,
} as const;

/** A place where input of others comes in. */
export type Boundary = keyof typeof INPUTS;

/** What is thrown at a boundary, and what must hold of the answer. */
export interface Fuzz<Input> {
  readonly make: (random: Random) => Input;
  /** Throws where something is wrong. `random` makes the same choices each time it is asked about an input. */
  readonly holds: (input: Input, random: Random) => void | Promise<void>;
  /** Inputs that are a little smaller, the smallest first. */
  readonly smaller?: (input: Input) => Iterable<Input>;
  /** How an input is told; by default as JSON. */
  readonly show?: (input: Input) => string;
}

/** The longest answer to one input, in milliseconds: what takes longer hangs, or is on its way to it. */
const LONGEST_MS = 1_000;

/** How many smaller inputs are tried once one has failed. */
const MAX_ATTEMPTS = 500;

/** Longest input a message shows, in characters. */
const MAX_SHOWN = 2_000;

const PROTOTYPES: readonly object[] = [Object.prototype, Array.prototype, String.prototype, Function.prototype];
const membersOf = (): number =>
  PROTOTYPES.reduce<number>((sum, prototype) => sum + Reflect.ownKeys(prototype).length, 0);
const MEMBERS = membersOf();

/** What is wrong with the answer to an input, or null. */
async function fault<Input>({ holds }: Fuzz<Input>, input: Input, seed: number): Promise<Error | null> {
  try {
    const answer = holds(input, random(~seed));
    if (answer instanceof Promise) await answer;
    assert.equal(membersOf(), MEMBERS, "a prototype that everybody shares has been changed");
    return null;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** How long the answer to an input takes at its best, in milliseconds: the machine may be busy with something else. */
async function took<Input>(fuzz: Fuzz<Input>, input: Input, seed: number): Promise<number> {
  const times: number[] = [];
  for (let tries = 0; tries < 3 && times.every((time) => time > LONGEST_MS); tries++) {
    const start = performance.now();
    await fault(fuzz, input, seed);
    times.push(performance.now() - start);
  }
  return Math.min(...times);
}

/** An input as small as it gets that still fails, and how. */
async function shrink<Input>(fuzz: Fuzz<Input>, input: Input, seed: number, error: Error): Promise<[Input, Error]> {
  let attempts = 0;
  for (let found = true; found && attempts < MAX_ATTEMPTS;) {
    found = false;
    for (const smaller of fuzz.smaller?.(input) ?? []) {
      if (++attempts > MAX_ATTEMPTS) break;
      const still = await fault(fuzz, smaller, seed);
      if (still === null) continue;
      [input, error, found] = [smaller, still, true];
      break;
    }
  }
  return [input, error];
}

async function fail<Input>(boundary: Boundary, fuzz: Fuzz<Input>, seed: number, cause: Error): Promise<never> {
  const [input, error] = await shrink(fuzz, fuzz.make(random(seed)), seed, cause);
  const shown = (fuzz.show?.(input) ?? JSON.stringify(input)).slice(0, MAX_SHOWN);
  throw new Error(`${boundary}, CLEAT_FUZZ_SEED=${seed}: ${error.message}\ninput, made small: ${shown}`, {
    cause: error,
  });
}

const setting = (name: string): number | null => {
  const text = Deno.env.get(name);
  return text === undefined ? null : Number(text);
};

/** Throws as many inputs at a boundary as `INPUTS` has for it; a step tells how many there were. */
export async function fuzz<Input>(t: Deno.TestContext, boundary: Boundary, fuzz: Fuzz<Input>): Promise<void> {
  const only = setting("CLEAT_FUZZ_SEED");
  const first = only ?? 1, last = only ?? INPUTS[boundary] * (setting("CLEAT_FUZZ_TIMES") ?? 1);
  let slowest = 0;
  for (let seed = first; seed <= last; seed++) {
    const start = performance.now();
    const error = await fault(fuzz, fuzz.make(random(seed)), seed);
    if (error !== null) await fail(boundary, fuzz, seed, error);
    const first = performance.now() - start;
    const time = first < LONGEST_MS ? first : await took(fuzz, fuzz.make(random(seed)), seed);
    assert(time < LONGEST_MS, `${boundary}, CLEAT_FUZZ_SEED=${seed}: it took ${Math.round(time)} ms`);
    slowest = Math.max(slowest, time);
  }
  await t.step(`${last - first + 1} ${boundary} tried, the slowest took ${slowest.toFixed(1)} ms`, () => {});
}
