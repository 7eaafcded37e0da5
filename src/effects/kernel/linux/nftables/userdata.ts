/**
 * User data: triples `{ u8 type; u8 length; bytes }` that the kernel stores and `nft` reads. We write and read one of
 * them, the comment; others pass.
 */
import { MAX_COMMENT_BYTES } from "../../nft.ts";

/** The type of the comment on tables, chains, rules and elements (NFTNL_UDATA_*_COMMENT, libnftnl/udata.h). */
export const COMMENT = 0;

/** The type of the comment on sets (NFTNL_UDATA_SET_COMMENT). */
export const SET_COMMENT = 7;

/** The start of the text that fits, cut between characters: a byte 10xxxxxx continues one. */
const cut = (text: Uint8Array): Uint8Array => {
  if (text.length <= MAX_COMMENT_BYTES) return text;
  let end = MAX_COMMENT_BYTES;
  while (end > 0 && ((text[end] ?? 0) & 0xc0) === 0x80) end--;
  return text.subarray(0, end);
};

/**
 * A comment as user data, NUL-terminated, cut to `MAX_COMMENT_BYTES` between characters. `type` is `COMMENT` or
 * `SET_COMMENT`.
 *
 * @example
 * ```ts
 * import { COMMENT, encodeComment } from "./userdata.ts";
 * const bytes = encodeComment("hi", COMMENT);
 * if (bytes.join() !== "0,3,104,105,0") throw new Error(bytes.join());
 * ```
 */
export function encodeComment(comment: string, type: number): Uint8Array {
  const text = cut(new TextEncoder().encode(comment));
  const bytes = new Uint8Array(text.length + 3);
  bytes[0] = type;
  bytes[1] = text.length + 1;
  bytes.set(text, 2);
  return bytes;
}

/** The comment within user data, or null when there is none. Foreign or malformed triples are passed over. */
export function decodeComment(userdata: Uint8Array, type: number): string | null {
  for (let at = 0; at + 2 <= userdata.length;) {
    const length = userdata[at + 1] ?? 0;
    const value = userdata.subarray(at + 2, at + 2 + length);
    if (userdata[at] === type) {
      const end = value.indexOf(0);
      return new TextDecoder().decode(end < 0 ? value : value.subarray(0, end));
    }
    at += 2 + length;
  }
  return null;
}
