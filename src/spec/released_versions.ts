/** The versions of the CNI specification. Imports nothing, because VERSION is answered before anything is loaded. */

/** Every released version, lowest first. */
export const VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;

/** Those that a plugin speaks which began with this one. */
export const versionsSince = (first: SpecVersion): readonly SpecVersion[] => VERSIONS.slice(VERSIONS.indexOf(first));

/** Those whose results name interfaces. */
export const VERSIONS_WITH_INTERFACES: readonly SpecVersion[] = versionsSince("0.3.0");

/** A released version. */
export type SpecVersion = typeof VERSIONS[number];

/** The version we speak ourselves: the newest. */
export const LATEST: SpecVersion = "1.1.0";

/** What an absent or empty `cniVersion` means. */
export const DEFAULT_VERSION: SpecVersion = "0.1.0";
