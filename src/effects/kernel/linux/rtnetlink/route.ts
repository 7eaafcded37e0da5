/** Routes. */
import { type Family, formatCidr, formatIp, ipBytes, networkOf, toCidr, toIp } from "../../../../spec/cidr.ts";
import { MAIN_TABLE } from "../../../../spec/routing.ts";
import type { Link, Route } from "../../host.ts";
import type { KernelOp } from "../../op.ts";
import { metricOf } from "../../same.ts";
import { NetlinkFailure } from "../netlink/error.ts";
import { Attributes, Writer } from "../netlink/message.ts";
import { NLM_F_CREATE } from "../netlink/socket.ts";
import type { NetlinkSocket } from "../netlink/socket.ts";
import { RTM } from "./constants.ts";
import { afOf } from "./ip_attribute.ts";
import { linkByIndex, requireIndex } from "./link_look.ts";
import { decodeRoute, type IndexedRoute, RTA, RTAX, RTMSG, RTN_UNICAST, RTPROT } from "./route_decode.ts";

/** Tables beyond go into RTA_TABLE: rtm_table has 8 bits. */
const MAX_HEADER_TABLE = 255;
/** What a look-up ends in when there is no route, or one that refuses (`prohibit` EACCES, `blackhole` EINVAL). */
const NO_ROUTE = new Set(["ENETUNREACH", "EHOSTUNREACH", "ESRCH", "EACCES", "EINVAL"]);

type RouteOp = Extract<KernelOp, { op: "route.add" | "route.remove" }>;

interface Rtmsg {
  readonly family: Family;
  readonly prefix?: number;
  readonly table?: number;
  readonly protocol?: number;
  readonly scope?: number;
  readonly type?: number;
}

function rtmsg({ family, prefix = 0, table = 0, protocol = 0, scope = 0, type = 0 }: Rtmsg): Writer {
  const small = table <= MAX_HEADER_TABLE;
  const writer = new Writer().u8(afOf(family)).u8(prefix).u8(0).u8(0).u8(small ? table : 0).u8(protocol)
    .u8(scope).u8(type).u32(0);
  return small ? writer : writer.attributeU32(RTA.TABLE, table);
}

/** The body of an RTM_NEWROUTE or RTM_DELROUTE. */
export function encodeRoute(op: RouteOp, oif: number): Uint8Array {
  const { ip, prefix } = toCidr(op.dst);
  const { table = MAIN_TABLE, scope = 0 } = op;
  const protocol = op.protocol ?? (op.byKernel === true ? RTPROT.KERNEL : RTPROT.BOOT);
  const writer = rtmsg({ family: ip.family, prefix, table, protocol, scope, type: RTN_UNICAST });
  if (prefix > 0) writer.attributeBytes(RTA.DST, ipBytes(ip));
  if (op.src !== undefined) writer.attributeBytes(RTA.PREFSRC, ipBytes(op.src));
  writer.attributeU32(RTA.OIF, oif);
  if (op.gw !== undefined) writer.attributeBytes(RTA.GATEWAY, ipBytes(op.gw));
  if (op.metric !== undefined) writer.attributeU32(RTA.PRIORITY, op.metric);
  if (op.op === "route.add" && (op.mtu !== undefined || op.advmss !== undefined)) {
    writer.nested(RTA.METRICS, () => {
      if (op.mtu !== undefined) writer.attributeU32(RTAX.MTU, op.mtu);
      if (op.advmss !== undefined) writer.attributeU32(RTAX.ADVMSS, op.advmss);
    });
  }
  return writer.finish();
}

/**
 * Adds a route; EEXIST when exactly it is there. As the Go plugins do it: without NLM_F_EXCL, so that one destination can
 * have two gateways (of IPv4 the later comes first, of IPv6 they become one multipath route). Throws `NetlinkFailure`.
 */
export function addRoute(socket: NetlinkSocket, op: RouteOp): void {
  const index = requireIndex(socket, op.link);
  socket.request({ type: RTM.NEWROUTE, flags: NLM_F_CREATE, body: encodeRoute(op, index) });
}

const isByKernel = ({ byKernel, protocol }: RouteOp): boolean => byKernel === true || protocol === RTPROT.KERNEL;

/** The gateways of the routes that differ from this one in nothing else; null stands for none. */
function gatewaysBeside(socket: NetlinkSocket, op: RouteOp, oif: number): readonly (string | null)[] {
  const { family } = toCidr(op.dst).ip;
  const dst = formatCidr(networkOf(op.dst));
  const metric = metricOf(op);
  return indexedRoutes(socket, family, op.table ?? MAIN_TABLE)
    .filter((route) => route.dst === dst && route.oif === oif && route.metric === metric)
    .filter(({ scope }) => family === 6 || scope === (op.scope ?? 0))
    .map(({ gw }) => gw);
}

/**
 * Removes exactly this route; ESRCH when it is not there. The kernel takes a missing gateway or metric for "any", so a
 * route without a gateway that has one with a gateway beside it cannot be named, unless the kernel made it: EBUSY. Throws
 * `NetlinkFailure`.
 */
export function removeRoute(socket: NetlinkSocket, op: RouteOp): void {
  const index = requireIndex(socket, op.link);
  const gw = op.gw === undefined ? null : formatIp(op.gw);
  const found = gatewaysBeside(socket, op, index);
  if (!found.includes(gw)) throw new NetlinkFailure("ESRCH", "there is no such route");
  const other = gw === null && !isByKernel(op) ? found.find((gateway) => gateway !== null) : undefined;
  if (other !== undefined) throw new NetlinkFailure("EBUSY", `a route via ${other} would go instead`);
  socket.request({ type: RTM.DELROUTE, body: encodeRoute({ ...op, metric: metricOf(op) }, index) });
}

function indexedRoutes(socket: NetlinkSocket, family: Family, table?: number): readonly IndexedRoute[] {
  const body = rtmsg({ family, table: table ?? 0, type: RTN_UNICAST }).finish();
  try {
    return socket.dump({ type: RTM.GETROUTE, body }).flatMap((message) => decodeRoute(message.body));
  } catch (error) {
    // A table comes into being with its first route.
    if (error instanceof NetlinkFailure && error.errno === "ENOENT" && table !== undefined) return [];
    throw error;
  }
}

/** Unicast routes of a family, of all tables or of one. Throws `NetlinkFailure`. */
export function routesOf(socket: NetlinkSocket, family: Family, table?: number): readonly Route[] {
  const names = new Map<number, string | null>();
  const nameOf = (oif: number | null): string | null => {
    if (oif === null) return null;
    const known = names.get(oif);
    if (known !== undefined) return known;
    const name = linkByIndex(socket, oif)?.name ?? null;
    names.set(oif, name);
    return name;
  };
  return indexedRoutes(socket, family, table).map(({ oif, ...route }) => ({ ...route, link: nameOf(oif) }));
}

/** The link the kernel would send to that address over; null without a route. Throws `NetlinkFailure`. */
export function linkTowards(socket: NetlinkSocket, ip: string): Link | null {
  const { family } = toIp(ip);
  const bytes = ipBytes(ip);
  const body = rtmsg({ family, prefix: bytes.length * 8 }).attributeBytes(RTA.DST, bytes).finish();
  const answer = socket.ask({ type: RTM.GETROUTE, body });
  if (answer instanceof NetlinkFailure) {
    if (NO_ROUTE.has(answer.errno)) return null;
    throw answer;
  }
  const oif = new Attributes(answer.body.subarray(RTMSG)).u32(RTA.OIF);
  return oif === null ? null : linkByIndex(socket, oif);
}
