/** The data of each kind of link in the creating RTM_NEWLINK (IFLA_LINKINFO). */
import type { LinkKind, TapKind } from "../../op.ts";
import type { Writer } from "../netlink/message.ts";
import {
  IFLA,
  IFLA_BR_VLAN_FILTERING,
  IFLA_INFO,
  IFLA_IPVLAN,
  IFLA_MACVLAN,
  IFLA_VLAN,
  IFLA_VRF,
  IPVLAN_MODE,
  MACVLAN_MODE,
  VETH_INFO_PEER,
} from "./constants.ts";

/** How ipvlans of one parent exchange packets: 0 is "bridge", directly (IPVLAN_F_PRIVATE and _VEPA: linux/if_link.h). */
const IPVLAN_BRIDGE = 0;

/** A kind that RTM_NEWLINK can make; a tap is made by ioctl(2). */
export type NetlinkKind = Exclude<LinkKind, TapKind>;

/** IFLA_INFO_DATA of a kind, or nothing where the kernel's defaults are wanted; `peer` writes the other end of a veth. */
function writeData(writer: Writer, link: NetlinkKind, peer: () => unknown): void {
  const data = (write: () => unknown) => writer.nested(IFLA_INFO.DATA, write);
  switch (link.kind) {
    case "veth":
      return void data(() => writer.nested(VETH_INFO_PEER, peer));
    case "bridge": {
      const { vlanFiltering } = link;
      if (vlanFiltering !== undefined) data(() => writer.attributeU8(IFLA_BR_VLAN_FILTERING, vlanFiltering ? 1 : 0));
      return;
    }
    case "macvlan":
      return void data(() => {
        writer.attributeU32(IFLA_MACVLAN.MODE, MACVLAN_MODE[link.mode]);
        if (link.bcQueueLen !== undefined) writer.attributeU32(IFLA_MACVLAN.BC_QUEUE_LEN, link.bcQueueLen);
      });
    case "ipvlan":
      return void data(() => {
        writer.attributeU16(IFLA_IPVLAN.MODE, IPVLAN_MODE[link.mode]);
        writer.attributeU16(IFLA_IPVLAN.FLAGS, IPVLAN_BRIDGE);
      });
    case "vlan":
      return void data(() => writer.attributeU16(IFLA_VLAN.ID, link.id));
    case "vrf":
      return void data(() => writer.attributeU32(IFLA_VRF.TABLE, link.table));
    case "dummy":
    case "ifb":
      return;
    default:
      return link satisfies never;
  }
}

/** IFLA_LINKINFO: the name of the kind and its data. */
export const writeKind = (writer: Writer, link: NetlinkKind, peer: () => unknown): Writer =>
  writer.nested(IFLA.LINKINFO, () => {
    writer.attributeString(IFLA_INFO.KIND, link.kind);
    writeData(writer, link, peer);
  });
