/** VLANs of bridge ports and of bridges themselves (struct bridge_vlan_info { u16 flags; u16 vid }, linux/if_bridge.h). */
import type { Link } from "../../host.ts";
import type { PortVlan } from "../../op.ts";
import { Attributes, attributesOf, readUint, Writer } from "../netlink/message.ts";
import type { NetlinkSocket } from "../netlink/socket.ts";
import { AF, IFLA, RTM } from "./constants.ts";
import { IFINFOMSG } from "./link_decode.ts";
import { ifinfomsg, linkByName, requireLink } from "./link_look.ts";

/** Attributes inside IFLA_AF_SPEC of family AF_BRIDGE (linux/if_bridge.h). */
const IFLA_BRIDGE_FLAGS = 0;
const IFLA_BRIDGE_VLAN_INFO = 2;
/** The VLANs of the bridge as a link of the host, not those of a port. */
const BRIDGE_FLAGS_SELF = 2;

/** BRIDGE_VLAN_INFO_*: flags of a VLAN (linux/if_bridge.h). */
const VLAN_INFO = { PVID: 2, UNTAGGED: 4, RANGE_BEGIN: 8, RANGE_END: 16 } as const;

/** linux/rtnetlink.h: report VLANs, ranges as two entries. */
const RTEXT_FILTER_BRVLAN_COMPRESSED = 4;

function writeVlan(writer: Writer, { vid, to, pvid, untagged }: PortVlan): void {
  const flags = (pvid ? VLAN_INFO.PVID : 0) | (untagged ? VLAN_INFO.UNTAGGED : 0);
  const entry = (bits: number, id: number) =>
    writer.attribute(IFLA_BRIDGE_VLAN_INFO, () => writer.u16(flags | bits).u16(id));
  if (to === undefined || to === vid) {
    entry(0, vid);
  } else {
    entry(VLAN_INFO.RANGE_BEGIN, vid);
    entry(VLAN_INFO.RANGE_END, to);
  }
}

/** The body of an RTM_SETLINK (add) or RTM_DELLINK (delete) of family AF_BRIDGE. */
export function encodeVlans(link: Pick<Link, "index" | "kind">, vlans: readonly PortVlan[]): Uint8Array {
  const writer = ifinfomsg(new Writer(), link.index, 0, 0, AF.BRIDGE);
  writer.nested(IFLA.AF_SPEC, () => {
    if (link.kind === "bridge") writer.attributeU16(IFLA_BRIDGE_FLAGS, BRIDGE_FLAGS_SELF);
    for (const vlan of vlans) writeVlan(writer, vlan);
  });
  return writer.finish();
}

/** Adds VLANs to a bridge port or a bridge. Throws `NetlinkFailure`. */
export function addVlans(socket: NetlinkSocket, name: string, vlans: readonly PortVlan[]): void {
  socket.request({ type: RTM.SETLINK, body: encodeVlans(requireLink(socket, name), vlans) });
}

/** Removes VLANs from a bridge port or a bridge. Throws `NetlinkFailure`. */
export function deleteVlans(socket: NetlinkSocket, name: string, vlans: readonly PortVlan[]): void {
  socket.request({ type: RTM.DELLINK, body: encodeVlans(requireLink(socket, name), vlans) });
}

/** Reads the VLANs out of an RTM_NEWLINK of family AF_BRIDGE; none when it has none. Never throws. */
export function decodeVlans(body: Uint8Array): readonly PortVlan[] {
  const vlans: PortVlan[] = [];
  let begin: number | null = null;
  const spec = new Attributes(body.subarray(IFINFOMSG)).bytes(IFLA.AF_SPEC) ?? new Uint8Array();
  for (const [type, payload] of attributesOf(spec)) {
    const flags = readUint(payload, 2);
    const vid = readUint(payload, 2, 2);
    if (type !== IFLA_BRIDGE_VLAN_INFO || flags === null || vid === null) continue;
    if ((flags & VLAN_INFO.RANGE_BEGIN) !== 0) {
      begin = vid;
      continue;
    }
    const range = (flags & VLAN_INFO.RANGE_END) !== 0 && begin !== null ? { vid: begin, to: vid } : { vid };
    begin = null;
    vlans.push({
      ...range,
      ...((flags & VLAN_INFO.PVID) !== 0 ? { pvid: true } : {}),
      ...((flags & VLAN_INFO.UNTAGGED) !== 0 ? { untagged: true } : {}),
    });
  }
  return vlans;
}

/** VLANs of a bridge port or a bridge; none when the link is missing or neither. Throws `NetlinkFailure`. */
export function vlansOf(socket: NetlinkSocket, name: string): readonly PortVlan[] {
  const link = linkByName(socket, name);
  if (link === null) return [];
  const body = ifinfomsg(new Writer(), 0, 0, 0, AF.BRIDGE)
    .attributeU32(IFLA.EXT_MASK, RTEXT_FILTER_BRVLAN_COMPRESSED).finish();
  const messages = socket.dump({ type: RTM.GETLINK, body });
  return messages.filter((message) => readUint(message.body, 4, 4) === link.index).flatMap(({ body }) =>
    decodeVlans(body)
  );
}
