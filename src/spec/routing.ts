/** The kernel's numbers in routes and addresses, which results use too. */

/** RT_TABLE_MAIN (linux/rtnetlink.h), where a route goes that names no table. */
export const MAIN_TABLE = 254;

/** RT_SCOPE_LINK (linux/rtnetlink.h): from here on what is meant is on the link itself, not behind a gateway. */
export const SCOPE_LINK = 253;

/** RT_SCOPE_HOST (linux/rtnetlink.h): what is meant is in the host itself. */
export const SCOPE_HOST = 254;

/** IP6_RT_PRIO_ADDRCONF (linux/ipv6_route.h), the metric of a route that an IPv6 address brings. */
export const IPV6_ADDRESS_METRIC = 256;

/** IP6_RT_PRIO_USER (linux/ipv6_route.h), the metric of an IPv6 route that asks for none; an IPv4 route then has 0. */
export const DEFAULT_IPV6_METRIC = 1024;

/** RT_TABLE_DEFAULT and RT_TABLE_LOCAL (linux/rtnetlink.h); with main between them they are the kernel's own. */
export const DEFAULT_TABLE = 253;
export const LOCAL_TABLE = 255;

/** Whether the kernel itself uses a table; 0 stands for none. */
export const isKernelTable = (table: number): boolean =>
  table === 0 || (table >= DEFAULT_TABLE && table <= LOCAL_TABLE);

/** RTPROT_BOOT (linux/rtnetlink.h): a program has made the route, and does not say which. */
export const BOOT = 3;

/** RTPROT_KERNEL (linux/rtnetlink.h): the kernel has made the route, for an address. */
export const BY_KERNEL = 2;

/** RTPROT_RA (linux/rtnetlink.h): a router has advertised the route. */
export const BY_ROUTER = 9;

/** A rule that leads to a table, as far as it matters here. */
interface LeadingRule {
  readonly from: string | null;
  readonly table: number;
}

/** The tables in which routes of the main table may be instead: those that rules for a source lead to, and those of VRFs. */
export const sideTables = (
  rules: readonly LeadingRule[],
  links: readonly { readonly vrfTable?: number }[],
): ReadonlySet<number> =>
  new Set([
    ...rules.flatMap(({ from, table }) => from === null || isKernelTable(table) ? [] : [table]),
    ...links.flatMap(({ vrfTable }) => vrfTable === undefined ? [] : [vrfTable]),
  ]);

/** A route as the kernel shows it, but for its link. */
interface ShownRoute {
  readonly dst: string;
  readonly gw: string | null;
  readonly metric: number;
  readonly table: number;
  readonly scope: number;
  readonly mtu: number | null;
  readonly advmss: number | null;
  readonly src?: string;
  readonly protocol?: number;
}

/** What an op must say to make exactly this route again. */
export const routeKeys = ({ dst, gw, metric, table, scope, mtu, advmss, src, protocol }: ShownRoute) => ({
  dst,
  ...(gw === null ? {} : { gw }),
  metric,
  table,
  scope,
  ...(mtu === null ? {} : { mtu }),
  ...(advmss === null ? {} : { advmss }),
  ...(src === undefined ? {} : { src }),
  ...(protocol === undefined ? {} : { protocol }),
});

/** An address as the kernel shows it. */
interface ShownAddress {
  readonly address: string;
  readonly noDad?: boolean;
  readonly noPrefixRoute?: boolean;
  readonly lifetime?: { readonly preferred: number; readonly valid: number };
}

/** What an op must say to make exactly this address again. */
export const addressKeys = ({ address, noDad, noPrefixRoute, lifetime }: ShownAddress) => ({
  address,
  ...(noDad === undefined ? {} : { noDad }),
  ...(noPrefixRoute === undefined ? {} : { noPrefixRoute }),
  ...(lifetime === undefined ? {} : { lifetime }),
});
