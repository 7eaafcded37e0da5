/**
 * The error object that a plugin prints, as far as it is one.
 *
 * @module
 */
import type { CniFailure } from "./failure.ts";
import { member } from "./fold_keys.ts";
import type { JsonObject } from "./json.ts";

/**
 * What an object says of a failure (CNI spec 1.1.0, section 5, "Error"), in any case of the keys, as Go reads it; other
 * keys do not count. Null when a key has the wrong type: `code` is a whole number from 0, `msg` and `details` are texts.
 *
 * @example
 * ```ts
 * import { readFailure } from "./read_failure.ts";
 * if (readFailure({ code: 11, msg: "later", cniVersion: "1.1.0" })?.code !== 11) throw new Error("not read");
 * if (readFailure({ code: "11" }) !== null) throw new Error("a text is no code");
 * ```
 */
export function readFailure(printed: JsonObject): Partial<CniFailure> | null {
  const code = member(printed, "code"), msg = member(printed, "msg"), details = member(printed, "details");
  if (code !== undefined && !(typeof code === "number" && Number.isSafeInteger(code) && code >= 0)) return null;
  if (msg !== undefined && typeof msg !== "string") return null;
  if (details !== undefined && typeof details !== "string") return null;
  return {
    ...(code === undefined ? {} : { code }),
    ...(msg ? { msg } : {}),
    ...(details ? { details } : {}),
  };
}
