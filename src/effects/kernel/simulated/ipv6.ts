/** What IPv6 does by itself when links come up and go down. */
import { formatIp, ipFromBytes } from "../../../spec/cidr.ts";
import { macBytes } from "../../../spec/mac.ts";
import { SCOPE_HOST, SCOPE_LINK } from "../../../spec/routing.ts";
import type { AddressOp } from "../op.ts";
import { isOperational } from "./carrier.ts";
import { connect, disconnect } from "./connected.ts";
import { detectsDuplicates, hasIpv6, ipv6Disabled, makesLinkLocal } from "./ipv6_state.ts";
import { everyNetns, type SimAddress, type SimLink, type SimWorld } from "./state.ts";

/** The modified EUI-64 address of a MAC in fe80::/64 (RFC 4291, appendix A). */
const linkLocal = (mac: string): string => {
  const [a = 0, ...rest] = macBytes(mac);
  const [b, c, d, e, f] = rest;
  return formatIp(
    ipFromBytes(Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b ?? 0, c ?? 0, 0xff, 0xfe, d ?? 0, e ?? 0, f ?? 0)),
  );
};

/** rtm_scope of an IPv6 address. */
export const scopeOf6 = (ip: string): number => ip === "::1" ? SCOPE_HOST : /^fe[89ab]/.test(ip) ? SCOPE_LINK : 0;

/** INFINITY_LIFE_TIME (net/addrconf.h): for ever, which is what an address has that says nothing of it. */
const FOREVER = 0xffff_ffff;

/** How long an address may be used; null for ever. */
export const lifetimeOf = ({ lifetime }: Pick<AddressOp, "lifetime">): SimAddress["lifetime"] =>
  lifetime === undefined || (lifetime.preferred === FOREVER && lifetime.valid === FOREVER) ? null : lifetime;

/** A fresh IPv6 address, tentative where the link checks for duplicates. */
export const newAddress6 = (
  link: SimLink,
  ip: string,
  prefix: number,
  op: Pick<AddressOp, "noDad" | "noPrefixRoute" | "lifetime">,
): SimAddress => ({
  family: 6,
  ip,
  prefix,
  scope: scopeOf6(ip),
  noDad: op.noDad === true,
  noPrefixRoute: op.noPrefixRoute === true,
  lifetime: lifetimeOf(op),
  tentative: op.noDad !== true && detectsDuplicates(link),
  dadFailed: false,
});

/** Puts an IPv6 address where the kernel's list has it: after IPv4, wider scopes first, the newest of a scope first. */
export const insert6 = (link: SimLink, address: SimAddress): void => {
  const at = link.addresses.findIndex(({ family, scope }) => family === 6 && scope >= address.scope);
  link.addresses.splice(at < 0 ? link.addresses.length : at, 0, address);
};

/** Gives an operational link its link-local address, once for each time it comes up. */
export const startIpv6 = (link: SimLink): void => {
  if (link.ipv6Started || !hasIpv6(link) || ipv6Disabled(link) || !isOperational(link)) return;
  link.ipv6Started = true;
  const made = link.name === "lo"
    ? newAddress6(link, "::1", 128, {})
    : makesLinkLocal(link)
    ? newAddress6(link, linkLocal(link.mac), 64, {})
    : null;
  if (made === null || link.addresses.some(({ ip }) => ip === made.ip)) return;
  insert6(link, made);
  connect(link, made);
};

/** Takes all IPv6 addresses, neighbours and routes from a link. */
export const stopIpv6 = (link: SimLink): void => {
  link.ipv6Started = false;
  for (const address of link.addresses.filter(({ family }) => family === 6)) {
    link.addresses = link.addresses.filter((other) => other !== address);
    disconnect(link, address);
  }
  for (const ip of [...link.neighbours.keys()]) if (ip.includes(":")) link.neighbours.delete(ip);
  link.netns.routes = link.netns.routes.filter((route) => route.link !== link || route.family !== 6);
};

/** After any change of links: those that have become operational start IPv6. */
export const settle = (world: SimWorld): void => {
  for (const netns of everyNetns(world)) for (const link of netns.links.values()) startIpv6(link);
};
