/** Bytes that almost mean something. */
import type { Random } from "../property/spec_random.ts";
import { oneOf } from "./fuzz_json.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Bytes that are a length, a flag or an end somewhere. */
const TELLING = [0, 1, 2, 3, 4, 5, 7, 8, 10, 16, 0x20, 0x7b, 0x7d, 0x7f, 0x80, 0xc0, 0xff];

/** Any bytes. */
export const noise = (random: Random, longest: number): Bytes =>
  Uint8Array.from(random.list(longest, () => random.below(2) === 0 ? oneOf(random, TELLING) : random.below(256)));

/** These bytes one after the other. */
export function joined(...parts: readonly Uint8Array[]): Bytes {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** These bytes with up to `most` faults: bytes changed, put in, taken out, said twice, or cut off. */
export function damaged(random: Random, good: Uint8Array, most = 4): Bytes {
  let bytes = joined(good);
  for (let left = random.below(most + 1); left > 0; left--) {
    const at = random.below(bytes.length + 1);
    const before = bytes.subarray(0, at), after = bytes.subarray(at);
    const kind = random.below(6);
    if (kind === 0) bytes = joined(before);
    else if (kind === 1) bytes = joined(before, after.subarray(1 + random.below(8)));
    else if (kind === 2) bytes = joined(before, noise(random, 8), after);
    else if (kind === 3) bytes = joined(before, after.subarray(0, random.below(64)), after);
    else bytes = joined(before, Uint8Array.of(oneOf(random, TELLING)), after.subarray(1));
  }
  return bytes;
}

/** Bytes that are a little fewer, or zero where they were not. */
export function* smallerBytes(bytes: Uint8Array): Iterable<Bytes> {
  for (let length = bytes.length >> 1; length > 0; length >>= 1) {
    for (let from = 0; from < bytes.length; from += length) {
      yield joined(bytes.subarray(0, from), bytes.subarray(from + length));
    }
  }
  for (const [at, byte] of bytes.entries()) {
    if (byte !== 0) yield joined(bytes.subarray(0, at), Uint8Array.of(0), bytes.subarray(at + 1));
  }
}
