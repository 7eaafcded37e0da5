/** Reads a link out of RTM_NEWLINK. */
import { macFromBytes } from "../../../../spec/mac.ts";
import type { Link } from "../../host.ts";
import { Attributes, readUint } from "../netlink/message.ts";
import { IFF, IFLA, IFLA_BR_VLAN_FILTERING, IFLA_BRPORT, IFLA_INFO } from "./constants.ts";

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

/** Reads the body of an RTM_NEWLINK; null when it is too short or has no name. Never throws. */
export function decodeLink(body: Uint8Array): Link | null {
  const index = readUint(body, 4, 4);
  const flags = readUint(body, 4, 8);
  if (index === null || flags === null || body.length < IFINFOMSG) return null;
  const attributes = new Attributes(body.subarray(IFINFOMSG));
  const name = attributes.string(IFLA.IFNAME);
  if (name === null) return null;
  const info = attributes.nested(IFLA.LINKINFO);
  const kind = info.string(IFLA_INFO.KIND);
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
  };
}
