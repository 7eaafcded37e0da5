/** Reading and writing /proc/sys/net of a simulated namespace. */
import { startIpv6, stopIpv6 } from "./ipv6.ts";
import { refuse } from "./refusal.ts";
import type { SimLink, SimNetns } from "./state.ts";
import { parseKey, type SysctlKey } from "./sysctl_defaults.ts";
import { hasIpv6 } from "./ipv6_state.ts";

/** Where the value of a key is kept, or null when the key belongs to a link that is not there. */
const placeOf = (netns: SimNetns, key: string, { link, leaf }: SysctlKey) => {
  if (link === null || link === "all" || link === "default") return { values: netns.sysctls, name: key };
  const owner = netns.links.get(link);
  if (owner === undefined || (leaf.startsWith("ipv6/") && !hasIpv6(owner))) return null;
  return { values: owner.sysctls, name: leaf };
};

/** The value of a key below /proc/sys, or null when there is no such key. */
export const readSysctl = (netns: SimNetns, key: string): string | null => {
  const parsed = parseKey(key);
  const place = parsed === null ? null : placeOf(netns, key, parsed);
  return parsed === null || place === null ? null : place.values.get(place.name) ?? parsed.fallback;
};

/** The value as the kernel shows it: numbers in decimal, several of them with tabs between. */
const normalise = (value: string, fallback: string): string => {
  const words = value.trim().split(/\s+/);
  const count = fallback.split("\t").length;
  if (words.length !== count || words.some((word) => !/^[+-]?\d+$/.test(word))) refuse("EINVAL");
  return words.map((word) => String(Number(word))).join("\t");
};

const store = (netns: SimNetns, key: string, value: string): void => {
  const parsed = parseKey(key);
  const place = parsed === null ? null : placeOf(netns, key, parsed);
  if (parsed === null || place === null) return;
  if (value === parsed.fallback) place.values.delete(place.name);
  else place.values.set(place.name, value);
};

const linksOf = (netns: SimNetns, link: string | null): readonly SimLink[] => {
  if (link === "all") return [...netns.links.values()];
  const one = link === null ? undefined : netns.links.get(link);
  return one === undefined ? [] : [one];
};

/** Writes that the kernel copies to other keys: a switch of the whole namespace sets every link's own. */
const spread = (netns: SimNetns, { link, leaf }: SysctlKey, value: string): void => {
  const everywhere = leaf === "net/ipv4/ip_forward" || (leaf === "ipv4/conf/forwarding" && link === "all");
  const name = everywhere ? "ipv4/conf/forwarding" : leaf;
  const copied = name === "ipv4/conf/forwarding" || name === "ipv6/conf/forwarding" ||
    name === "ipv6/conf/disable_ipv6";
  if (!copied || (!everywhere && link !== "all")) return;
  if (everywhere) store(netns, "net/ipv4/ip_forward", value);
  const [family, folder, last] = name.split("/");
  for (const each of ["all", "default", ...netns.links.keys()]) {
    store(netns, `net/${family}/${folder}/${each}/${last}`, value);
  }
};

/** Writes a key. ENOENT when there is no such key, EINVAL when the value is no number. */
export const writeSysctl = (netns: SimNetns, key: string, value: string): void => {
  const parsed = parseKey(key);
  if (parsed === null || placeOf(netns, key, parsed) === null) return refuse("ENOENT");
  const written = normalise(value, parsed.fallback);
  store(netns, key, written);
  spread(netns, parsed, written);
  if (parsed.leaf !== "ipv6/conf/disable_ipv6") return;
  for (const link of linksOf(netns, parsed.link)) {
    if (written === "0") startIpv6(link);
    else stopIpv6(link);
  }
};
