/** Typed fields of keys and values, to bytes and back. */
import { formatIp, ipBytes, ipFromBytes } from "../../../../spec/ip.ts";
import { macBytes, macFromBytes } from "../../../../spec/mac.ts";
import { MAX_IF_NAME_BYTES } from "../../../../spec/names.ts";
import type { NftField, NftType } from "../../nft.ts";
import { aligned, readBe, readString } from "../netlink/message.ts";
import { IPPROTO, TYPES } from "./constants.ts";

/** A zero-padded name of IFNAMSIZ (16) bytes. */
function encodeIfName(name: string): Uint8Array {
  const text = new TextEncoder().encode(name);
  if (text.length > MAX_IF_NAME_BYTES) {
    throw new RangeError(`Cannot use interface name "${name}": it has more than ${MAX_IF_NAME_BYTES} bytes`);
  }
  const bytes = new Uint8Array(TYPES.ifname.length);
  bytes.set(text);
  return bytes;
}

/**
 * The bytes of one field, in network order, unpadded. Throws `RangeError` or `TypeError` on a value no field can hold:
 * an unchecked value is a defect.
 */
function encodeField(field: NftField): Uint8Array {
  if ("ip" in field) return ipBytes(field.ip);
  if ("protocol" in field) return Uint8Array.of(IPPROTO[field.protocol]);
  if ("ifName" in field) return encodeIfName(field.ifName);
  if ("mac" in field) return macBytes(field.mac);
  if (!Number.isInteger(field.port) || field.port < 0 || field.port > 0xffff) {
    throw new RangeError(`Cannot use port ${field.port}: it must be 0..65535`);
  }
  return Uint8Array.of(field.port >> 8, field.port & 0xff);
}

/**
 * The bytes of a key or value: a single field has its natural length, each field of a concatenation is padded with
 * zeros to 4 bytes, the size of a register (NFT_REG32_SIZE). Throws `RangeError` or `TypeError` on a value no field can hold.
 *
 * @example
 * ```ts
 * import { encodeFields } from "./field.ts";
 * const key = encodeFields([{ protocol: "tcp" }, { port: 8080 }]);
 * if (key.join() !== "6,0,0,0,31,144,0,0") throw new Error(key.join());
 * ```
 */
export function encodeFields(fields: readonly NftField[]): Uint8Array {
  const parts = fields.map(encodeField);
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + aligned(part.length), 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += aligned(part.length);
  }
  return bytes;
}

/** The length in bytes of a key or value of these types. */
export const lengthOf = (types: readonly NftType[]): number => {
  const [only] = types;
  if (types.length === 1 && only !== undefined) return TYPES[only].length;
  return types.reduce((sum, type) => sum + aligned(TYPES[type].length), 0);
};

/** The one number by which `nft` knows these types: 6 bits each (TYPE_BITS, libnftables), the first highest. */
export const packTypes = (types: readonly NftType[]): number =>
  types.reduce((packed, type) => packed << 6 | TYPES[type].id, 0);

/** All of them, to find a type by its number. */
const NAMES: readonly NftType[] = ["ipv4_addr", "ipv6_addr", "ether_addr", "inet_proto", "inet_service", "ifname"];

/** The types in such a number, 6 bits each, or null when one of them is none of ours. */
export function unpackTypes(packed: number): readonly NftType[] | null {
  const types: NftType[] = [];
  for (let rest = packed >>> 0; rest > 0; rest >>>= 6) {
    const name = NAMES.find((type) => TYPES[type].id === (rest & 0x3f));
    if (name === undefined) return null;
    types.unshift(name);
  }
  return types;
}

function decodeField(type: NftType, bytes: Uint8Array): NftField | null {
  switch (type) {
    case "ipv4_addr":
    case "ipv6_addr":
      return { ip: formatIp(ipFromBytes(bytes)) };
    case "ether_addr":
      return { mac: macFromBytes(bytes) };
    case "inet_service":
      return { port: readBe(bytes, 2) ?? 0 };
    case "ifname":
      return { ifName: readString(bytes) };
    case "inet_proto":
      for (const protocol of ["tcp", "udp", "sctp"] as const) if (IPPROTO[protocol] === bytes[0]) return { protocol };
      return null;
  }
}

/** What `encodeFields` made of fields of these types, or null when the bytes cannot be that. */
export function decodeFields(types: readonly NftType[], bytes: Uint8Array): readonly NftField[] | null {
  if (types.length === 0 || bytes.length !== lengthOf(types)) return null;
  const fields: NftField[] = [];
  let at = 0;
  for (const type of types) {
    const { length } = TYPES[type];
    const field = decodeField(type, bytes.subarray(at, at + length));
    if (field === null) return null;
    fields.push(field);
    at += aligned(length);
  }
  return fields;
}
