/**
 * What a text that names a version means: grammar, order, and which version a network list selects.
 *
 * @module
 */
import * as Effect from "effect/Effect";
import { type ConfFault, type ConfPath, faultAt, refusalOf, type Report } from "./conf_fault.ts";
import { CniCode, type Refused } from "./failure.ts";
import type { Json } from "./json.ts";
import { DEFAULT_VERSION, LATEST } from "./released_versions.ts";

/** Major, minor and patch. */
export type VersionParts = readonly [major: number, minor: number, patch: number];

/** One to three integers separated by dots, missing parts are 0, the empty text is 0.1.0; null for anything else. */
export function parseVersion(version: string): VersionParts | null {
  const parts = (version === "" ? DEFAULT_VERSION : version).split(".");
  if (parts.length > 3 || !parts.every((part) => /^[+-]?\d+$/.test(part))) return null;
  return [Number(parts[0]), Number(parts[1] ?? 0), Number(parts[2] ?? 0)];
}

const compareParts = (a: VersionParts, b: VersionParts): number => a[0] - b[0] || a[1] - b[1] || a[2] - b[2];

/**
 * Whether version `a` is `b` or later, by number and not by text. False when either is no version.
 *
 * @example
 * ```ts
 * import { atLeast } from "./version.ts";
 * if (!atLeast("1.10.0", "1.9.0") || atLeast("", "0.2.0")) throw new Error("numbers, not texts; empty is 0.1.0");
 * ```
 */
export function atLeast(a: string, b: string): boolean {
  const left = parseVersion(a), right = parseVersion(b);
  return left !== null && right !== null && compareParts(left, right) >= 0;
}

const GRAMMAR = "a version such as 1.1.0";

const wrong = (path: ConfPath, value: Json, rule: string): ConfFault =>
  faultAt(path, value, rule, CniCode.DECODING_FAILURE);

/**
 * The version that `cniVersion` and `cniVersions` of a list select, as `selectVersion` says; what is wrong with either
 * goes to `report`, and then the answer is not to be used.
 */
export function readVersion(cniVersion: Json | undefined, cniVersions: Json | undefined, report: Report): string {
  const own = typeof cniVersion === "string" ? cniVersion : "";
  if (cniVersion !== undefined && typeof cniVersion !== "string") report(wrong(["cniVersion"], cniVersion, "a string"));
  if (cniVersions === undefined) return own;
  if (!Array.isArray(cniVersions)) {
    report(wrong(["cniVersions"], cniVersions, "an array of strings"));
    return own;
  }
  if (parseVersion(own) === null) report(wrong(["cniVersion"], own, GRAMMAR));
  const entries = cniVersions.flatMap((version: Json, index) => {
    if (typeof version === "string" && parseVersion(version) !== null) return [version];
    report(wrong(["cniVersions", index], version, GRAMMAR));
    return [];
  });
  const known = (own === "" ? entries : [...entries, own]).filter((version) => atLeast(LATEST, version));
  return known.reduce((best, version) => atLeast(best, version) ? best : version, known[0] ?? own);
}

/**
 * The version a list selects out of its `cniVersion` and `cniVersions`: the greatest that is not above 1.1.0, as it is
 * written. Without `cniVersions` that is `cniVersion`, unchecked; an empty set leaves `cniVersion` selected. Refused
 * (code 6) when either has the wrong type or an entry is no version.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { selectVersion } from "./version.ts";
 * const selected = Effect.runSync(selectVersion("9.0.0", ["0.4.0", "1.0.0"]));
 * if (selected !== "1.0.0") throw new Error(selected);
 * ```
 */
export const selectVersion = (
  cniVersion: Json | undefined,
  cniVersions: Json | undefined,
): Effect.Effect<string, Refused> =>
  Effect.suspend(() => {
    const faults: ConfFault[] = [];
    const version = readVersion(cniVersion, cniVersions, (fault) => void faults.push(fault));
    if (faults.length === 0) return Effect.succeed(version);
    return Effect.fail(refusalOf(CniCode.DECODING_FAILURE, faults.map(({ text }) => `Cannot use ${text}`)));
  });
