/** Which key somebody meant who misspelt it. */

/**
 * The least number of letters to insert, drop, change, or swap with their neighbour that turns one text into the other
 * (Damerau and Levenshtein's distance, each pair swapped at most once).
 */
function distance(a: string, b: string): number {
  const columns = Array.from({ length: b.length + 1 }, (_, column) => column);
  let before: readonly number[] = [], row: readonly number[] = columns;
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = swapped ? (before[j - 2] ?? 0) + 1 : Infinity;
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, change, swap));
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}

/** One mistake for every so many letters is still the same word. */
const LETTERS_PER_MISTAKE = 3;

/** Longer texts are no misspelt keys: the longest key there is has 25 letters. */
const MAX_LENGTH = 40;

/**
 * The key out of `keys` that `key` misspells, whatever their case; null when it resembles none.
 *
 * @example
 * ```ts
 * import { nearestKey } from "./nearest_key.ts";
 * if (nearestKey("isGatway", ["isGateway", "ipMasq"]) !== "isGateway") throw new Error("a letter is missing");
 * if (nearestKey("keyA", ["isGateway", "ipMasq", "mtu"]) !== null) throw new Error("a key of somebody else's");
 * ```
 */
export function nearestKey(key: string, keys: Iterable<string>): string | null {
  if (key.length > MAX_LENGTH) return null;
  let nearest: string | null = null, least = Infinity;
  for (const candidate of keys) {
    const mistakes = distance(key.toLowerCase(), candidate.toLowerCase());
    const letters = Math.min(key.length, candidate.length);
    if (mistakes * LETTERS_PER_MISTAKE > letters || mistakes >= least) continue;
    nearest = candidate;
    least = mistakes;
  }
  return nearest;
}
