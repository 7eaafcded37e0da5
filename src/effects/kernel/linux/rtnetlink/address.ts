/** Addresses on links. */
import { broadcastOf, ipBytes, toCidr } from "../../../../spec/cidr.ts";
import type { Address } from "../../host.ts";
import type { KernelOp } from "../../op.ts";
import { Attributes, readUint, Writer } from "../netlink/message.ts";
import { NLM_F_CREATE, NLM_F_EXCL } from "../netlink/socket.ts";
import type { NetlinkSocket } from "../netlink/socket.ts";
import { AF, RTM } from "./constants.ts";
import { afOf, readIp } from "./ip_attribute.ts";
import { linkByName, requireIndex } from "./link_look.ts";

/** Bytes of struct ifaddrmsg { u8 family, prefixlen, flags, scope; u32 index }. */
const IFADDRMSG = 8;
/** Attributes and flags of an address (IFA_*, IFA_F_*: linux/if_addr.h). */
const IFA = { ADDRESS: 1, LOCAL: 2, BROADCAST: 4, CACHEINFO: 6, FLAGS: 8 } as const;
const IFA_F = { NODAD: 0x02, DADFAILED: 0x08, TENTATIVE: 0x40, NOPREFIXROUTE: 0x200 } as const;
/** INFINITY_LIFE_TIME (net/addrconf.h), in seconds: for ever. */
const FOREVER = 0xffff_ffff;

type AddressOp = Extract<KernelOp, { op: "address.add" | "address.remove" }>;

const ifaddrmsg = (family: number, prefix: number, index: number): Writer =>
  new Writer().u8(family).u8(prefix).u8(0).u8(0).u32(index);

/** The body of an RTM_NEWADDR or RTM_DELADDR. */
export function encodeAddress(op: AddressOp, index: number): Uint8Array {
  const { ip, prefix } = toCidr(op.address);
  const bytes = ipBytes(ip);
  const writer = ifaddrmsg(afOf(ip.family), prefix, index)
    .attributeBytes(IFA.LOCAL, bytes).attributeBytes(IFA.ADDRESS, bytes);
  if (op.op === "address.remove") return writer.finish();
  const broadcast = broadcastOf(op.address);
  if (broadcast !== null) writer.attributeBytes(IFA.BROADCAST, ipBytes(broadcast));
  const flags = (op.noDad ? IFA_F.NODAD : 0) | (op.noPrefixRoute ? IFA_F.NOPREFIXROUTE : 0);
  if (flags !== 0) writer.attributeU32(IFA.FLAGS, flags);
  const { lifetime } = op;
  if (lifetime !== undefined) {
    // struct ifa_cacheinfo { u32 prefered, valid, cstamp, tstamp }; the kernel sets the stamps.
    writer.attribute(IFA.CACHEINFO, () => writer.u32(lifetime.preferred).u32(lifetime.valid).u32(0).u32(0));
  }
  return writer.finish();
}

/** Adds an address: EEXIST when the link has it. Throws `NetlinkFailure`. */
export function addAddress(socket: NetlinkSocket, op: AddressOp): void {
  const index = requireIndex(socket, op.link);
  socket.request({ type: RTM.NEWADDR, flags: NLM_F_CREATE | NLM_F_EXCL, body: encodeAddress(op, index) });
}

/** Removes an address: EADDRNOTAVAIL when the link has it not. Throws `NetlinkFailure`. */
export function removeAddress(socket: NetlinkSocket, op: AddressOp): void {
  const index = requireIndex(socket, op.link);
  socket.request({ type: RTM.DELADDR, body: encodeAddress(op, index) });
}

/** How long an address may still be used; nothing where that is for ever. */
function decodeLifetime(cache: Uint8Array | null): Pick<Address, "lifetime"> {
  const preferred = readUint(cache, 4);
  const valid = readUint(cache, 4, 4);
  if (preferred === null || valid === null || (preferred === FOREVER && valid === FOREVER)) return {};
  return { lifetime: { preferred, valid } };
}

/** Reads the body of an RTM_NEWADDR; null when it is no IP address or too short. Never throws. */
export function decodeAddress(body: Uint8Array): Address | null {
  const prefix = readUint(body, 1, 1);
  const scope = readUint(body, 1, 3);
  if (prefix === null || scope === null || body.length < IFADDRMSG) return null;
  const attributes = new Attributes(body.subarray(IFADDRMSG));
  // Of a point-to-point link IFA_ADDRESS is the other end's.
  const ip = readIp(attributes.bytes(IFA.LOCAL) ?? attributes.bytes(IFA.ADDRESS));
  if (ip === null) return null;
  const flags = attributes.u32(IFA.FLAGS) ?? readUint(body, 1, 2) ?? 0;
  return {
    address: `${ip}/${prefix}`,
    scope,
    tentative: (flags & IFA_F.TENTATIVE) !== 0,
    dadFailed: (flags & IFA_F.DADFAILED) !== 0,
    ...((flags & IFA_F.NODAD) === 0 ? {} : { noDad: true }),
    ...((flags & IFA_F.NOPREFIXROUTE) === 0 ? {} : { noPrefixRoute: true }),
    ...decodeLifetime(attributes.bytes(IFA.CACHEINFO)),
  };
}

/** Addresses of a link, IPv4 first; none when the link is missing. Throws `NetlinkFailure`. */
export function addressesOf(socket: NetlinkSocket, name: string): readonly Address[] {
  const link = linkByName(socket, name);
  if (link === null) return [];
  return [AF.INET, AF.INET6].flatMap((family) =>
    socket.dump({ type: RTM.GETADDR, body: ifaddrmsg(family, 0, link.index).finish() })
      .flatMap(({ body }) => decodeAddress(body) ?? [])
  );
}
