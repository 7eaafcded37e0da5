/** Adding and removing addresses. */
import { type Cidr, formatIp, parseCidr } from "../../../spec/cidr.ts";
import type { KernelOp } from "../op.ts";
import { connect, disconnect, isSecondary, sameNetwork } from "./connected.ts";
import { insert6, lifetimeOf, newAddress6 } from "./ipv6.ts";
import { hasIpv6, ipv6Disabled, promotesSecondaries } from "./ipv6_state.ts";
import { isBusy } from "./links_over.ts";
import { refuse } from "./refusal.ts";
import { forgetSource } from "./routes.ts";
import type { SimAddress, SimLink } from "./state.ts";

type Of<Name extends KernelOp["op"]> = Extract<KernelOp, { readonly op: Name }>;

const parse = (text: string): Cidr => parseCidr(text) ?? refuse("EINVAL");

const find = (link: SimLink, { ip, prefix }: Cidr): SimAddress | undefined => {
  const text = formatIp(ip);
  return link.addresses.find((address) => address.ip === text && address.prefix === prefix);
};

const add4 = (link: SimLink, { ip, prefix }: Cidr, op: Of<"address.add">): SimAddress => {
  const address: SimAddress = {
    family: 4,
    ip: formatIp(ip),
    prefix,
    scope: 0,
    noDad: true,
    noPrefixRoute: op.noPrefixRoute === true,
    lifetime: lifetimeOf(op),
    tentative: false,
    dadFailed: false,
  };
  const first6 = link.addresses.findIndex(({ family }) => family === 6);
  link.addresses.splice(first6 < 0 ? link.addresses.length : first6, 0, address);
  return address;
};

const add6 = (link: SimLink, { ip, prefix }: Cidr, op: Of<"address.add">): SimAddress => {
  const address = newAddress6(link, formatIp(ip), prefix, op);
  insert6(link, address);
  return address;
};

const refuseBusy = (link: SimLink, address: string): void => {
  if (isBusy(link, address)) refuse("EADDRINUSE", "Address already assigned to an ipvlan device");
};

/**
 * EEXIST when the link has it (IPv6: with any prefix), EACCES where IPv6 is disabled, EINVAL where the MTU forbids it,
 * EADDRINUSE when an ipvlan of the same parent has it.
 */
export const addAddress = (link: SimLink, op: Of<"address.add">): void => {
  const cidr = parse(op.address);
  if (cidr.ip.family === 6) {
    if (!hasIpv6(link)) refuse("EINVAL");
    if (ipv6Disabled(link)) refuse("EACCES", "ipv6: IPv6 is disabled on this device.");
    const text = formatIp(cidr.ip);
    refuseBusy(link, text);
    if (link.addresses.some(({ ip }) => ip === text)) refuse("EEXIST", "ipv6: address already assigned");
    connect(link, add6(link, cidr, op));
    return;
  }
  if (find(link, cidr) !== undefined) refuse("EEXIST", "ipv4: Address already assigned");
  refuseBusy(link, formatIp(cidr.ip));
  connect(link, add4(link, cidr, op));
};

/** What goes with an address: of a primary IPv4 address its secondaries, unless those may be promoted. */
const goingWith = (link: SimLink, address: SimAddress): ReadonlySet<SimAddress> => {
  if (address.family === 6 || isSecondary(link, address) || promotesSecondaries(link)) return new Set([address]);
  return new Set(link.addresses.filter((other) => sameNetwork(other, address)));
};

/**
 * EADDRNOTAVAIL when the link does not have it with this prefix, ENXIO when it has no IPv6 at all. With the last IPv4 address of a link all its IPv4 routes
 * go, in every table, and do not come back.
 */
export const removeAddress = (link: SimLink, op: Of<"address.remove">): void => {
  const cidr = parse(op.address);
  if (cidr.ip.family === 6 && !hasIpv6(link)) refuse("ENXIO");
  const address = find(link, cidr) ?? refuse("EADDRNOTAVAIL");
  const going = goingWith(link, address);
  link.addresses = link.addresses.filter((other) => !going.has(other));
  if (address.family === 4 && !link.addresses.some(({ family }) => family === 4)) {
    link.netns.routes = link.netns.routes.filter((route) => route.link !== link || route.family !== 4);
  }
  disconnect(link, address);
  for (const { ip } of going) forgetSource(link.netns, ip);
};
