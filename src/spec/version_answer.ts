/**
 * What our plugins answer to VERSION (CNI spec 1.1.0, section 2, "VERSION").
 *
 * @module
 */
import { isJsonObject, jsonOf } from "./json.ts";
import { LATEST } from "./released_versions.ts";

/**
 * The version object that a plugin prints: in the version it is asked in, as far as the request, which it has read from
 * stdin, tells one.
 *
 * @example
 * ```ts
 * import { versionAnswer } from "./version_answer.ts";
 * const answer = versionAnswer('{"cniVersion":"0.4.0"}', ["0.4.0", "1.0.0"]);
 * if (answer !== '{"cniVersion":"0.4.0","supportedVersions":["0.4.0","1.0.0"]}\n') throw new Error(answer);
 * ```
 */
export function versionAnswer(request: string, supported: readonly string[]): string {
  const asked = jsonOf(request);
  const cniVersion = isJsonObject(asked) ? asked.cniVersion : undefined;
  const answered = typeof cniVersion === "string" && cniVersion !== "" ? cniVersion : LATEST;
  return `${JSON.stringify({ cniVersion: answered, supportedVersions: supported })}\n`;
}
