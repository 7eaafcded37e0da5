/** Reads routes out of RTM_NEWROUTE. */
import { BOOT, BY_KERNEL } from "../../../../spec/routing.ts";
import type { Route } from "../../host.ts";
import { aligned, Attributes, readUint } from "../netlink/message.ts";
import { AF } from "./constants.ts";
import { readIp } from "./ip_attribute.ts";

/** Bytes of struct rtmsg { u8 family, dst_len, src_len, tos, table, protocol, scope, type; u32 flags }. */
export const RTMSG = 12;

/** Attributes of a route (linux/rtnetlink.h), and those inside RTA_METRICS. */
export const RTA = {
  DST: 1,
  OIF: 4,
  GATEWAY: 5,
  PRIORITY: 6,
  PREFSRC: 7,
  METRICS: 8,
  MULTIPATH: 9,
  TABLE: 15,
  VIA: 18,
  NH_ID: 30,
} as const;
export const RTAX = { MTU: 2, ADVMSS: 8 } as const;

export const RTN_UNICAST = 1;
/** Who made a route (RTPROT_*): the kernel for an address, or a program; boot is what the Go plugins say. */
export const RTPROT = { KERNEL: BY_KERNEL, BOOT } as const;
/** A cached exception, not a route anybody configured. */
const RTM_F_CLONED = 0x200;
/** Bytes of struct rtnexthop { u16 len; u8 flags, hops; i32 ifindex }; `hops` is one less than the weight. */
const RTNEXTHOP = 8;

/** A route whose outgoing link is still an index. */
export type IndexedRoute = Omit<Route, "link"> & { readonly oif: number | null };

/** A gateway is RTA_GATEWAY, or RTA_VIA { u16 family; address } where it has another family than the route. */
const gatewayOf = (attributes: Attributes): string | null =>
  readIp(attributes.bytes(RTA.GATEWAY) ?? attributes.bytes(RTA.VIA)?.subarray(2) ?? null);

interface NextHop extends Pick<IndexedRoute, "gw" | "oif"> {
  readonly weight: number;
}

/** The next hops of a multipath route; ends at the first that does not fit. */
function* nextHops(bytes: Uint8Array): Generator<NextHop> {
  let at = 0;
  while (at + RTNEXTHOP <= bytes.length) {
    const length = readUint(bytes, 2, at) ?? 0;
    if (length < RTNEXTHOP || at + length > bytes.length) return;
    const gw = gatewayOf(new Attributes(bytes.subarray(at + RTNEXTHOP, at + length)));
    yield { gw, oif: readUint(bytes, 4, at + 4), weight: (bytes[at + 3] ?? 0) + 1 };
    at += aligned(length);
  }
}

/**
 * Whether the hops are routes of their own: of IPv6 the kernel keeps them so, and shows those together that have all but the
 * gateway in common (fib6_add_rt2node, net/ipv6/ip6_fib.c). What else it shows is of the first of them.
 */
const areSingle = (
  common: Omit<IndexedRoute, "gw" | "oif">,
  hops: readonly NextHop[],
  attributes: Attributes,
): boolean =>
  common.dst.includes(":") && common.src === undefined && common.mtu === null && common.advmss === null &&
  attributes.u32(RTA.NH_ID) === null && hops.every(({ gw, weight }) => gw !== null && weight === 1);

/** Reads the body of an RTM_NEWROUTE: one entry per next hop, none for what is not a configured unicast route. Never throws. */
export function decodeRoute(body: Uint8Array): readonly IndexedRoute[] {
  const [family, prefix, , , headerTable, protocol, scope = 0, type] = body;
  const flags = readUint(body, 4, 8);
  if (flags === null || type !== RTN_UNICAST || (flags & RTM_F_CLONED) !== 0) return [];
  const attributes = new Attributes(body.subarray(RTMSG));
  const any = family === AF.INET6 ? "::" : "0.0.0.0";
  const metrics = attributes.nested(RTA.METRICS);
  const src = protocol === RTPROT.KERNEL ? null : readIp(attributes.bytes(RTA.PREFSRC));
  const common = {
    dst: `${readIp(attributes.bytes(RTA.DST)) ?? any}/${prefix ?? 0}`,
    metric: attributes.u32(RTA.PRIORITY) ?? 0,
    table: attributes.u32(RTA.TABLE) ?? headerTable ?? 0,
    scope,
    mtu: metrics.u32(RTAX.MTU),
    advmss: metrics.u32(RTAX.ADVMSS),
    ...(src === null ? {} : { src }),
    ...(protocol === undefined || protocol === RTPROT.BOOT ? {} : { protocol }),
  };
  const multipath = attributes.bytes(RTA.MULTIPATH);
  if (multipath === null) return [{ ...common, gw: gatewayOf(attributes), oif: attributes.u32(RTA.OIF) }];
  const hops = [...nextHops(multipath)];
  const whole = areSingle(common, hops, attributes) ? {} : { multipath: true as const };
  return hops.map(({ gw, oif }) => ({ ...common, gw, oif, ...whole }));
}
