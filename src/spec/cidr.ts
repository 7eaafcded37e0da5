/**
 * Addresses with a prefix length, and the arithmetic of subnets. Host bits are kept (`10.1.2.3/24` stays that), as CNI
 * results need them; `networkOf` clears them. Everything of `ip.ts` is exported from here too.
 *
 * Functions take a parsed value or a text. A text must have been checked before (at the door, by config or result
 * decoding): one that is no address throws a TypeError, for it is a defect and not a user's fault.
 *
 * @module
 */
import { bitsOf, compareIp, type Family, formatIp, type Ip, parseIp, toIp } from "./ip.ts";
import type { IpLike } from "./ip.ts";

export * from "./ip.ts";

/** An address and the length of its network's prefix, 0..32 or 0..128. */
export interface Cidr {
  /** The address, host bits included. */
  readonly ip: Ip;
  /** Bits of the network's prefix. */
  readonly prefix: number;
}

/** An address with its prefix, or its text where that text has been checked before. */
export type CidrLike = Cidr | string;

/** IPv4-mapped addresses are 96 bits longer than the IPv4 addresses they stand for. */
const MAPPED_BITS = 96;

/**
 * Reads `address/prefix`; null when it is none. A mapped IPv6 address becomes IPv4 and its prefix is 96 less, at least 0.
 *
 * @example
 * ```ts
 * import { contains, formatCidr, networkOf, parseCidr } from "./cidr.ts";
 * const cidr = parseCidr("10.1.2.3/16");
 * if (cidr === null || formatCidr(networkOf(cidr)) !== "10.1.0.0/16") throw new Error("wrong network");
 * if (!contains(cidr, "10.1.255.255") || contains(cidr, "10.2.0.0")) throw new Error("wrong bounds");
 * ```
 */
export function parseCidr(text: string): Cidr | null {
  const slash = text.indexOf("/");
  if (slash < 0) return null;
  const address = text.slice(0, slash), digits = text.slice(slash + 1);
  const ip = parseIp(address);
  if (ip === null || !/^\d+$/.test(digits)) return null;
  const length = Number(digits);
  const mapped = ip.family === 4 && address.includes(":");
  if (length > (mapped ? 128 : bitsOf(ip.family))) return null;
  return { ip, prefix: mapped ? Math.max(0, length - MAPPED_BITS) : length };
}

/** The value itself, or what its text means. Throws a TypeError for a text that is no address with a prefix. */
export function toCidr(cidr: CidrLike): Cidr {
  if (typeof cidr !== "string") return cidr;
  const parsed = parseCidr(cidr);
  if (parsed === null) throw new TypeError(`Cannot use "${cidr}": it is not an address with a prefix length`);
  return parsed;
}

/** The canonical text, host bits kept. */
export function formatCidr(cidr: CidrLike): string {
  const { ip, prefix } = toCidr(cidr);
  return `${formatIp(ip)}/${prefix}`;
}

/** The canonical text of an address with prefix written in any accepted way; null when it is none. */
export function canonicalCidr(text: string): string | null {
  const cidr = parseCidr(text);
  return cidr === null ? null : formatCidr(cidr);
}

/** The family of an address, with or without a prefix: `family("10.0.0.1/8") === 4`. */
export const family = (text: string): Family => (text.includes("/") ? toCidr(text).ip : toIp(text)).family;

/** Whether both are IPv4 or both IPv6; each with or without a prefix. */
export const sameFamily = (a: string, b: string): boolean => family(a) === family(b);

/** The address of `address/prefix` as text: `10.1.2.3/16` → `10.1.2.3`. */
export const addressOf = (cidr: CidrLike): string => formatIp(toCidr(cidr).ip);

const hostBits = ({ ip, prefix }: Cidr): bigint => BigInt(bitsOf(ip.family) - prefix);

/** The network the address lies in: the same prefix, host bits cleared. */
export function networkOf(cidr: CidrLike): Cidr {
  const { ip, prefix } = toCidr(cidr);
  const host = hostBits({ ip, prefix });
  return { ip: { family: ip.family, value: (ip.value >> host) << host }, prefix };
}

/** The last address of the network: for IPv4 with a prefix below 31 that is the broadcast address. */
export function lastAddress(cidr: CidrLike): Ip {
  const parsed = toCidr(cidr);
  const { ip } = networkOf(parsed);
  return { family: ip.family, value: ip.value | ((1n << hostBits(parsed)) - 1n) };
}

/** Network + 1, the usual gateway; the only address of a network that has just one (/32, /128). */
export function firstHost(cidr: CidrLike): Ip {
  const parsed = toCidr(cidr);
  const { ip } = networkOf(parsed);
  return hostBits(parsed) === 0n ? ip : { family: ip.family, value: ip.value + 1n };
}

/** The broadcast address; null for IPv6 and for IPv4 prefixes of 31 (RFC 3021) and 32, which have none. */
export function broadcastOf(cidr: CidrLike): Ip | null {
  const parsed = toCidr(cidr);
  return parsed.ip.family === 4 && parsed.prefix < 31 ? lastAddress(parsed) : null;
}

/** The last address a host may have: the one before the broadcast address where there is one. */
export function lastHost(cidr: CidrLike): Ip {
  const last = lastAddress(cidr);
  return broadcastOf(cidr) === null ? last : { family: last.family, value: last.value - 1n };
}

/** Whether the address lies in the network; false for the other family. */
export function contains(cidr: CidrLike, ip: IpLike): boolean {
  const network = networkOf(cidr), address = toIp(ip);
  return address.family === network.ip.family && compareIp(address, network.ip) >= 0 &&
    compareIp(address, lastAddress(network)) <= 0;
}

/** Whether a destination is everything: `0.0.0.0/0` or `::/0`. */
export const isDefaultRoute = (dst: CidrLike): boolean => toCidr(dst).prefix === 0;
