/**
 * Matches as nf_tables expressions: each loads a field of the packet into register 1 and compares it.
 * Offsets are those of struct iphdr and struct ipv6hdr; constants are named after the kernel header they come from.
 */
import type { NftExpr } from "../effects/kernel/nft.ts";
import { type Cidr, ipBytes } from "../spec/cidr.ts";

/** NFPROTO_IPV4 and NFPROTO_IPV6 (linux/netfilter.h), one byte each, as `meta nfproto` answers them. */
const NFPROTO = { 4: "02", 6: "0a" } as const;

/** RTN_LOCAL (linux/rtnetlink.h) as `fib daddr type` answers it: u32 in host order, which is little-endian wherever Deno runs. */
const RTN_LOCAL = "02000000";

/** IPS_DST_NAT (linux/netfilter/nf_conntrack_common.h), a bit of `ct status`, in host order. */
const IPS_DST_NAT = "20000000";

/** Length of an interface name with its final NUL: IFNAMSIZ (linux/if.h). */
const IFNAMSIZ = 16;

/** Where the addresses lie in the network header, in bytes (RFC 791, 3.1; RFC 8200, 3). */
const ADDRESS = {
  4: { saddr: 12, daddr: 16, length: 4 },
  6: { saddr: 8, daddr: 24, length: 16 },
} as const;

/** Lower-case hex, two digits a byte. */
export const hex = (bytes: Iterable<number>): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Loads the source or destination address into a register. */
export const loadAddress = (family: 4 | 6, which: "saddr" | "daddr", to = 1): NftExpr => ({
  expr: "payload",
  base: "network",
  offset: ADDRESS[family][which],
  length: ADDRESS[family].length,
  to,
});

/** Loads the destination port (the same place in TCP, UDP and SCTP headers) into a register. */
export const loadPort = (to: number): NftExpr => ({ expr: "payload", base: "transport", offset: 2, length: 2, to });

/** The packet is of this family. */
export const matchFamily = (family: 4 | 6): readonly NftExpr[] => [
  { expr: "meta", key: "nfproto", to: 1 },
  { expr: "cmp", is: "==", from: 1, bytes: NFPROTO[family] },
];

/** The bytes of a prefix's mask, from the lengths of address (in bytes) and prefix (in bits). */
const maskBytes = (length: number, prefix: number): readonly number[] =>
  Array.from({ length }, (_, i) => (0xff00 >> Math.min(8, Math.max(0, prefix - 8 * i))) & 0xff);

/** The address lies in the prefix, or with `not` outside it. The packet's family must have been matched before. */
export const matchAddress = (which: "saddr" | "daddr", cidr: Cidr, not = false): readonly NftExpr[] => {
  const { family } = cidr.ip;
  const mask = maskBytes(ADDRESS[family].length, cidr.prefix);
  const network = Array.from(ipBytes(cidr.ip), (byte, i) => byte & (mask[i] ?? 0));
  const whole = mask.every((byte) => byte === 0xff);
  return [
    loadAddress(family, which),
    ...(whole ? [] : [{ expr: "bitwise", from: 1, to: 1, mask: hex(mask) } as const]),
    { expr: "cmp", is: not ? "!=" : "==", from: 1, bytes: hex(network) },
  ];
};

/** The packet came in over this link; a final `wildcard` compares only the characters before it. */
export const matchIifName = (name: string, wildcard: boolean, not = false): readonly NftExpr[] => {
  const text = new TextEncoder().encode(name);
  const whole = new Uint8Array(IFNAMSIZ);
  if (!wildcard) whole.set(text);
  return [
    { expr: "meta", key: "iifname", to: 1 },
    { expr: "cmp", is: not ? "!=" : "==", from: 1, bytes: hex(wildcard ? text : whole) },
  ];
};

/** The packet's mark equals a 32-bit number. */
export const matchMark = (mark: number, not = false): readonly NftExpr[] => [
  { expr: "meta", key: "mark", to: 1 },
  {
    expr: "cmp",
    is: not ? "!=" : "==",
    from: 1,
    bytes: hex([mark, mark >>> 8, mark >>> 16, mark >>> 24].map((n) => n & 0xff)),
  },
];

/** The destination is an address of this host. */
export const matchLocalDestination: readonly NftExpr[] = [
  { expr: "fib", result: "daddr type", to: 1 },
  { expr: "cmp", is: "==", from: 1, bytes: RTN_LOCAL },
];

/** The destination of the packet's connection was translated. */
export const matchDnated: readonly NftExpr[] = [
  { expr: "ct", key: "status", to: 1 },
  { expr: "bitwise", from: 1, to: 1, mask: IPS_DST_NAT },
  { expr: "cmp", is: "!=", from: 1, bytes: "00000000" },
];
