/**
 * The tables Cleat keeps in nf_tables: `inet cleat` for host ports and masquerade, `bridge cleat` for the spoof check.
 * Rules are made once and look things up; an attachment adds elements. So the packet path, ADD and DEL cost the same
 * with ten attachments and ten thousand.
 *
 * ```
 * prerouting, output ── destination is local ──▶ hostports ─▶ conditions ─▶ hostports-<hash> (variants)
 *                                                         └▶ @hostips4/6, @hostports4/6 ─▶ dnat
 * postrouting ── connection was DNATed ──▶ @snat4/6 ─▶ snat-<subnet>
 *             └─ source ──▶ @masq4/6 ─▶ masq-<subnet>
 * ```
 */
import type { NftCommand, NftExpr, NftTable, NftType } from "../effects/kernel/nft.ts";
import { loadAddress, loadPort, matchDnated, matchFamily, matchLocalDestination } from "./nft_exprs.ts";

/** Host ports and masquerade, for both families. */
export const NAT_TABLE: NftTable = { family: "inet", table: "cleat" };

/** The spoof check, which sees frames of bridge ports. */
export const BRIDGE_TABLE: NftTable = { family: "bridge", table: "cleat" };

/** NF_IP_PRI_NAT_DST, also used for locally made packets, and NF_IP_PRI_NAT_SRC (linux/netfilter_ipv4.h). */
const PRIORITY = { dstnat: -100, srcnat: 100 } as const;

/** The types of addresses in set declarations. */
const addressType = (family: 4 | 6): NftType => family === 4 ? "ipv4_addr" : "ipv6_addr";

/** Declares the two maps of a family: by address and port, and by port alone; `suffix` tells variants apart. */
export const hostPortMaps = (family: 4 | 6, suffix = ""): readonly NftCommand[] => {
  const port = ["inet_proto", "inet_service"] as const;
  const value = [addressType(family), "inet_service"] as const;
  return [
    { add: "set", ...NAT_TABLE, set: `hostips${family}${suffix}`, key: [addressType(family), ...port], value },
    { add: "set", ...NAT_TABLE, set: `hostports${family}${suffix}`, key: port, value },
  ];
};

/**
 * The two look-ups of a family, the more specific first. Keys and values lie in registers as nf_tables packs
 * concatenations: every field starts on four bytes, and register 1 spans 8 to 11.
 */
export const hostPortRules = (family: 4 | 6, chain: string, suffix = ""): readonly NftCommand[] => {
  const afterAddress = family === 4 ? 9 : 12;
  const translate: NftExpr = {
    expr: "dnat",
    family: family === 4 ? "ip" : "ip6",
    address: 1,
    port: afterAddress,
  };
  const byAddress: readonly NftExpr[] = [
    ...matchFamily(family),
    loadAddress(family, "daddr"),
    { expr: "meta", key: "l4proto", to: afterAddress },
    loadPort(afterAddress + 1),
    { expr: "lookup", set: `hostips${family}${suffix}`, from: 1, to: 1 },
    translate,
  ];
  const byPort: readonly NftExpr[] = [
    ...matchFamily(family),
    { expr: "meta", key: "l4proto", to: 1 },
    loadPort(9),
    { expr: "lookup", set: `hostports${family}${suffix}`, from: 1, to: 1 },
    translate,
  ];
  return [byAddress, byPort].map((exprs) => ({ add: "rule", ...NAT_TABLE, chain, exprs }));
};

/** A verdict map keyed by a container's address. */
const verdictMap = (name: "snat" | "masq", family: 4 | 6): NftCommand => ({
  add: "set",
  ...NAT_TABLE,
  set: `${name}${family}`,
  key: [addressType(family)],
  value: "verdict",
});

/** The look-up of a verdict map by the packet's source or destination. */
const verdictRule = (
  name: "snat" | "masq",
  family: 4 | 6,
  which: "saddr" | "daddr",
  before: readonly NftExpr[],
): NftCommand => ({
  add: "rule",
  ...NAT_TABLE,
  chain: "postrouting",
  exprs: [
    ...before,
    ...matchFamily(family),
    loadAddress(family, which),
    { expr: "lookup", set: `${name}${family}`, from: 1, to: 0 },
  ],
});

/** A base chain of type nat. */
const natChain = (chain: "prerouting" | "output" | "postrouting", priority: number): NftCommand => ({
  add: "chain",
  ...NAT_TABLE,
  chain,
  hook: { type: "nat", hook: chain, priority },
});

/** Sends packets to this host's own addresses to the look-ups. */
const localJump = (chain: "prerouting" | "output"): NftCommand => ({
  add: "rule",
  ...NAT_TABLE,
  chain,
  exprs: [...matchLocalDestination, { expr: "verdict", verdict: "jump", chain: "hostports" }],
});

/**
 * Table `inet cleat`, whole, as one batch. The table is made exclusively: of several first users one makes everything
 * and the others get EEXIST, so no rule is ever made twice.
 */
export const NAT_SKELETON: readonly NftCommand[] = [
  { add: "table", ...NAT_TABLE, exclusive: true, comment: "Host ports and masquerade of containers, made by cleat" },
  ...hostPortMaps(4),
  ...hostPortMaps(6),
  verdictMap("snat", 4),
  verdictMap("snat", 6),
  verdictMap("masq", 4),
  verdictMap("masq", 6),
  natChain("prerouting", PRIORITY.dstnat),
  natChain("output", PRIORITY.dstnat),
  natChain("postrouting", PRIORITY.srcnat),
  { add: "chain", ...NAT_TABLE, chain: "conditions", comment: "Host ports with conditions, looked up first" },
  { add: "chain", ...NAT_TABLE, chain: "hostports", comment: "One look-up each, whatever the number of ports" },
  localJump("prerouting"),
  localJump("output"),
  {
    add: "rule",
    ...NAT_TABLE,
    chain: "hostports",
    exprs: [{ expr: "verdict", verdict: "jump", chain: "conditions" }],
  },
  ...hostPortRules(4, "hostports"),
  ...hostPortRules(6, "hostports"),
  verdictRule("snat", 4, "daddr", matchDnated),
  verdictRule("snat", 6, "daddr", matchDnated),
  verdictRule("masq", 4, "saddr", []),
  verdictRule("masq", 6, "saddr", []),
];

/** The port a frame came in over, and with it the sender's MAC, in registers as `spoof_allowed` is keyed. */
const SENDER: readonly NftExpr[] = [
  { expr: "meta", key: "iifname", to: 1 },
  { expr: "lookup", set: "spoof_checked", from: 1 },
  { expr: "payload", base: "link", offset: 6, length: 6, to: 2 },
];

/**
 * Table `bridge cleat`, whole, as one batch: a frame from a checked port is dropped unless port and sender are allowed.
 * The priority, -300, is NF_BR_PRI_NAT_DST_BRIDGED (linux/netfilter_bridge.h): before anything else looks at it.
 */
export const BRIDGE_SKELETON: readonly NftCommand[] = [
  { add: "table", ...BRIDGE_TABLE, exclusive: true, comment: "MAC spoof check of containers, made by cleat" },
  { add: "set", ...BRIDGE_TABLE, set: "spoof_checked", key: ["ifname"] },
  { add: "set", ...BRIDGE_TABLE, set: "spoof_allowed", key: ["ifname", "ether_addr"] },
  {
    add: "chain",
    ...BRIDGE_TABLE,
    chain: "prerouting",
    hook: { type: "filter", hook: "prerouting", priority: -300 },
  },
  {
    add: "rule",
    ...BRIDGE_TABLE,
    chain: "prerouting",
    exprs: [
      ...SENDER,
      { expr: "lookup", set: "spoof_allowed", from: 1, not: true },
      { expr: "verdict", verdict: "drop" },
    ],
  },
];
