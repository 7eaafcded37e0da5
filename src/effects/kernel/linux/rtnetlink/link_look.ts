/** Finding links. */
import { MAX_IF_NAME_BYTES } from "../../../../spec/names.ts";
import type { Link } from "../../host.ts";
import { NetlinkFailure } from "../netlink/error.ts";
import { Writer } from "../netlink/message.ts";
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

function get(socket: NetlinkSocket, body: Uint8Array): Link | null {
  try {
    return firstLink(socket.request({ type: RTM.GETLINK, body }));
  } catch (error) {
    if (error instanceof NetlinkFailure && error.errno === "ENODEV") return null;
    throw error;
  }
}

/** Statistics fill most of an answer, and nobody here reads them: RTEXT_FILTER_SKIP_STATS (linux/rtnetlink.h). */
const RTEXT_FILTER_SKIP_STATS = 8;

/** A request for links without their statistics. */
const lookup = (index: number): Writer =>
  ifinfomsg(new Writer(), index).attributeU32(IFLA.EXT_MASK, RTEXT_FILTER_SKIP_STATS);

/** The link of that name or alternative name; null when there is none. Throws `NetlinkFailure`. */
export function linkByName(socket: NetlinkSocket, name: string): Link | null {
  try {
    return get(socket, nameAttribute(lookup(0), name).finish());
  } catch (error) {
    // Kernels that cannot look up by name (before 2.6.33) say EINVAL, as all do for an empty one.
    if (!(error instanceof NetlinkFailure) || error.errno !== "EINVAL") throw error;
    return allLinks(socket).find((link) => link.name === name) ?? null;
  }
}

/** The link with that index; null when there is none. Throws `NetlinkFailure`. */
export const linkByIndex = (socket: NetlinkSocket, index: number): Link | null =>
  index > 0 ? get(socket, lookup(index).finish()) : null;

/** Every link of the namespace. Throws `NetlinkFailure`. */
export function allLinks(socket: NetlinkSocket): readonly Link[] {
  const messages = socket.dump({ type: RTM.GETLINK, body: lookup(0).finish() });
  return messages.flatMap(({ body }) => decodeLink(body) ?? []);
}

/** The link of that name; throws ENODEV when there is none. */
export function requireLink(socket: NetlinkSocket, name: string): Link {
  const link = linkByName(socket, name);
  if (link === null) throw new NetlinkFailure("ENODEV", `there is no link "${name}"`);
  return link;
}
