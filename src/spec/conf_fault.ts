/**
 * What is wrong with a configuration, at which of its keys. Readers report every fault; a door makes one refusal of them.
 *
 * @module
 */
import { CniCode, type CniFailure, Refused } from "./failure.ts";
import type { Json } from "./json.ts";

/** The way to a value inside a document: keys and indexes. */
export type ConfPath = readonly (string | number)[];

/** One fault. */
export interface ConfFault {
  /** Where it is; for what is missing, where it should be. */
  readonly path: ConfPath;
  /** What is wrong and what would be right, beginning with the key: `"mtu": "big" is not an integer`. */
  readonly text: string;
  /** The CNI error code of a refusal that names it. */
  readonly code: CniFailure["code"];
  /** The key itself is the fault, not its value. */
  readonly at?: "key";
}

/** Where a reader puts the faults it finds. */
export type Report = (fault: ConfFault) => void;

/** Longest value a message quotes, in characters. */
const MAX_QUOTED = 80;

/** A value as JSON, cut to what a message can carry. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED - 1)}…` : text;
}

/**
 * `ipam.ranges[0][1].subnet`: how people write a path.
 *
 * @example
 * ```ts
 * import { dotted } from "./conf_fault.ts";
 * if (dotted(["plugins", 0, "ipam"]) !== "plugins[0].ipam") throw new Error("indexes stand in brackets");
 * ```
 */
export const dotted = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (text, key) => typeof key === "number" ? `${text}[${key}]` : `${text && text + "."}${String(key)}`,
    "",
  );

/** How a sentence about a path begins. */
export const subject = (path: ConfPath): string => path.length === 0 ? "the configuration" : `"${dotted(path)}"`;

/** A key that is missing (`value` undefined), or whose value breaks `rule`: "a string", "true or false". */
export const faultAt = (
  path: ConfPath,
  value: Json | undefined,
  rule: string,
  code: number = CniCode.INVALID_NETWORK_CONFIG,
): ConfFault => ({
  path,
  code,
  text: `${subject(path)}: ${
    value === undefined ? `it is missing, it must be ${rule}` : `${quote(value)} is not ${rule}`
  }`,
});

/** One refusal for texts of several faults: the first is its `msg`, the others its `details`. */
export function refusalOf(code: number, texts: readonly string[]): Refused {
  const [msg = "Cannot use the configuration", ...more] = new Set(texts);
  return new Refused({ code, msg, ...(more.length === 0 ? {} : { details: more.join("; ") }) });
}

/** The refusal of a text for its faults; `source` names the file, or whatever it came from. */
export const refuseSource = (source: string, faults: readonly ConfFault[]): Refused =>
  refusalOf(
    faults[0]?.code ?? CniCode.INVALID_NETWORK_CONFIG,
    faults.map(({ text }) => `Cannot load "${source}": ${text}`),
  );
