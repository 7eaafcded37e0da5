/** Neighbour entries. */
import { ipBytes, toIp } from "../../../../spec/ip.ts";
import { macBytes, macFromBytes } from "../../../../spec/mac.ts";
import type { Neighbour } from "../../host.ts";
import type { KernelOp } from "../../op.ts";
import { Attributes, readUint, Writer } from "../netlink/message.ts";
import { NLM_F_CREATE, NLM_F_EXCL } from "../netlink/socket.ts";
import type { NetlinkSocket } from "../netlink/socket.ts";
import { AF, RTM } from "./constants.ts";
import { afOf, readIp } from "./ip_attribute.ts";
import { linkByName, requireIndex } from "./link_look.ts";

/** Bytes of struct ndmsg { u8 family, pad; u16 pad; i32 ifindex; u16 state; u8 flags, type }. */
const NDMSG = 12;
/** Attributes and states of a neighbour (NDA_*, NUD_*: linux/neighbour.h). */
const NDA = { DST: 1, LLADDR: 2, IFINDEX: 8 } as const;
const NUD_NOARP = 0x40;
const NUD_PERMANENT = 0x80;

type NeighbourOp = Extract<KernelOp, { op: "neighbour.add" | "neighbour.remove" }>;

const ndmsg = (family: number, index: number, state: number): Writer =>
  new Writer().u8(family).u8(0).u16(0).u32(index).u16(state).u8(0).u8(0);

/** The body of an RTM_NEWNEIGH or RTM_DELNEIGH. */
export function encodeNeighbour(op: NeighbourOp, index: number): Uint8Array {
  const family = afOf(toIp(op.ip).family);
  const writer = ndmsg(family, index, op.op === "neighbour.add" ? NUD_PERMANENT : 0)
    .attributeBytes(NDA.DST, ipBytes(op.ip));
  if (op.op === "neighbour.add") writer.attributeBytes(NDA.LLADDR, macBytes(op.mac));
  return writer.finish();
}

/** Adds a permanent entry: EEXIST when there is any for that address. Throws `NetlinkFailure`. */
export function addNeighbour(socket: NetlinkSocket, op: NeighbourOp): void {
  const index = requireIndex(socket, op.link);
  socket.request({ type: RTM.NEWNEIGH, flags: NLM_F_CREATE | NLM_F_EXCL, body: encodeNeighbour(op, index) });
}

/** Removes the entry of that address: ENOENT when there is none. Throws `NetlinkFailure`. */
export function removeNeighbour(socket: NetlinkSocket, op: NeighbourOp): void {
  const index = requireIndex(socket, op.link);
  socket.request({ type: RTM.DELNEIGH, body: encodeNeighbour(op, index) });
}

/** Reads the body of an RTM_NEWNEIGH; null when it is no entry of an IP address with a MAC address. Never throws. */
export function decodeNeighbour(body: Uint8Array): Neighbour | null {
  const state = readUint(body, 2, 8);
  if (state === null || (state & NUD_NOARP) !== 0 || (body[0] !== AF.INET && body[0] !== AF.INET6)) return null;
  const attributes = new Attributes(body.subarray(NDMSG));
  const ip = readIp(attributes.bytes(NDA.DST));
  const mac = attributes.bytes(NDA.LLADDR);
  return ip === null || mac === null ? null : { ip, mac: macFromBytes(mac), permanent: (state & NUD_PERMANENT) !== 0 };
}

/** Neighbours with a MAC address known on a link; none when the link is missing. Throws `NetlinkFailure`. */
export function neighboursOf(socket: NetlinkSocket, name: string): readonly Neighbour[] {
  const link = linkByName(socket, name);
  if (link === null) return [];
  const body = ndmsg(AF.UNSPEC, 0, 0).attributeU32(NDA.IFINDEX, link.index).finish();
  return socket.dump({ type: RTM.GETNEIGH, body }).flatMap((message) => decodeNeighbour(message.body) ?? []);
}
