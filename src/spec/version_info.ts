/**
 * What a plugin answers to VERSION (CNI spec 1.1.0, section 2, "VERSION").
 *
 * @module
 */
import * as Effect from "effect/Effect";
import { CniCode, Refused } from "./failure.ts";
import { isJsonObject, type Json, jsonOf } from "./json.ts";
import { LATEST } from "./released_versions.ts";

/** What a plugin reads on stdin for VERSION. */
export const VERSION_REQUEST: { readonly cniVersion: string } = { cniVersion: LATEST };

/** How plugins from before 0.2.0, which have no VERSION, refuse it (libcni's `pkg/invoke/raw_exec.go`). */
export const BEFORE_VERSION = "unknown CNI_COMMAND: VERSION";

/** What such plugins speak. */
export const VERSIONS_BEFORE_VERSION: readonly string[] = ["0.1.0"];

const isTexts = (value: Json): value is readonly string[] =>
  Array.isArray(value) && value.every((item: Json) => typeof item === "string");

/**
 * The versions that a plugin's answer lists, in its order. Plugins of 0.2.0 list none: they speak 0.1.0 and 0.2.0.
 * Refused (code 6) for what is no such answer; `plugin` names whose it is.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { parseVersionInfo } from "./version_info.ts";
 * const text = '{"cniVersion":"1.1.0","supportedVersions":["1.0.0","1.1.0"]}';
 * const versions = Effect.runSync(parseVersionInfo(text, "bridge"));
 * if (versions.join() !== "1.0.0,1.1.0") throw new Error(versions.join());
 * ```
 */
export const parseVersionInfo = (text: string, plugin: string): Effect.Effect<readonly string[], Refused> => {
  const refuse = (why: string) =>
    Effect.fail(
      new Refused({ code: CniCode.DECODING_FAILURE, msg: `Cannot use the answer of "${plugin}" to VERSION: ${why}` }),
    );
  const answer = jsonOf(text);
  if (!isJsonObject(answer)) return refuse(`${JSON.stringify(text.slice(0, 200))} is no JSON object`);
  const { cniVersion, supportedVersions = null } = answer;
  if (typeof cniVersion !== "string" || cniVersion === "") return refuse('"cniVersion" must be a version');
  if (supportedVersions !== null && !isTexts(supportedVersions)) {
    return refuse(`"supportedVersions": ${JSON.stringify(supportedVersions)} is not an array of strings`);
  }
  if (supportedVersions !== null && supportedVersions.length > 0) return Effect.succeed(supportedVersions);
  if (cniVersion === "0.2.0") return Effect.succeed(["0.1.0", "0.2.0"]);
  return refuse('"supportedVersions" is missing or empty');
};
