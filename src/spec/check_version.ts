/**
 * The agreement between a configuration's version and a plugin's.
 *
 * @module
 */
import { quote } from "./conf_fault.ts";
import type { Command } from "./environment.ts";
import { CniCode, type CniFailure } from "./failure.ts";
import { atLeast, parseVersion } from "./version.ts";

/** The lowest version that has a verb, for those that not all versions have. */
const SINCE: Partial<Record<Command, string>> = { CHECK: "0.4.0", GC: "1.1.0", STATUS: "1.1.0" };

/** Whether a version of the spec has the verb; a text that is no version has only those that all versions have. */
export function hasCommand(version: string, command: Command): boolean {
  const since = SINCE[command];
  return since === undefined || atLeast(version, since);
}

const incompatible = (msg: string, configVersion: string, supported: readonly string[]): CniFailure => ({
  code: CniCode.INCOMPATIBLE_VERSION,
  msg,
  details: `the configuration is ${quote(configVersion)}, the plugin supports ${JSON.stringify(supported)}`,
});

const undecodable = (what: string, version: string): CniFailure => ({
  code: CniCode.DECODING_FAILURE,
  msg: `Cannot use ${what} ${quote(version)}: it is not a version such as 1.1.0`,
});

/** What only CHECK, GC and STATUS ask of versions. */
function checkVerb(command: Command, since: string, version: string, supported: readonly string[]): CniFailure | null {
  if (parseVersion(version) === null) return undecodable("cniVersion", version);
  if (!atLeast(version, since)) {
    return incompatible(`Cannot run ${command}: cniVersion ${version} is below ${since}`, version, supported);
  }
  for (const candidate of supported) {
    if (parseVersion(candidate) === null) return undecodable("the plugin's version", candidate);
    if (atLeast(candidate, version)) return null;
  }
  return incompatible(`Cannot run ${command}: the plugin has no version as high as ${version}`, version, supported);
}

/**
 * Null when the plugin speaks the config's version: exactly one of `supported`, and high enough for the verb. Code 1
 * otherwise, naming both sides; code 6 when CHECK, GC or STATUS meets a text that is no version.
 */
export function checkVersion(command: Command, configVersion: string, supported: readonly string[]): CniFailure | null {
  const since = SINCE[command];
  const failure = since === undefined ? null : checkVerb(command, since, configVersion, supported);
  if (failure !== null || supported.includes(configVersion)) return failure;
  return incompatible(
    `Cannot use "cniVersion": incompatible CNI version ${quote(configVersion)}`,
    configVersion,
    supported,
  );
}
