/** Which plugins there are and which spec versions each speaks: what VERSION answers, without loading a plugin. */

const EVERY_VERSION = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;

/** Spec versions by plugin type, lowest first. */
export const PLUGIN_VERSIONS: Readonly<Record<string, readonly string[]>> = {
  "bridge": EVERY_VERSION,
  "host-local": EVERY_VERSION,
  "tuning": EVERY_VERSION,
  "portmap": EVERY_VERSION,
};
