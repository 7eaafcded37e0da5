/** Reading and writing /proc/sys/net of a simulated namespace. */
import { startIpv6, stopIpv6 } from "./ipv6.ts";
import { refuse } from "./refusal.ts";
import type { SimLink, SimNetns } from "./state.ts";
import { fits, isFolder, parseKey, type SysctlKey } from "./sysctl_defaults.ts";
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

/** One number, in decimal, octal or hexadecimal as in C (strtoul_lenient, kernel/sysctl.c). */
const parseNumber = (word: string, leaf: string): number => {
  const [, sign, hex, octal, decimal] = /^(-?)(?:0x([0-9a-f]+)|0([0-7]+)|(\d+))$/i.exec(word) ?? [];
  if (sign === undefined || (decimal !== undefined && /^0\d/.test(decimal))) return refuse("EINVAL");
  const size = hex !== undefined ? parseInt(hex, 16) : octal !== undefined ? parseInt(octal, 8) : Number(decimal);
  const value = sign === "-" && size !== 0 ? -size : size;
  return fits(leaf, value) ? value : refuse("EINVAL");
};

/** The value as the kernel shows it: in decimal, with tabs between. What is not given stays, what is too much is ignored. */
const normalise = (value: string, leaf: string, current: string): string => {
  const words = value.trim() === "" ? [] : value.trim().split(/\s+/);
  return current.split("\t").map((old, at) => {
    const word = words[at];
    return word === undefined ? old : String(parseNumber(word, leaf));
  }).join("\t");
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

/** Why there is no such key: the path leads out of /proc/sys, to a folder, through a key, or nowhere. */
const whyMissing = (netns: SimNetns, key: string): string => {
  const parts = key.split("/");
  if (parts.some((part) => part === "" || part === "." || part === "..")) return "EINVAL";
  if (isFolder(key, netns.links.keys())) return "EISDIR";
  const above = parts.map((_, at) => parts.slice(0, at).join("/"));
  return above.some((path) => readSysctl(netns, path) !== null) ? "ENOTDIR" : "ENOENT";
};

/**
 * Writes a key. ENOENT when there is no such key, EISDIR when it is a folder, EINVAL when the value is no number or not one
 * that the key takes.
 */
export const writeSysctl = (netns: SimNetns, key: string, value: string): void => {
  const parsed = parseKey(key);
  const current = readSysctl(netns, key);
  if (parsed === null || current === null) return refuse(whyMissing(netns, key));
  const written = normalise(value, parsed.leaf, current);
  store(netns, key, written);
  // The kernel compares before it copies forwarding of IPv4 (devinet_sysctl_forward), and then only.
  if (written !== current || parsed.leaf.startsWith("ipv6/")) spread(netns, parsed, written);
  if (parsed.leaf !== "ipv6/conf/disable_ipv6") return;
  for (const link of linksOf(netns, parsed.link)) {
    if (written === "0") startIpv6(link);
    else stopIpv6(link);
  }
};
