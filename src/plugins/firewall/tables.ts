/**
 * Table `inet cleat-firewall`: whose an address is, and who may reach it. A packet that is dropped here is dropped,
 * whatever other tables say, and one that passes must still pass those. An attachment adds an element for each address,
 * and one for its link where that is its own.
 *
 * ```
 * forward ── destination ──▶ @containers4/6 ─▶ open
 *                                            ├▶ same-bridge-<bridge> ── came in by that bridge ──▶ return
 *                                            │                      └─▶ managed
 *                                            └▶ isolated ─────────────▶ managed
 * managed ── came in by @links, or by a bridge of managed-<bridge> ──▶ drop
 * ```
 */
import type { NftCommand, NftElement, NftExpr, NftTable } from "../../effects/kernel/nft.ts";
import type { Sets } from "../adopt_elements.ts";
import type { Layout } from "../nft_elements.ts";
import { loadAddress, matchFamily, matchIifName } from "../nft_exprs.ts";

/** The table, for both families. */
export const FIREWALL_TABLE: NftTable = { family: "inet", table: "cleat-firewall" };

/** All of its sets hold elements of attachments. */
export const FIREWALL_SETS: Sets = { table: FIREWALL_TABLE, isOwn: () => true };

/** Over which link of the host a container is reached. */
export interface Way {
  readonly link: string;
  /** Other attachments are reached over it, too. */
  readonly shared: boolean;
}

/** Who may reach a container, and how it is reached; the way of an open one does not matter. */
export type Ingress =
  | { readonly policy: "open" }
  | { readonly policy: "same-bridge" | "isolated"; readonly way: Way };

const T = FIREWALL_TABLE;

const goto = (chain: string): NftExpr => ({ expr: "verdict", verdict: "goto", chain });
const jump = (chain: string): NftExpr => ({ expr: "verdict", verdict: "jump", chain });

const addChain = (chain: string, comment: string): NftCommand => ({
  add: "chain",
  ...T,
  chain,
  exclusive: true,
  comment,
});
const addRule = (chain: string, ...exprs: readonly NftExpr[]): NftCommand => ({ add: "rule", ...T, chain, exprs });

/** The whole table but the chains of policies, as one batch. */
const SKELETON: readonly NftCommand[] = [
  { add: "table", ...T, exclusive: true, comment: "Who may reach containers, made by cleat" },
  { add: "set", ...T, set: "containers4", key: ["ipv4_addr"], value: "verdict" },
  { add: "set", ...T, set: "containers6", key: ["ipv6_addr"], value: "verdict" },
  { add: "set", ...T, set: "links", key: ["ifname"], comment: "Links of one container each" },
  // NF_IP_PRI_FILTER (linux/netfilter_ipv4.h).
  { add: "chain", ...T, chain: "forward", hook: { type: "filter", hook: "forward", priority: 0 } },
  { add: "chain", ...T, chain: "managed", comment: "Drops what comes from a network with a policy" },
  addRule(
    "managed",
    { expr: "meta", key: "iifname", to: 1 },
    { expr: "lookup", set: "links", from: 1 },
    { expr: "verdict", verdict: "drop" },
  ),
  ...([4, 6] as const).map((family) =>
    addRule(
      "forward",
      ...matchFamily(family),
      loadAddress(family, "daddr"),
      { expr: "lookup", set: `containers${family}`, from: 1, to: 0 },
    )
  ),
];

/** Makes a bridge one of those with a policy. */
const managedBridge = (bridge: string): readonly NftCommand[] => [
  addChain(`managed-${bridge}`, `What comes from ${bridge}`),
  addRule(`managed-${bridge}`, ...matchIifName(bridge, false), { expr: "verdict", verdict: "drop" }),
  addRule("managed", jump(`managed-${bridge}`)),
];

/** The chain that decides about a container. A container alone on its link has no neighbours to tell from others. */
const chainOf = (ingress: Ingress): string => {
  if (ingress.policy === "open") return "open";
  const { policy, way } = ingress;
  return policy === "same-bridge" && way.shared ? `same-bridge-${way.link}` : "isolated";
};

const chainsFor = (ingress: Ingress): readonly (readonly NftCommand[])[] => {
  const chain = chainOf(ingress);
  if (ingress.policy === "open") return [[addChain(chain, "Anybody may reach them")]];
  const { link, shared } = ingress.way;
  return [
    ...(shared ? [managedBridge(link)] : []),
    chain === "isolated" ? [addChain(chain, "No other container may reach them"), addRule(chain, goto("managed"))] : [
      addChain(chain, `Only containers on ${link} may reach them`),
      addRule(chain, ...matchIifName(link, false), { expr: "verdict", verdict: "return" }),
      addRule(chain, goto("managed")),
    ],
  ];
};

/** The elements of an attachment with these addresses, without prefixes. */
export const ingressElements = (addresses: readonly string[], ingress: Ingress): readonly NftElement[] => [
  ...addresses.map((ip): NftElement => ({
    ...T,
    set: `containers${ip.includes(":") ? 6 : 4}`,
    key: [{ ip }],
    value: { verdict: "goto", chain: chainOf(ingress) },
  })),
  ...(ingress.policy === "open" || ingress.way.shared
    ? []
    : [{ ...T, set: "links", key: [{ ifName: ingress.way.link }] }]),
];

/** What they need to be there. */
export const ingressLayout = (ingress: Ingress): Layout => ({
  skeleton: SKELETON,
  chains: chainsFor(ingress),
  name: (element) => `the ingress policy of ${JSON.stringify(element.key)}`,
});
