/** Creating, changing and deleting links: one request each, and look-ups only where a name must become an index. */
import { macBytes, macFromBytes } from "../../../../spec/mac.ts";
import { type CreatedLink, HostError } from "../../host.ts";
import type { KernelOp, LinkOver, LinkSettings } from "../../op.ts";
import { where } from "../describe.ts";
import { NetlinkFailure } from "../netlink/error.ts";
import { Writer } from "../netlink/message.ts";
import { NLM_F_CREATE, NLM_F_ECHO, NLM_F_EXCL } from "../netlink/socket.ts";
import type { NetlinkMessage, NetlinkSocket } from "../netlink/socket.ts";
import type { OpenNetns } from "../netns.ts";
import { IFF, IFLA, RTM } from "./constants.ts";
import { type NetlinkKind, writeKind } from "./link_kind.ts";
import { isVrf, yieldTable } from "./link_vrf.ts";
import {
  allLinks,
  firstLink,
  ifinfomsg,
  linkByIndex,
  linkByName,
  nameAttribute,
  requireIndex,
  requireLink,
} from "./link_look.ts";

type Create = Extract<KernelOp, { op: "link.create" }> & { readonly link: NetlinkKind };
type Delete = Omit<Extract<KernelOp, { op: "link.delete" }>, "on" | "op">;

/** Name, MTU and MAC: the same on either end of a veth. */
function writeIdentity(writer: Writer, link: { name: string; mtu?: number; mac?: string }): void {
  writer.attributeString(IFLA.IFNAME, link.name);
  if (link.mtu !== undefined) writer.attributeU32(IFLA.MTU, link.mtu);
  if (link.mac !== undefined) writer.attributeBytes(IFLA.ADDRESS, macBytes(link.mac));
}

/** What goes with a new link in numbers: indexes and descriptors in place of the names and sides of the op. */
export interface Numbers {
  /** Index of the master. */
  readonly master?: number;
  /** Descriptor of the namespace of a veth's peer, where that is another. */
  readonly peerNetns?: number;
  /** Index of the parent, in the namespace that the request is sent in. */
  readonly parent?: number;
  /** Descriptor of the namespace that the link is for, where the request is sent in another: its parent's. */
  readonly netns?: number;
  /** The index that the link is to have there. */
  readonly index?: number;
}

/** The body of the creating RTM_NEWLINK. */
export function encodeCreate(op: Create, { master, peerNetns, parent, netns, index = 0 }: Numbers): Uint8Array {
  const up = op.up ? IFF.UP : 0;
  const writer = ifinfomsg(new Writer(), index, up, up);
  if (parent !== undefined) writer.attributeU32(IFLA.LINK, parent);
  writeIdentity(writer, op);
  if (master !== undefined) writer.attributeU32(IFLA.MASTER, master);
  if (netns !== undefined) writer.attributeU32(IFLA.NET_NS_FD, netns);
  writeKind(writer, op.link, () => {
    if (op.link.kind !== "veth") return;
    // The peer is a link message of its own; the kernel refuses IFF_UP in it (ENOTCONN).
    writeIdentity(ifinfomsg(writer, 0), op.link.peer);
    if (peerNetns !== undefined) writer.attributeU32(IFLA.NET_NS_FD, peerNetns);
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

/** Indexes for links whose name the parent's namespace has, too: above what a namespace gives out by itself. */
const CHOSEN_INDEX = { from: 0x10_0000, count: 0x10_0000, tries: 8 } as const;

/** An index that neither namespace has. Both are asked: the kernel takes a known one for the link that is meant. */
function freeIndex(near: OpenNetns, far: OpenNetns): number {
  for (let tries = 0; tries < CHOSEN_INDEX.tries; tries++) {
    const index = CHOSEN_INDEX.from + Math.floor(Math.random() * CHOSEN_INDEX.count);
    if (linkByIndex(near.route, index) === null && linkByIndex(far.route, index) === null) return index;
  }
  throw new NetlinkFailure("EBUSY", "no free link index was found");
}

/** A link that stands on another is asked for in its parent's namespace. */
function numbersOver({ on, link }: Create & { readonly link: LinkOver }, near: OpenNetns, far: OpenNetns): Numbers {
  const parent = requireIndex(far.route, link.parent.name);
  return link.parent.on === on ? { parent } : { parent, netns: near.fd };
}

const isOver = (op: Create): op is Create & { readonly link: LinkOver } => "parent" in op.link;

/** Makes a link; a veth with its peer in `far` at once, a link over another with that in `far`. Throws as `createLink`. */
function makeLink(op: Create, near: OpenNetns, far: OpenNetns): CreatedLink {
  const numbers: Numbers = {
    ...(op.master === undefined ? {} : { master: requireIndex(near.route, op.master) }),
    ...(op.link.kind === "veth" && op.link.peer.on !== op.on ? { peerNetns: far.fd } : {}),
    ...(isOver(op) ? numbersOver(op, near, far) : {}),
  };
  // The echo goes to the namespace of the link, where somebody else may have the number of this socket.
  const echo = numbers.netns === undefined ? NLM_F_ECHO : 0;
  const sender = isOver(op) ? far.route : near.route;
  const send = (more: Numbers) => {
    const body = encodeCreate(op, more);
    return describeCreated(
      op,
      near,
      far,
      sender.request({ type: RTM.NEWLINK, flags: NLM_F_CREATE | NLM_F_EXCL | echo, body }),
    );
  };
  try {
    return send(numbers);
  } catch (error) {
    if (!(error instanceof NetlinkFailure) || error.errno !== "EEXIST") throw error;
    const taken = nameTaken(op, near, far);
    if (taken !== null) throw taken;
    // Before Linux 6.15 the name is looked for where the request is sent, unless an index says which link is meant: one
    // that nobody has is a new link.
    if (numbers.netns === undefined || linkByName(far.route, op.name) === null) throw error;
    return send({ ...numbers, index: freeIndex(near, far) });
  }
}

/** The link that is there already, where it will do as well; null where there is none such. */
function joined({ name, link, join }: Create, { route }: OpenNetns): CreatedLink | null {
  const found = join !== undefined ? linkByName(route, name) : null;
  if (found === null || link.kind !== "vrf" || !isVrf(found, link)) return null;
  return { index: found.index, mac: found.mac };
}

/** Makes a link, see `link.create`. Throws `NetlinkFailure`, or `HostError` EEXIST that names the end whose name is taken. */
export function createLink(op: Create, near: OpenNetns, far: OpenNetns): CreatedLink {
  const there = joined(op, near);
  if (there !== null) return there;
  const made = makeLink(op, near, far);
  if (op.link.kind === "vrf" && op.link.alone === true) yieldTable(near.route, made, op.link);
  return made;
}

/** The kernel forgets an alias whose text has no bytes at all, and it does not count the zero at the end of others. */
export const writeAlias = (writer: Writer, alias: string): Writer =>
  writer.attributeBytes(IFLA.IFALIAS, new TextEncoder().encode(alias));

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
  if (set.alias !== undefined) writeAlias(writer, set.alias);
  return writer.finish();
}

/** Changes a link. Throws `NetlinkFailure`. */
export function setLink(socket: NetlinkSocket, name: string, set: LinkSettings): void {
  const master = set.master === undefined ? null : set.master === null ? 0 : requireIndex(socket, set.master);
  socket.request({ type: RTM.NEWLINK, body: encodeSet(name, set, master) });
}

/** Whether no link has it as its master, and nobody has given it another alias. */
const isUnused = (socket: NetlinkSocket, name: string, aliases: readonly string[]): boolean => {
  const link = requireLink(socket, name);
  return aliases.includes(link.alias ?? "") && allLinks(socket).every(({ master }) => master !== link.index);
};

/** Deletes a link, with its peer if it is a veth, or leaves it alone, see `link.delete`. Throws `NetlinkFailure`. */
export function deleteLink(socket: NetlinkSocket, { name, whileUnused }: Delete): void {
  if (whileUnused !== undefined && !isUnused(socket, name, whileUnused.aliases)) return;
  socket.request({ type: RTM.DELLINK, body: nameAttribute(ifinfomsg(new Writer(), 0), name).finish() });
}
