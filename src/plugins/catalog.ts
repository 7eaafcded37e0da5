/** Which plugins there are and which spec versions each speaks: what VERSION answers, without loading a plugin. */
import { VERSIONS, VERSIONS_WITH_INTERFACES, versionsSince } from "../spec/released_versions.ts";

/** Spec versions by plugin type, lowest first. */
export const PLUGIN_VERSIONS: Readonly<Record<string, readonly string[]>> = {
  "bandwidth": VERSIONS_WITH_INTERFACES,
  "bridge": VERSIONS,
  "cleat": VERSIONS,
  "firewall": VERSIONS,
  "host-device": VERSIONS,
  "host-local": VERSIONS,
  "tuning": VERSIONS,
  "macvlan": VERSIONS,
  "portmap": VERSIONS,
  "dummy": VERSIONS,
  "ipvlan": VERSIONS,
  "loopback": VERSIONS,
  "ptp": VERSIONS,
  "dhcp": VERSIONS,
  "static": VERSIONS,
  "tap": VERSIONS,
  "vrf": versionsSince("0.3.1"),
  "sbr": VERSIONS,
  "vlan": VERSIONS,
};
