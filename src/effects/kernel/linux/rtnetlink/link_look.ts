/** Finding links. */
import { MAX_IF_NAME_BYTES } from "../../../../spec/names.ts";
import type { Link } from "../../host.ts";
import { NetlinkFailure } from "../netlink/error.ts";
import { readUint, Writer } from "../netlink/message.ts";
import type { NetlinkMessage, NetlinkSocket } from "../netlink/socket.ts";
import { IFLA, RTM } from "./constants.ts";
import { decodeLink } from "./link_decode.ts";

/** Writes struct ifinfomsg; `index` 0 leaves it to an attribute to say which link is meant. */
export const ifinfomsg = (writer: Writer, index: number, flags = 0, change = 0, family = 0): Writer =>
  writer.u8(family).u8(0).u16(0).u32(index).u32(flags).u32(change);

/** Writes the attribute by which a link is found: names too long for IFLA_IFNAME are alternative names. */
export const nameAttribute = (writer: Writer, name: string): Writer =>
  writer.attributeString(name.length > MAX_IF_NAME_BYTES ? IFLA.ALT_IFNAME : IFLA.IFNAME, name);

/** The first link among the answers. */
export function firstLink(messages: readonly NetlinkMessage[]): Link | null {
  for (const { type, body } of messages) {
    if (type === RTM.NEWLINK) return decodeLink(body);
  }
  return null;
}

/** The body of the answer about one link; null when there is none. Throws `NetlinkFailure`. */
function get(socket: NetlinkSocket, body: Uint8Array): Uint8Array | null {
  const answer = socket.ask({ type: RTM.GETLINK, body });
  if (!(answer instanceof NetlinkFailure)) return answer.type === RTM.NEWLINK ? answer.body : null;
  if (answer.errno === "ENODEV") return null;
  throw answer;
}

/** Statistics fill most of an answer, and nobody here reads them: RTEXT_FILTER_SKIP_STATS (linux/rtnetlink.h). */
const RTEXT_FILTER_SKIP_STATS = 8;

/** A request for links without their statistics. */
const lookup = (index: number): Writer =>
  ifinfomsg(new Writer(), index).attributeU32(IFLA.EXT_MASK, RTEXT_FILTER_SKIP_STATS);

const getByName = (socket: NetlinkSocket, name: string): Uint8Array | null =>
  get(socket, nameAttribute(lookup(0), name).finish());

/** The link of that name or alternative name; null when there is none. Throws `NetlinkFailure`. */
export function linkByName(socket: NetlinkSocket, name: string): Link | null {
  if (name === "") return null; // the kernel says EINVAL
  const body = getByName(socket, name);
  return body === null ? null : decodeLink(body);
}

/** The link with that index; null when there is none. Throws `NetlinkFailure`. */
export function linkByIndex(socket: NetlinkSocket, index: number): Link | null {
  const body = index > 0 ? get(socket, lookup(index).finish()) : null;
  return body === null ? null : decodeLink(body);
}

/** Every link of the namespace. Throws `NetlinkFailure`. */
export function allLinks(socket: NetlinkSocket): readonly Link[] {
  const messages = socket.dump({ type: RTM.GETLINK, body: lookup(0).finish() });
  return messages.flatMap(({ body }) => decodeLink(body) ?? []);
}

const none = (name: string): NetlinkFailure => new NetlinkFailure("ENODEV", `there is no link "${name}"`);

/** The link of that name; throws ENODEV when there is none. */
export function requireLink(socket: NetlinkSocket, name: string): Link {
  const link = linkByName(socket, name);
  if (link === null) throw none(name);
  return link;
}

/** The index of the link of that name; throws ENODEV when there is none. */
export function requireIndex(socket: NetlinkSocket, name: string): number {
  const body = name === "" ? null : getByName(socket, name);
  const index = readUint(body, 4, 4);
  if (index === null) throw none(name);
  return index;
}
