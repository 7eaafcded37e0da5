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

/** The value of a JSON text; undefined where it is none. */
export function jsonOf(text: string): Json | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
