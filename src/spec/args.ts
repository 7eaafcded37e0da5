/**
 * CNI_ARGS: `KEY=VALUE` pairs separated by `;`.
 *
 * @module
 */
import * as Effect from "effect/Effect";
import { quote } from "./conf_fault.ts";
import { CniCode, type CniFailure, Refused } from "./failure.ts";

/** The key that makes plugins pass over keys they do not know. */
export const IGNORE_UNKNOWN = "IgnoreUnknown";

const failure = (msg: string, details: string): CniFailure => ({ code: CniCode.INVALID_ENVIRONMENT, msg, details });

/**
 * Reads CNI_ARGS. A key ends at the first `=`, as runtimes read it; keys are case-sensitive, values may be empty and may
 * hold `=`, the last of equal keys wins. Refused (code 4) for a piece without `=`, an empty one included.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { parseArgs } from "./args.ts";
 * const args = Effect.runSync(parseArgs("IgnoreUnknown=1;IP=10.0.0.7"));
 * if (args.get("IP") !== "10.0.0.7") throw new Error("the second pair is lost");
 * ```
 */
export function parseArgs(text: string): Effect.Effect<ReadonlyMap<string, string>, Refused> {
  const args = new Map<string, string>();
  for (const piece of text === "" ? [] : text.split(";")) {
    const at = piece.indexOf("=");
    if (at < 0) {
      const msg = `Cannot use CNI_ARGS ${quote(text)}: ${quote(piece)} is not a KEY=VALUE pair`;
      return Effect.fail(new Refused(failure(msg, "pairs are separated by ';' and hold a '='")));
    }
    args.set(piece.slice(0, at), piece.slice(at + 1));
  }
  return Effect.succeed(args);
}

/** `1`, `true` in any case → true; `0`, `false` → false; null for anything else. */
export function parseBool(text: string): boolean | null {
  const lower = text.toLowerCase();
  if (lower === "1" || lower === "true") return true;
  return lower === "0" || lower === "false" ? false : null;
}

/** Null when every key is known, or `IgnoreUnknown` is true; code 4 otherwise, naming the pairs that are not. */
export function checkKnownArgs(args: ReadonlyMap<string, string>, known: readonly string[]): CniFailure | null {
  const asked = args.get(IGNORE_UNKNOWN) ?? "0";
  const ignore = parseBool(asked);
  if (ignore === null) {
    return failure(`Cannot use CNI_ARGS ${IGNORE_UNKNOWN}=${asked}: it is not a boolean`, "use 1, true, 0 or false");
  }
  const unknown = [...args].filter(([key]) => key !== IGNORE_UNKNOWN && !known.includes(key));
  if (ignore || unknown.length === 0) return null;
  const pairs = unknown.map(([key, value]) => `${key}=${value}`).join(";");
  const keys = known.length === 0 ? "this plugin knows none" : `this plugin knows ${known.join(", ")}`;
  return failure(`Cannot use CNI_ARGS "${pairs}": unknown keys`, `${keys}; ${IGNORE_UNKNOWN}=1 passes over others`);
}
