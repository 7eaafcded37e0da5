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
