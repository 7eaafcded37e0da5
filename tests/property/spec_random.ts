/** Random values with a seed: a failing case is found again by its number. */

/** A source of random choices. */
export interface Random {
  /** A whole number from 0 to below `bound`. */
  readonly below: (bound: number) => number;
  readonly pick: <A>(items: readonly [A, ...A[]]) => A;
  readonly list: <A>(longest: number, item: () => A) => A[];
  /** A text of up to `longest` pieces out of the alphabet. */
  readonly text: (longest: number, alphabet: readonly [string, ...string[]]) => string;
  /** Any unsigned number of this many bits; edges more often than chance would have it. */
  readonly bits: (count: number) => bigint;
}

/** Mulberry32. */
export function random(seed: number): Random {
  let state = seed >>> 0;
  const word = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (bound: number): number => word() % bound;
  const pick = <A>(items: readonly [A, ...A[]]): A => items[below(items.length)] ?? items[0];
  const list = <A>(longest: number, item: () => A): A[] => Array.from({ length: below(longest + 1) }, item);
  const bits = (count: number): bigint => {
    const top = (1n << BigInt(count)) - 1n;
    const edge = below(8);
    if (edge === 0) return 0n;
    if (edge === 1) return top;
    let value = 0n;
    for (let at = 0; at < count; at += 16) value = (value << 16n) | BigInt(pick([0, 0, 0xffff, below(0x10000)]));
    return value & top;
  };
  return { below, pick, list, bits, text: (longest, alphabet) => list(longest, () => pick(alphabet)).join("") };
}

/** Runs a property for this many seeds; the failing seed is in the error. */
export function forSeeds(count: number, property: (random: Random) => void): void {
  for (let seed = 1; seed <= count; seed++) {
    try {
      property(random(seed));
    } catch (cause) {
      throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  }
}
