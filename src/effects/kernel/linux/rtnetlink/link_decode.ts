/** Reads a link out of RTM_NEWLINK. */
import { macFromBytes } from "../../../../spec/mac.ts";
import type { Link, LinkFooting } from "../../host.ts";
import type { LinkTap } from "../../link_tap.ts";
import { Attributes, readUint } from "../netlink/message.ts";
import {
  IFF,
  IFF_TAP,
  IFLA,
  IFLA_BR_VLAN_FILTERING,
  IFLA_BRPORT,
  IFLA_INFO,
  IFLA_IPVLAN,
  IFLA_MACVLAN,
  IFLA_TUN,
  IFLA_VLAN,
  IFLA_VRF,
  IPVLAN_MODE,
  MACVLAN_MODE,
} from "./constants.ts";

/** Bytes of struct ifinfomsg { u8 family, pad; u16 type; i32 index; u32 flags, change }. */
export const IFINFOMSG = 16;

/** enum of RFC 2863 states by number (linux/if.h, IF_OPER_*). */
const OPER_STATES = ["unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"] as const;

/** What a bridge port is set to; null for a link that is none. */
function decodePort(info: Attributes): Link["port"] {
  if (info.string(IFLA_INFO.SLAVE_KIND) !== "bridge") return null;
  const data = info.nested(IFLA_INFO.SLAVE_DATA);
  return { hairpin: data.u8(IFLA_BRPORT.MODE) === 1, isolated: data.u8(IFLA_BRPORT.ISOLATED) === 1 };
}

/** An index, where 0 means that there is none. */
const indexOrNull = (index: number | null): number | null => index === 0 ? null : index;

/** The name of a mode; its number where it has none here. */
const modeName = (modes: Readonly<Record<string, number>>, mode: number | null): { readonly mode?: string } =>
  mode === null ? {} : { mode: Object.entries(modes).find(([, number]) => number === mode)?.[0] ?? `${mode}` };

/** What is particular to a kind of link that stands on another; null for every other kind. */
function kindData(kind: string | null, data: Attributes): Pick<LinkFooting, "mode" | "id"> | null {
  switch (kind) {
    case "macvlan":
      return modeName(MACVLAN_MODE, data.u32(IFLA_MACVLAN.MODE));
    case "ipvlan":
      return modeName(IPVLAN_MODE, data.u16(IFLA_IPVLAN.MODE));
    case "vlan": {
      const id = data.u16(IFLA_VLAN.ID);
      return id === null ? {} : { id };
    }
    default:
      return null;
  }
}

/** Of a link that stands on another: which one, and how. */
function decodeFooting(kind: string | null, attributes: Attributes, info: Attributes): { readonly over?: LinkFooting } {
  const own = kindData(kind, info.nested(IFLA_INFO.DATA));
  if (own === null) return {};
  const elsewhere = attributes.has(IFLA.LINK_NETNSID);
  return { over: { parent: indexOrNull(attributes.u32(IFLA.LINK)), elsewhere, ...own } };
}

const isTap = (info: Attributes): boolean =>
  info.string(IFLA_INFO.KIND) === "tun" && info.nested(IFLA_INFO.DATA).u8(IFLA_TUN.TYPE) === IFF_TAP;

/** Of a tap: who may open it, and how. */
function decodeTap(info: Attributes): { readonly tap?: LinkTap } {
  if (!isTap(info)) return {};
  const data = info.nested(IFLA_INFO.DATA);
  return {
    tap: {
      multiQueue: data.u8(IFLA_TUN.MULTI_QUEUE) === 1,
      owner: data.u32(IFLA_TUN.OWNER),
      group: data.u32(IFLA_TUN.GROUP),
    },
  };
}

/** Of a VRF: its table. */
function decodeVrf(kind: string | null, info: Attributes): Pick<Link, "vrfTable"> {
  const vrfTable = kind === "vrf" ? info.nested(IFLA_INFO.DATA).u32(IFLA_VRF.TABLE) : null;
  return vrfTable === null ? {} : { vrfTable };
}

/** What only some links have: an alias; hardware below. A permanent address without a device says nothing of either. */
function decodeOrigin(attributes: Attributes): Pick<Link, "alias" | "device" | "permanentMac"> {
  const alias = attributes.string(IFLA.IFALIAS);
  const [bus, device] = [attributes.string(IFLA.PARENT_DEV_BUS_NAME), attributes.string(IFLA.PARENT_DEV_NAME)];
  const permanent = attributes.bytes(IFLA.PERM_ADDRESS);
  return {
    ...(alias ? { alias } : {}),
    ...(device ? { device: `${bus ?? ""}/${device}` } : {}),
    ...(device && permanent !== null ? { permanentMac: macFromBytes(permanent) } : {}),
  };
}

/** Reads the body of an RTM_NEWLINK; null when it is too short or has no name. Never throws. */
export function decodeLink(body: Uint8Array): Link | null {
  const index = readUint(body, 4, 4);
  const flags = readUint(body, 4, 8);
  if (index === null || flags === null || body.length < IFINFOMSG) return null;
  const attributes = new Attributes(body.subarray(IFINFOMSG));
  const name = attributes.string(IFLA.IFNAME);
  if (name === null) return null;
  const info = attributes.nested(IFLA.LINKINFO);
  const kind = isTap(info) ? "tap" : info.string(IFLA_INFO.KIND);
  return {
    index,
    name,
    kind,
    mac: macFromBytes(attributes.bytes(IFLA.ADDRESS) ?? new Uint8Array()),
    mtu: attributes.u32(IFLA.MTU) ?? 0,
    txQueueLen: attributes.u32(IFLA.TXQLEN) ?? 0,
    up: (flags & IFF.UP) !== 0,
    operState: OPER_STATES[attributes.u8(IFLA.OPERSTATE) ?? 0] ?? "unknown",
    promisc: (flags & IFF.PROMISC) !== 0,
    promiscuity: attributes.u32(IFLA.PROMISCUITY) ?? 0,
    allmulti: (flags & IFF.ALLMULTI) !== 0,
    master: indexOrNull(attributes.u32(IFLA.MASTER)),
    peer: kind === "veth" ? indexOrNull(attributes.u32(IFLA.LINK)) : null,
    vlanFiltering: kind === "bridge" ? info.nested(IFLA_INFO.DATA).u8(IFLA_BR_VLAN_FILTERING) === 1 : null,
    port: decodePort(info),
    ...decodeOrigin(attributes),
    ...decodeFooting(kind, attributes, info),
    ...decodeTap(info),
    ...decodeVrf(kind, info),
  };
}
