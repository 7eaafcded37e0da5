/** Properties of what takes time. */
import { type Random, random } from "./spec_random.ts";

/** Runs an asynchronous property for seeds 1 to `count`, one after another; the failing seed is in the error. */
export async function forSeeds(count: number, property: (random: Random) => Promise<void>): Promise<void> {
  for (let seed = 1; seed <= count; seed++) {
    try {
      await property(random(seed));
    } catch (cause) {
      throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  }
}
