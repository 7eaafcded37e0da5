/**
 * Connection tracking over ctnetlink: forgetting connections, so that their next packet is looked up afresh.
 *
 * A delete request that names no connection empties the table of the whole namespace. Every delete made here holds a
 * tuple, and a filter or an id that goes with it.
 */
import { ipBytes } from "../../../spec/ip.ts";
import type { KernelOp } from "../op.ts";
import { NetlinkFailure } from "./netlink/error.ts";
import { Attributes, type Writer } from "./netlink/message.ts";
import { NFGENMSG, nfgenmsg } from "./netlink/nfnetlink.ts";
import type { NetlinkMessage, NetlinkRequest, NetlinkSocket } from "./netlink/socket.ts";
import { IPPROTO } from "./nftables/constants.ts";
import { afOf } from "./rtnetlink/ip_attribute.ts";

/** What this file needs of a socket of NETLINK_NETFILTER. */
type ConntrackSocket = Pick<NetlinkSocket, "request" | "dump">;

/** What to forget. */
export type ConntrackFlush = Extract<KernelOp, { readonly op: "conntrack.flush" }>;

/** NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_* (linux/netfilter/nfnetlink_conntrack.h). */
const CT_GET = 0x101;
const CT_DELETE = 0x102;

/** enum ctattr_type, ctattr_tuple, ctattr_ip, ctattr_l4proto and ctattr_filter of the same header. */
const CTA = { TUPLE_ORIG: 1, TUPLE_REPLY: 2, ID: 12, FILTER: 25 } as const;
const TUPLE = { IP: 1, PROTO: 2 } as const;
const IP_DST = { 4: 2, 6: 4 } as const;
const PROTO = { NUM: 1, DST_PORT: 3 } as const;
const FILTER_FLAGS = { TUPLE_ORIG: 1, TUPLE_REPLY: 2 } as const;

/**
 * The direction in which packets go to the port. Usually the first packet went there; but an answer that was under way when
 * the entry was forgotten has made a new one, whose first packet came from the port. Packets to the port are replies then,
 * and would never be looked up again.
 */
type Direction = "TUPLE_ORIG" | "TUPLE_REPLY";

/** CTA_FILTER_F_*: which fields of the tuple count (net/netfilter/nf_conntrack_netlink.c). */
const FILTER_FLAG = { IP_DST: 2, PROTO_NUM: 8, PROTO_DST_PORT: 32 } as const;

/** Kernels without the filter refuse it in one of these ways; before 6.8 a delete takes it for an incomplete tuple. */
const NO_FILTER: ReadonlySet<string> = new Set(["EINVAL", "ENOENT", "EOPNOTSUPP"]);

const header = (op: ConntrackFlush): Writer => nfgenmsg(afOf(op.family));

/**
 * Whether the kernel's filter can tell all that is asked for. It compares IPv6 addresses the wrong way round, so that
 * with one it would forget exactly the connections to all others (ctnetlink_filter_match_tuple takes `ipv6_addr_cmp`,
 * which is 0 for equal addresses, for a test of equality).
 */
const canFilter = (op: ConntrackFlush): boolean => op.family === 4 || op.address === undefined;

/** Writes what must match in one direction: protocol, port, and the address if the kernel can filter by it. */
function writeFilter(writer: Writer, op: ConntrackFlush, direction: Direction): Writer {
  const { family, protocol, port, address } = op;
  let flags = FILTER_FLAG.PROTO_NUM | FILTER_FLAG.PROTO_DST_PORT;
  writer.nested(CTA[direction], () => {
    writer.nested(TUPLE.IP, () => {
      if (address === undefined || !canFilter(op)) return;
      flags |= FILTER_FLAG.IP_DST;
      writer.attributeBytes(IP_DST[family], ipBytes(address));
    });
    writer.nested(
      TUPLE.PROTO,
      () => writer.attributeU8(PROTO.NUM, IPPROTO[protocol]).attributeBe16(PROTO.DST_PORT, port),
    );
  });
  return writer.nested(CTA.FILTER, () => writer.attributeU32(FILTER_FLAGS[direction], flags));
}

const sameBytes = (a: Uint8Array, b: Uint8Array | null): boolean =>
  b !== null && a.length === b.length && a.every((byte, index) => byte === b[index]);

/** Whether this is a connection to forget: the list may hold others, or, from a kernel without filters, everything. */
function matches(tuple: Attributes, op: ConntrackFlush): boolean {
  const proto = tuple.nested(TUPLE.PROTO);
  if (proto.u8(PROTO.NUM) !== IPPROTO[op.protocol] || proto.be16(PROTO.DST_PORT) !== op.port) return false;
  return op.address === undefined || sameBytes(ipBytes(op.address), tuple.nested(TUPLE.IP).bytes(IP_DST[op.family]));
}

/** The delete of one listed connection, or null when it is not to be forgotten, or is not fully named. */
function deleteOne({ body }: NetlinkMessage, op: ConntrackFlush, direction: Direction): NetlinkRequest | null {
  const entry = new Attributes(body.subarray(NFGENMSG));
  const tuple = entry.bytes(CTA.TUPLE_ORIG);
  const id = entry.bytes(CTA.ID);
  if (tuple === null || id === null || !matches(entry.nested(CTA[direction]), op)) return null;
  const writer = header(op).nested(CTA.TUPLE_ORIG, (nested) => nested.bytes(tuple)).attributeBytes(CTA.ID, id);
  return { type: CT_DELETE, body: writer.finish() };
}

/** The connections of the family, only the matching ones where the kernel can filter. */
function list(socket: ConntrackSocket, op: ConntrackFlush, direction: Direction): readonly NetlinkMessage[] {
  try {
    return socket.dump({ type: CT_GET, body: writeFilter(header(op), op, direction).finish() });
  } catch (error) {
    if (!(error instanceof NetlinkFailure) || !NO_FILTER.has(error.errno)) throw error;
    return socket.dump({ type: CT_GET, body: header(op).finish() });
  }
}

/** Where one delete with a filter will not do: one delete each, by tuple and id. */
function deleteEach(socket: ConntrackSocket, op: ConntrackFlush, direction: Direction): void {
  for (const entry of list(socket, op, direction)) {
    const request = deleteOne(entry, op, direction);
    if (request === null) continue;
    try {
      socket.request(request);
    } catch (error) {
      // It has expired since it was listed.
      if (!(error instanceof NetlinkFailure) || error.errno !== "ENOENT") throw error;
    }
  }
}

/** Forgets the connections whose packets go to the port in that direction. */
function flushDirection(socket: ConntrackSocket, op: ConntrackFlush, direction: Direction): void {
  if (!canFilter(op)) return deleteEach(socket, op, direction);
  try {
    socket.request({ type: CT_DELETE, body: writeFilter(header(op), op, direction).finish() });
  } catch (error) {
    if (!(error instanceof NetlinkFailure) || !NO_FILTER.has(error.errno)) throw error;
    deleteEach(socket, op, direction);
  }
}

/**
 * Forgets the connections with packets to `op.port`, and to `op.address` where one is given. None at all is
 * fine. Throws `NetlinkFailure` (EPERM: no privilege), and, with nothing sent, `RangeError` or `TypeError` for a port or
 * an address that cannot be one.
 */
export function flushConntrack(socket: ConntrackSocket, op: ConntrackFlush): void {
  if (!Number.isInteger(op.port) || op.port < 1 || op.port > 0xffff) {
    throw new RangeError(`Cannot forget connections to port ${op.port}: it must be 1..65535`);
  }
  if (op.address !== undefined && ipBytes(op.address).length !== (op.family === 4 ? 4 : 16)) {
    throw new RangeError(`Cannot forget connections to "${op.address}": it is no IPv${op.family} address`);
  }
  flushDirection(socket, op, "TUPLE_ORIG");
  flushDirection(socket, op, "TUPLE_REPLY");
}
