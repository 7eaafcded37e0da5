/** Lists of domain names as DNS writes them (RFC 1035, 4.1.4), which option 119 carries (RFC 3397). */

/** Longest label and longest name, in bytes (RFC 1035, 2.3.4). */
const LONGEST_LABEL = 63, LONGEST_NAME = 255;
const POINTER = 0xc0;

/** One name from `start`, and where the next begins; null where it is none. A pointer leads to what stands before it. */
function readName(bytes: Uint8Array, start: number): { readonly name: string; readonly next: number } | null {
  const labels: string[] = [];
  let at = start, next: number | null = null, bound = start, length = 0;
  for (;;) {
    const size = bytes[at];
    if (size === undefined) return null;
    if (size === 0) return { name: labels.join("."), next: next ?? at + 1 };
    if ((size & POINTER) === POINTER) {
      const target = ((size & 0x3f) << 8) | (bytes[at + 1] ?? 0);
      if (at + 1 >= bytes.length || target >= bound) return null; // forwards, or round in a circle
      next ??= at + 2;
      at = bound = target;
      continue;
    }
    const label = new TextDecoder().decode(bytes.subarray(at + 1, at + 1 + size));
    length += size + 1;
    if (size > LONGEST_LABEL || at + 1 + size > bytes.length || length > LONGEST_NAME || !/^[\w-]+$/.test(label)) {
      return null;
    }
    labels.push(label);
    at += size + 1;
  }
}

/**
 * The names; null where the bytes are no list of names.
 *
 * @example
 * ```ts
 * import { domainNames } from "./domain_names.ts";
 * const bytes = Uint8Array.of(1, 97, 2, 105, 111, 0, 1, 98, 0xc0, 2); // a.io, and b before what stands at 2
 * if (domainNames(bytes)?.join() !== "a.io,b.io") throw new Error("not read");
 * ```
 */
export function domainNames(bytes: Uint8Array): readonly string[] | null {
  const names: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const read = readName(bytes, at);
    if (read === null) return null;
    if (read.name !== "") names.push(read.name);
    at = read.next;
  }
  return names;
}
