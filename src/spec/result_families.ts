/**
 * The three shapes a result had over the versions (CNI spec 0.2.0, 0.4.0 and 1.1.0, "Result").
 *
 * @module
 */

/** Versions whose results have one shape, lowest first. */
export type ResultFamily = readonly string[];

/** `ip4` and `ip6`. */
export const IP4_IP6: ResultFamily = ["0.1.0", "0.2.0"];

/** `interfaces` and `ips`, each of which says its `version`. */
export const VERSIONED_IPS: ResultFamily = ["0.3.0", "0.3.1", "0.4.0"];

/** `interfaces` and `ips`. */
export const IPS: ResultFamily = ["1.0.0", "1.1.0"];

/** The family of a version; null for what is no released version. */
export const familyOfVersion = (version: string): ResultFamily | null =>
  [IP4_IP6, VERSIONED_IPS, IPS].find((versions) => versions.includes(version)) ?? null;
