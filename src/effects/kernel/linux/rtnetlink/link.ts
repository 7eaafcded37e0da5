/** Creating, changing and deleting links: one request each, and look-ups only where a name must become an index. */
import { macBytes, macFromBytes } from "../../../../spec/mac.ts";
import { type CreatedLink, HostError } from "../../host.ts";
import type { KernelOp, LinkSettings, VethPeer } from "../../op.ts";
import { where } from "../describe.ts";
import { NetlinkFailure } from "../netlink/error.ts";
import { Writer } from "../netlink/message.ts";
import { NLM_F_CREATE, NLM_F_ECHO, NLM_F_EXCL } from "../netlink/socket.ts";
import type { NetlinkMessage, NetlinkSocket } from "../netlink/socket.ts";
import type { OpenNetns } from "../netns.ts";
import { IFF, IFLA, IFLA_BR_VLAN_FILTERING, IFLA_INFO, RTM, VETH_INFO_PEER } from "./constants.ts";
import {
  firstLink,
  ifinfomsg,
  linkByIndex,
  linkByName,
  nameAttribute,
  requireIndex,
  requireLink,
} from "./link_look.ts";

type Create = Extract<KernelOp, { op: "link.create" }>;

/** Name, MTU and MAC: the same on either end of a veth. */
function writeIdentity(writer: Writer, link: { name: string; mtu?: number; mac?: string }): void {
  writer.attributeString(IFLA.IFNAME, link.name);
  if (link.mtu !== undefined) writer.attributeU32(IFLA.MTU, link.mtu);
  if (link.mac !== undefined) writer.attributeBytes(IFLA.ADDRESS, macBytes(link.mac));
}

/** VETH_INFO_PEER is a link message of its own; the kernel refuses IFF_UP in it (ENOTCONN). */
const writePeer = (writer: Writer, peer: VethPeer, netns: number | null): Writer =>
  writer.nested(IFLA_INFO.DATA, () =>
    writer.nested(VETH_INFO_PEER, () => {
      ifinfomsg(writer, 0);
      writeIdentity(writer, peer);
      if (netns !== null) writer.attributeU32(IFLA.NET_NS_FD, netns);
    }));

/** The body of the creating RTM_NEWLINK; `master` is an index, `peerNetns` a descriptor where the peer's namespace is another. */
export function encodeCreate(op: Create, master: number | null, peerNetns: number | null): Uint8Array {
  const up = op.up ? IFF.UP : 0;
  const writer = ifinfomsg(new Writer(), 0, up, up);
  writeIdentity(writer, op);
  if (master !== null) writer.attributeU32(IFLA.MASTER, master);
  writer.nested(IFLA.LINKINFO, () => {
    writer.attributeString(IFLA_INFO.KIND, op.link.kind);
    if (op.link.kind === "veth") {
      writePeer(writer, op.link.peer, peerNetns);
    } else if (op.link.vlanFiltering !== undefined) {
      const filtering = op.link.vlanFiltering ? 1 : 0;
      writer.nested(IFLA_INFO.DATA, () => writer.attributeU8(IFLA_BR_VLAN_FILTERING, filtering));
    }
  });
  return writer.finish();
}

/** EEXIST does not say which end's name is taken. */
function nameTaken(op: Create, near: OpenNetns, far: OpenNetns): HostError | null {
  const ends = op.link.kind === "veth"
    ? [[near, op.on, op.name], [far, op.link.peer.on, op.link.peer.name]] as const
    : [[near, op.on, op.name]] as const;
  for (const [netns, side, name] of ends) {
    if (linkByName(netns.route, name) !== null) {
      const doing = `create link ${where(side)}`;
      return new HostError({ doing, subject: name, errno: "EEXIST", extack: "a link of that name is there already" });
    }
  }
  return null;
}

/** Index and MAC of both ends. Echoed links need no look-up, except for a peer's MAC that the kernel chose. */
function describeCreated(
  op: Create,
  near: OpenNetns,
  far: OpenNetns,
  messages: readonly NetlinkMessage[],
): CreatedLink {
  const link = firstLink(messages) ?? requireLink(near.route, op.name);
  const created = { index: link.index, mac: link.mac };
  if (op.link.kind !== "veth") return created;
  const { name, mac } = op.link.peer;
  if (mac !== undefined && link.peer !== null) {
    return { ...created, peer: { index: link.peer, mac: macFromBytes(macBytes(mac)) } };
  }
  const peer = link.peer === null ? linkByName(far.route, name) : linkByIndex(far.route, link.peer);
  return peer === null ? created : { ...created, peer: { index: peer.index, mac: peer.mac } };
}

/**
 * Makes a link, and a veth with its peer in `far` at once. Throws `NetlinkFailure`, or `HostError` EEXIST that names the
 * end whose name is taken.
 */
export function createLink(op: Create, near: OpenNetns, far: OpenNetns): CreatedLink {
  const master = op.master === undefined ? null : requireIndex(near.route, op.master);
  const peerNetns = op.link.kind === "veth" && op.link.peer.on !== op.on ? far.fd : null;
  const request = {
    type: RTM.NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO,
    body: encodeCreate(op, master, peerNetns),
  };
  try {
    return describeCreated(op, near, far, near.route.request(request));
  } catch (error) {
    const taken = error instanceof NetlinkFailure && error.errno === "EEXIST" ? nameTaken(op, near, far) : null;
    throw taken ?? error;
  }
}

/** The flags to change and their new values. */
function flagsOf(set: LinkSettings): { readonly flags: number; readonly change: number } {
  let flags = 0, change = 0;
  for (const [bit, on] of [[IFF.UP, set.up], [IFF.PROMISC, set.promisc], [IFF.ALLMULTI, set.allmulti]] as const) {
    if (on === undefined) continue;
    change |= bit;
    if (on) flags |= bit;
  }
  return { flags, change };
}

/** The body of an RTM_NEWLINK that changes the link of that name; `master` is an index, 0 for none. */
export function encodeSet(name: string, set: LinkSettings, master: number | null): Uint8Array {
  const { flags, change } = flagsOf(set);
  const writer = nameAttribute(ifinfomsg(new Writer(), 0, flags, change), name);
  if (set.mtu !== undefined) writer.attributeU32(IFLA.MTU, set.mtu);
  if (set.mac !== undefined) writer.attributeBytes(IFLA.ADDRESS, macBytes(set.mac));
  if (master !== null) writer.attributeU32(IFLA.MASTER, master);
  if (set.txQueueLen !== undefined) writer.attributeU32(IFLA.TXQLEN, set.txQueueLen);
  return writer.finish();
}

/** Changes a link. Throws `NetlinkFailure`. */
export function setLink(socket: NetlinkSocket, name: string, set: LinkSettings): void {
  const master = set.master === undefined ? null : set.master === null ? 0 : requireIndex(socket, set.master);
  socket.request({ type: RTM.NEWLINK, body: encodeSet(name, set, master) });
}

/** Deletes a link, with its peer if it is a veth. Throws `NetlinkFailure`. */
export function deleteLink(socket: NetlinkSocket, name: string): void {
  socket.request({ type: RTM.DELLINK, body: nameAttribute(ifinfomsg(new Writer(), 0), name).finish() });
}
