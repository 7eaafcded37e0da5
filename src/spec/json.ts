/**
 * JSON as CNI exchanges it.
 *
 * @module
 */

/** Any JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

/** A JSON object with any keys: network configurations are open (CNI spec 1.1.0, section 1). */
export interface JsonObject {
  /** Keys and their order are kept as they came. */
  readonly [key: string]: Json;
}

/** Tells an object from `null`, arrays and scalars. */
export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Longest text of a configuration, in characters: hundreds of times what anybody writes, and still read at once. */
const MAX_CONFIGURATION = 2 ** 20;

/** What is wrong with a configuration of that many characters; null where it can be read. */
export const tooLong = (text: string, longest: number = MAX_CONFIGURATION): string | null =>
  text.length <= longest ? null : `it has ${text.length} characters, at most ${longest} are read`;

/** More levels of arrays and objects than any configuration has: what walks one may recurse. */
const MAX_DEPTH = 1_000;

const DOUBLE_QUOTE = 0x22, BACKSLASH = 0x5c, OPENING = [0x5b, 0x7b], CLOSING = [0x5d, 0x7d];

/** What is wrong with a JSON text that is nested so deeply; null where it can be read, and where it is none for other reasons. */
export function tooDeep(text: string): string | null {
  let depth = 0, inText = false;
  // A level takes two characters.
  for (let at = 0; text.length > 2 * MAX_DEPTH && at < text.length; at++) {
    const mark = text.charCodeAt(at);
    if (mark === DOUBLE_QUOTE) inText = !inText;
    else if (inText && mark === BACKSLASH) at++;
    else if (!inText && OPENING.includes(mark)) depth++;
    else if (!inText && CLOSING.includes(mark)) depth--;
    if (depth > MAX_DEPTH) return `its values are nested more than ${MAX_DEPTH} levels deep`;
  }
  return null;
}

/** The value of a JSON text; undefined where it is none. */
export function jsonOf(text: string): Json | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
