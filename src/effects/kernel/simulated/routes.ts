/** Adding, removing and choosing routes. */
import { contains, parseCidr, parseIp } from "../../../spec/cidr.ts";
import { BOOT, BY_KERNEL, MAIN_TABLE, SCOPE_LINK } from "../../../spec/routing.ts";
import type { KernelOp } from "../op.ts";
import { canonicalIp, canonicalPrefix, metricOf, sameIp } from "../same.ts";
import { hasIpv6, ipv6Disabled } from "./ipv6_state.ts";
import { refuse } from "./refusal.ts";
import { type SimLink, type SimNetns, type SimRoute, tableOf } from "./state.ts";

type Of<Name extends KernelOp["op"]> = Extract<KernelOp, { readonly op: Name }>;

const holder = (netns: SimNetns, ip: string): SimLink | null =>
  [...netns.links.values()].find((link) => link.addresses.some((address) => address.ip === ip)) ?? null;

/** The route of the longest prefix among those, the lowest metric first. */
const best = (routes: readonly SimRoute[], ip: string): SimRoute | null => {
  const length = (route: SimRoute) => parseCidr(route.dst)?.prefix ?? 0;
  const fitting = routes.filter((route) => contains(route.dst, ip));
  return fitting.toSorted((a, b) => length(b) - length(a) || a.metric - b.metric)[0] ?? null;
};

/** The link the kernel would send over: lo for the namespace's own addresses, else by the main table; null without a route. */
export const linkTowards = (netns: SimNetns, ip: string): SimLink | null => {
  const text = canonicalIp(ip);
  const lo = netns.links.get("lo") ?? null;
  if (holder(netns, text) !== null || (/^127\./.test(text) && lo?.up)) return lo;
  return best(netns.routes.filter(({ table }) => table === MAIN_TABLE), text)?.link ?? null;
};

/** The gateway must be on a network of the link itself, nearer than the destination (its scope): ENETUNREACH. */
const checkGateway4 = (link: SimLink, op: Of<"route.add">, gw: string): void => {
  if (link.addresses.some(({ ip }) => ip === gw)) return;
  const scope = Math.max(SCOPE_LINK, (op.scope ?? 0) + 1);
  const near = link.netns.routes.filter((route) =>
    route.link === link && route.scope >= scope && (route.table === tableOf(link) || route.table === op.table)
  );
  if (best(near, gw) === null) refuse("ENETUNREACH", "Nexthop has invalid gateway");
};

/** The gateway must be somebody else's, and reached over the link without another gateway: EHOSTUNREACH. */
const checkGateway6 = (link: SimLink, op: Of<"route.add">, gw: string): void => {
  if (holder(link.netns, gw) !== null) refuse("EINVAL", "Gateway can not be a local address");
  if (/^fe[89ab]/.test(gw)) return;
  const near = link.netns.routes.filter((route) =>
    route.link === link && (route.table === tableOf(link) || route.table === op.table)
  );
  const way = best(near, gw);
  if (way === null || way.gw !== null) refuse("EHOSTUNREACH");
};

const checkLink = (link: SimLink, family: 4 | 6): void => {
  if (family === 6 && ipv6Disabled(link)) refuse("EACCES", "IPv6 is disabled on nexthop device");
  if (!link.up) refuse("ENETDOWN", family === 4 ? "Device for nexthop is not up" : "Nexthop device is not up");
};

/** Reads the destination; IPv4 refuses host bits, IPv6 clears them. */
const destination = (dst: string): { readonly family: 4 | 6; readonly dst: string } => {
  const parsed = parseCidr(dst) ?? refuse("EINVAL");
  const { family } = parsed.ip;
  const canonical = canonicalPrefix(dst);
  if (family === 4 && !sameIp(canonical.split("/")[0] ?? "", dst.split("/")[0] ?? "")) {
    refuse("EINVAL", "Invalid prefix for given prefix length");
  }
  return { family, dst: canonical };
};

const sameDestination = (a: SimRoute, b: SimRoute): boolean =>
  a.dst === b.dst && a.metric === b.metric && a.table === b.table;

/**
 * Whether the kernel takes both for one route: of IPv4 by everything (fib_find_info, net/ipv4/fib_semantics.c), so that one
 * destination can have several; of IPv6 by destination, metric and next hop (fib6_add_rt2node, net/ipv6/ip6_fib.c).
 */
const isSame = (a: SimRoute, b: SimRoute): boolean =>
  sameDestination(a, b) && a.link === b.link && a.gw === b.gw &&
  (a.family === 6 ||
    (a.scope === b.scope && a.mtu === b.mtu && a.advmss === b.advmss && a.src === b.src &&
      a.connected === b.connected));

/** The newest route of an IPv4 destination comes first, of an IPv6 one last. */
const insert = (routes: SimRoute[], route: SimRoute): void => {
  const first = route.family === 4 ? routes.findIndex((other) => sameDestination(other, route)) : -1;
  routes.splice(first < 0 ? routes.length : first, 0, route);
};

const protocolOf = ({ protocol, byKernel }: Of<"route.add" | "route.remove">): number =>
  protocol ?? (byKernel === true ? BY_KERNEL : BOOT);

/** Refused when the gateway cannot be reached, the link is down, or the same route is there: EEXIST. */
export const addRoute = (link: SimLink, op: Of<"route.add">): void => {
  const { family, dst } = destination(op.dst);
  const gw = op.gw === undefined ? null : canonicalIp(op.gw);
  if (gw !== null && parseIp(gw)?.family !== family) refuse("EINVAL");
  if (family === 6 && !hasIpv6(link)) refuse("ENODEV");
  if (gw !== null) (family === 4 ? checkGateway4 : checkGateway6)(link, op, gw);
  checkLink(link, family);
  if (op.src !== undefined && holder(link.netns, canonicalIp(op.src)) === null) {
    refuse("EINVAL", family === 4 ? "Invalid prefsrc address" : "Invalid source address");
  }
  const protocol = protocolOf(op);
  const route: SimRoute = {
    family,
    dst,
    gw,
    link,
    metric: metricOf(op),
    table: op.table ?? MAIN_TABLE,
    scope: family === 4 ? op.scope ?? 0 : 0,
    mtu: op.mtu ?? null,
    advmss: op.advmss ?? null,
    // The kernel gives its own routes a source by itself.
    src: op.src === undefined || protocol === BY_KERNEL ? null : canonicalIp(op.src),
    connected: protocol === BY_KERNEL,
    protocol,
  };
  if (link.netns.routes.some((other) => isSame(other, route))) refuse("EEXIST");
  insert(link.netns.routes, route);
};

/**
 * Routes may prefer a source only while it is an address of the namespace: without it, IPv4 ones go (fib_sync_down_addr)
 * and IPv6 ones forget it (rt6_remove_prefsrc).
 */
export const forgetSource = (netns: SimNetns, ip: string): void => {
  if (holder(netns, ip) !== null) return;
  netns.routes = netns.routes.filter((route) => route.family === 6 || route.src !== ip)
    .map((route) => route.src === ip ? { ...route, src: null } : route);
};

/** Refuses what the kernel cannot be told from a route by a gateway: see `removeRoute` of the real one. */
const checkNameable = (link: SimLink, route: SimRoute): void => {
  if (route.gw !== null || route.connected) return;
  const other = link.netns.routes.find((each) =>
    sameDestination(each, route) && each.link === link && each.scope === route.scope && each.gw !== null
  );
  if (other !== undefined) refuse("EBUSY", `a route via ${other.gw} would go instead`);
};

/** Removes exactly the route that `route.add` with the same keys made; ESRCH when it is not there. */
export const removeRoute = (link: SimLink, op: Of<"route.remove">): void => {
  const { family, dst } = destination(op.dst);
  const gw = op.gw === undefined ? null : canonicalIp(op.gw);
  const found =
    link.netns.routes.find((route) =>
      route.protocol === protocolOf(op) && route.link === link && route.dst === dst && route.gw === gw &&
      route.metric === metricOf(op) && route.table === (op.table ?? MAIN_TABLE) &&
      (family === 6 || route.scope === (op.scope ?? 0)) &&
      (op.src === undefined || route.src === canonicalIp(op.src))
    ) ?? refuse("ESRCH");
  checkNameable(link, found);
  link.netns.routes = link.netns.routes.filter((route) => route !== found);
};
