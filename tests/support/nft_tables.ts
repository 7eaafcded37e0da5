/** A table as Cleat builds it, for live tests: host ports by map, masquerade by verdict map. */
import { NETLINK_NETFILTER, NetlinkSocket } from "../../src/effects/kernel/linux/netlink/socket.ts";
import { applyNft } from "../../src/effects/kernel/linux/nftables/apply.ts";
import type { NftCommand, NftElement, NftExpr } from "../../src/effects/kernel/nft.ts";
import { type Netns, newNetns } from "./netns.ts";

/** The table of the tests. */
export const at = { family: "inet", table: "cleat" } as const;

/** A socket of nf_tables in a namespace, closed at the end of its block. */
export function nftSocket(ns: Netns): Disposable & { readonly socket: NetlinkSocket } {
  const socket = ns.run(() => NetlinkSocket.open(NETLINK_NETFILTER));
  return { socket, [Symbol.dispose]: () => socket.close() };
}

/** Whether the kernel has nf_tables and lets us use it in a namespace of our own. */
export const hasNfTables: boolean = (() => {
  try {
    using ns = newNetns();
    using nft = nftSocket(ns);
    applyNft(nft.socket, [{ add: "table", ...at }]);
    return true;
  } catch {
    return false;
  }
})();

/** `tcp . port -> ip . to`, in the map `hostports4`. */
export const hostPort = (port: number, ip: string, to: number, comment?: string): NftElement => ({
  ...at,
  set: "hostports4",
  key: [{ protocol: "tcp" }, { port }],
  value: [{ ip }, { port: to }],
  ...(comment === undefined ? {} : { comment }),
});

const nfproto = (bytes: "02" | "0a"): readonly NftExpr[] => [
  { expr: "meta", key: "nfproto", to: 1 },
  { expr: "cmp", is: "==", from: 1, bytes },
];
const localDaddr: readonly NftExpr[] = [
  { expr: "fib", result: "daddr type", to: 1 },
  { expr: "cmp", is: "==", from: 1, bytes: "02000000" },
];
const isDnat: readonly NftExpr[] = [
  { expr: "ct", key: "status", to: 1 },
  { expr: "bitwise", from: 1, to: 1, mask: "20000000" },
  { expr: "cmp", is: "!=", from: 1, bytes: "00000000" },
];
const l4protoPort: readonly NftExpr[] = [
  { expr: "meta", key: "l4proto", to: 8 },
  { expr: "payload", base: "transport", offset: 2, length: 2, to: 9 },
];

const rule = (chain: string, exprs: readonly NftExpr[], comment?: string): NftCommand => ({
  add: "rule",
  ...at,
  chain,
  exprs,
  ...(comment === undefined ? {} : { comment }),
});

const hostPortRules: readonly NftCommand[] = [
  rule("prerouting", [...localDaddr, { expr: "verdict", verdict: "jump", chain: "hostports" }]),
  rule("output", [...localDaddr, { expr: "verdict", verdict: "jump", chain: "hostports" }]),
  rule("hostports", [
    ...nfproto("02"),
    { expr: "payload", base: "network", offset: 16, length: 4, to: 8 },
    { expr: "meta", key: "l4proto", to: 9 },
    { expr: "payload", base: "transport", offset: 2, length: 2, to: 10 },
    { expr: "lookup", set: "hostports4ip", from: 8, to: 8 },
    { expr: "dnat", family: "ip", address: 8, port: 9 },
  ], "bound to an address"),
  rule("hostports", [
    ...nfproto("02"),
    ...l4protoPort,
    { expr: "lookup", set: "hostports4", from: 8, to: 8 },
    { expr: "dnat", family: "ip", address: 8, port: 9 },
  ]),
  rule("hostports", [
    ...nfproto("0a"),
    ...l4protoPort,
    { expr: "lookup", set: "hostports6", from: 1, to: 1 },
    { expr: "dnat", family: "ip6", address: 1, port: 2 },
  ]),
];

const masqueradeRules: readonly NftCommand[] = [
  rule("postrouting", [
    ...isDnat,
    ...nfproto("02"),
    { expr: "payload", base: "network", offset: 12, length: 1, to: 1 },
    { expr: "cmp", is: "==", from: 1, bytes: "7f" },
    { expr: "counter" },
    { expr: "masquerade" },
  ], "loopback to a host port"),
  rule("postrouting", [
    ...nfproto("02"),
    { expr: "payload", base: "network", offset: 12, length: 4, to: 1 },
    { expr: "lookup", set: "masq4", from: 1, to: 0 },
  ]),
  rule("net-demo", [
    ...nfproto("02"),
    { expr: "payload", base: "network", offset: 16, length: 4, to: 1 },
    { expr: "bitwise", from: 1, to: 1, mask: "ffffff00" },
    { expr: "cmp", is: "==", from: 1, bytes: "0a010000" },
    { expr: "verdict", verdict: "return" },
  ]),
  rule("net-demo", [{ expr: "masquerade" }]),
];

/** Everything but elements, in one batch; the table is exclusive. */
export const demoTable: readonly NftCommand[] = [
  { add: "table", ...at, comment: "host ports", exclusive: true },
  { add: "set", ...at, set: "hostports4", key: ["inet_proto", "inet_service"], value: ["ipv4_addr", "inet_service"] },
  {
    add: "set",
    ...at,
    set: "hostports4ip",
    key: ["ipv4_addr", "inet_proto", "inet_service"],
    value: ["ipv4_addr", "inet_service"],
    comment: "bound to an address",
  },
  { add: "set", ...at, set: "hostports6", key: ["inet_proto", "inet_service"], value: ["ipv6_addr", "inet_service"] },
  { add: "set", ...at, set: "masq4", key: ["ipv4_addr"], value: "verdict" },
  { add: "chain", ...at, chain: "prerouting", hook: { type: "nat", hook: "prerouting", priority: -100 } },
  { add: "chain", ...at, chain: "output", hook: { type: "nat", hook: "output", priority: -100 } },
  { add: "chain", ...at, chain: "postrouting", hook: { type: "nat", hook: "postrouting", priority: 100 } },
  { add: "chain", ...at, chain: "hostports", comment: "one lookup per family" },
  { add: "chain", ...at, chain: "net-demo" },
  ...hostPortRules,
  ...masqueradeRules,
];
