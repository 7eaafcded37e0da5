/** Adding, removing and choosing routes. */
import { contains, parseCidr, parseIp } from "../../../spec/cidr.ts";
import { MAIN_TABLE, SCOPE_LINK } from "../../../spec/routing.ts";
import type { KernelOp } from "../op.ts";
import { canonicalIp, canonicalPrefix, metricOf, sameIp } from "../same.ts";
import { hasIpv6, ipv6Disabled } from "./ipv6_state.ts";
import { refuse } from "./refusal.ts";
import type { SimLink, SimNetns, SimRoute } from "./state.ts";

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

/** The gateway must be on a network of the link itself: ENETUNREACH. */
const checkGateway4 = (link: SimLink, op: Of<"route.add">, gw: string): void => {
  if (link.addresses.some(({ ip }) => ip === gw)) return;
  const near = link.netns.routes.filter((route) =>
    route.link === link && route.scope >= SCOPE_LINK && (route.table === MAIN_TABLE || route.table === op.table)
  );
  if (best(near, gw) === null) refuse("ENETUNREACH", "Nexthop has invalid gateway");
};

/** The gateway must be somebody else's, and reached over the link without another gateway: EHOSTUNREACH. */
const checkGateway6 = (link: SimLink, op: Of<"route.add">, gw: string): void => {
  if (holder(link.netns, gw) !== null) refuse("EINVAL", "Gateway can not be a local address");
  if (/^fe[89ab]/.test(gw)) return;
  const near = link.netns.routes.filter((route) =>
    route.link === link && (route.table === MAIN_TABLE || route.table === op.table)
  );
  const way = best(near, gw);
  if (way === null || way.gw !== null) refuse("EHOSTUNREACH");
};

const checkLink = (link: SimLink, family: 4 | 6): void => {
  if (family === 6 && !hasIpv6(link)) refuse("ENODEV");
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

/** Refused when the gateway cannot be reached, the link is down, or the destination is there with the same metric: EEXIST. */
export const addRoute = (link: SimLink, op: Of<"route.add">): void => {
  const { family, dst } = destination(op.dst);
  const gw = op.gw === undefined ? null : canonicalIp(op.gw);
  if (gw !== null && parseIp(gw)?.family !== family) refuse("EINVAL");
  if (gw !== null) (family === 4 ? checkGateway4 : checkGateway6)(link, op, gw);
  checkLink(link, family);
  const metric = metricOf(op);
  const table = op.table ?? MAIN_TABLE;
  const { routes } = link.netns;
  const taken = routes.some((route) => route.dst === dst && route.metric === metric && route.table === table);
  if (taken) refuse("EEXIST");
  routes.push({
    family,
    dst,
    gw,
    link,
    metric,
    table,
    scope: family === 4 ? op.scope ?? 0 : 0,
    mtu: op.mtu ?? null,
    advmss: op.advmss ?? null,
    connected: false,
  });
};

/** ESRCH when there is no such route. A gateway or metric that is not given matches any. */
export const removeRoute = (link: SimLink, op: Of<"route.remove">): void => {
  const { dst } = destination(op.dst);
  const found =
    link.netns.routes.find((route) =>
      route.link === link && route.dst === dst && route.table === (op.table ?? MAIN_TABLE) &&
      (op.gw === undefined || (route.gw !== null && sameIp(route.gw, op.gw))) &&
      (op.metric === undefined || op.metric === 0 || route.metric === op.metric)
    ) ?? refuse("ESRCH");
  link.netns.routes = link.netns.routes.filter((route) => route !== found);
};
