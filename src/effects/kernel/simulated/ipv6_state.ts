/** What the sysctls of a link say about IPv6. */
import type { SimLink } from "./state.ts";

/** IPV6_MIN_MTU (linux/ipv6.h), in bytes: a link below it has no IPv6 at all, not even its keys in /proc. */
const IPV6_MIN_MTU = 1280;

/** Whether the link can have IPv6. */
export const hasIpv6 = (link: SimLink): boolean => link.mtu >= IPV6_MIN_MTU;

/** Whether IPv6 is switched off by `disable_ipv6`. */
export const ipv6Disabled = (link: SimLink): boolean => (link.sysctls.get("ipv6/conf/disable_ipv6") ?? "0") !== "0";

/** A number of the link or of the whole namespace, whichever is higher, as the kernel combines the two. */
const highest = (link: SimLink, leaf: string, ofAll: number, ofLink: number): number => {
  const [family, folder, name] = leaf.split("/");
  const all = link.netns.sysctls.get(`net/${family}/${folder}/all/${name}`);
  const own = link.sysctls.get(leaf);
  return Math.max(all === undefined ? ofAll : Number(all), own === undefined ? ofLink : Number(own));
};

/** IFF_NOARP: it has no neighbours to ask. */
const hasNoArp = ({ kind, over }: SimLink): boolean =>
  kind === "dummy" || kind === "ifb" || kind === "vrf" ||
  (kind === "ipvlan" && over?.mode !== undefined && over.mode !== "l2");

/** Whether a new address is first checked for duplicates (addrconf_dad_begin, net/ipv6/addrconf.c). */
export const detectsDuplicates = (link: SimLink): boolean =>
  link.name !== "lo" && !hasNoArp(link) && highest(link, "ipv6/conf/accept_dad", 0, 1) >= 1;

/** Whether addresses that somebody added survive the link going down. */
export const keepsAddresses = (link: SimLink): boolean => highest(link, "ipv6/conf/keep_addr_on_down", 0, 0) > 0;

/** Whether the kernel makes a link-local address of the MAC, which no VRF gets (IN6_ADDR_GEN_MODE_EUI64, linux/if_link.h). */
export const makesLinkLocal = (link: SimLink): boolean =>
  link.kind !== "vrf" &&
  (link.sysctls.get("ipv6/conf/addr_gen_mode") ?? "0") === "0";

/** Whether secondary IPv4 addresses live on when their primary is removed. */
export const promotesSecondaries = (link: SimLink): boolean => highest(link, "ipv4/conf/promote_secondaries", 0, 0) > 0;
