/**
 * IP addresses as values, over ipaddr.js. Stricter than that library where Go is: no leading zeros in IPv4 octets, no
 * short or hexadecimal IPv4 forms, no zones. As in Go, an IPv4-mapped IPv6 address is an IPv4 address everywhere.
 *
 * @module
 */
import ipaddr from "ipaddr.js";

/** Address family by its version number. */
export type Family = 4 | 6;

/** An address: `value` is its 32 or 128 bits as an unsigned number. Plain data: equal addresses are deeply equal. */
export interface Ip {
  /** 4 or 6. */
  readonly family: Family;
  /** All bits of the address, the first in network order the highest. */
  readonly value: bigint;
}

/** An address, or its text where that text has been checked before (config and results are, at the door). */
export type IpLike = Ip | string;

/** Longest text of an address: INET6_ADDRSTRLEN - 1 (netinet/in.h). */
const MAX_TEXT = 45;

/** First address of ::ffff:0:0/96, the IPv4-mapped block (RFC 4291, 2.5.5.2), without its low 32 bits. */
const MAPPED = 0xffffn;

/** Bits of an address of this family. */
export const bitsOf = (family: Family): number => family === 4 ? 32 : 128;

/** Highest value of an address of this family. */
const highest = (family: Family): bigint => (1n << BigInt(bitsOf(family))) - 1n;

const bytesToValue = (bytes: Iterable<number>): bigint => {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
};

const parseIpv4 = (text: string): bigint | null =>
  ipaddr.IPv4.isValidFourPartDecimal(text) ? bytesToValue(ipaddr.IPv4.parse(text).toByteArray()) : null;

/** Rewrites a dotted tail (`::ffff:10.0.0.1`) as two groups: ipaddr.js takes `::10.0.0.1` for a mapped address, Go does not. */
function withoutDottedTail(text: string): string | null {
  const cut = text.lastIndexOf(":") + 1;
  if (!text.includes(".", cut)) return text;
  const tail = parseIpv4(text.slice(cut));
  return tail === null ? null : `${text.slice(0, cut)}${(tail >> 16n).toString(16)}:${(tail & 0xffffn).toString(16)}`;
}

function parseIpv6(text: string): bigint | null {
  const groups = /^[0-9a-fA-F:.]+$/.test(text) ? withoutDottedTail(text) : null;
  if (groups === null || !ipaddr.IPv6.isValid(groups)) return null;
  return bytesToValue(ipaddr.IPv6.parse(groups).toByteArray());
}

/**
 * Reads an address; null when it is none.
 *
 * @example
 * ```ts
 * import { formatIp, parseIp } from "./ip.ts";
 * const ip = parseIp("::ffff:10.0.0.1");
 * if (ip?.family !== 4 || formatIp(ip) !== "10.0.0.1") throw new Error("a mapped address is an IPv4 address");
 * if (parseIp("10.0.0.01") !== null) throw new Error("leading zeros are ambiguous");
 * ```
 */
export function parseIp(text: string): Ip | null {
  if (text.length > MAX_TEXT) return null;
  if (!text.includes(":")) {
    const value = parseIpv4(text);
    return value === null ? null : { family: 4, value };
  }
  const value = parseIpv6(text);
  if (value === null) return null;
  return value >> 32n === MAPPED ? { family: 4, value: value & 0xffffffffn } : { family: 6, value };
}

/** The address itself, or what its text means. Throws a TypeError for a text that is none: an unchecked text is a defect. */
export function toIp(ip: IpLike): Ip {
  if (typeof ip !== "string") return ip;
  const parsed = parseIp(ip);
  if (parsed === null) throw new TypeError(`Cannot use "${ip}": it is not an IP address`);
  return parsed;
}

/** The octets of an IPv4 address. Its bits fit a number, with which this takes a tenth of the time. */
const octetsOf = (value: bigint): readonly [number, number, number, number] => {
  const bits = Number(value);
  return [bits >>> 24, (bits >>> 16) & 0xff, (bits >>> 8) & 0xff, bits & 0xff];
};

/** An address in network order: 4 or 16 bytes, as the kernel's attributes carry it. */
export function ipBytes(ip: IpLike): Uint8Array<ArrayBuffer> {
  const { family, value } = toIp(ip);
  if (family === 4) return Uint8Array.from(octetsOf(value));
  const bytes = new Uint8Array(bitsOf(family) / 8);
  for (let at = bytes.length - 1, rest = value; at >= 0; at--, rest >>= 8n) bytes[at] = Number(rest & 0xffn);
  return bytes;
}

/** Reads 4 or 16 bytes in network order. Throws a RangeError for any other length: the kernel sends no other. */
export function ipFromBytes(bytes: Uint8Array): Ip {
  const value = bytesToValue(bytes);
  if (bytes.length === 4) return { family: 4, value };
  if (bytes.length !== 16) {
    throw new RangeError(`Cannot read an IP address from ${bytes.length} bytes: 4 or 16 expected`);
  }
  return value >> 32n === MAPPED ? { family: 4, value: value & 0xffffffffn } : { family: 6, value };
}

/** The canonical text: dotted decimal, or lower case and compressed as in RFC 5952. */
export function formatIp(ip: IpLike): string {
  const address = toIp(ip);
  return address.family === 4
    ? octetsOf(address.value).join(".")
    : ipaddr.fromByteArray([...ipBytes(address)]).toString();
}

/** The canonical text of an address written in any accepted way; null when it is none. */
export function canonicalIp(text: string): string | null {
  const ip = parseIp(text);
  return ip === null ? null : formatIp(ip);
}

/** The address after this one; null after the last of its family. */
export function next(ip: IpLike): Ip | null {
  const { family, value } = toIp(ip);
  return value === highest(family) ? null : { family, value: value + 1n };
}

/** The address before this one; null before the first of its family. */
export function previous(ip: IpLike): Ip | null {
  const { family, value } = toIp(ip);
  return value === 0n ? null : { family, value: value - 1n };
}

/** A total order, for sorting and ranges: IPv4 before IPv6, then by value. */
export function compareIp(a: IpLike, b: IpLike): -1 | 0 | 1 {
  const left = toIp(a), right = toIp(b);
  if (left.family !== right.family) return left.family < right.family ? -1 : 1;
  return left.value < right.value ? -1 : left.value > right.value ? 1 : 0;
}
