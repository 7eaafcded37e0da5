/**
 * Masquerade: what a container sends out of its subnet leaves with the host's address (plugins' `ipMasq`). An attachment
 * adds one element per address to `masq4` or `masq6`; the rules are one chain per subnet.
 */
import type * as Effect from "effect/Effect";
import type { NftCommand, NftElement, NftExpr } from "../effects/kernel/nft.ts";
import type { Act } from "../engine/act.ts";
import type { EffectError } from "../engine/plugin.ts";
import type { View } from "../engine/view.ts";
import { addressOf, type Cidr, formatCidr, networkOf, toCidr } from "../spec/cidr.ts";
import type { Refused } from "../spec/failure.ts";
import type { AttachmentKey } from "../spec/key.ts";
import type { Sets } from "./adopt_elements.ts";
import { applyElements, type Layout } from "./nft_elements.ts";
import { matchAddress, matchFamily } from "./nft_exprs.ts";
import { NAT_SKELETON, NAT_TABLE } from "./nft_tables.ts";

/** Multicast keeps its source: RFC 5771 and RFC 4291, section 2.7. */
const MULTICAST = { 4: "224.0.0.0/4", 6: "ff00::/8" } as const;

/** A chain for a subnet, in the letters nft accepts in names: `masq-10.1.0.0/16`, `masq-fd00_1__/64`. */
export const subnetChain = (prefix: "masq" | "snat", subnet: Cidr): string =>
  `${prefix}-${formatCidr(subnet).replaceAll(":", "_")}`;

/** The chain of a subnet, as one batch. */
const masqueradeChain = (subnet: Cidr): readonly NftCommand[] => {
  const { family } = subnet.ip;
  const chain = subnetChain("masq", subnet);
  const leave = (cidr: Cidr): readonly NftExpr[] => [
    ...matchFamily(family),
    ...matchAddress("daddr", cidr),
    { expr: "verdict", verdict: "return" },
  ];
  const rules: readonly (readonly NftExpr[])[] = [
    leave(subnet),
    leave(toCidr(MULTICAST[family])),
    [{ expr: "masquerade" }],
  ];
  return [
    { add: "chain", ...NAT_TABLE, chain, exclusive: true, comment: `Out of ${formatCidr(subnet)}` },
    ...rules.map((exprs) => ({ add: "rule", ...NAT_TABLE, chain, exprs }) as const),
  ];
};

/** The element of an address with its prefix. */
const masqueradeElement = (address: string): NftElement => {
  const subnet = networkOf(address);
  return {
    ...NAT_TABLE,
    set: `masq${subnet.ip.family}`,
    key: [{ ip: addressOf(address) }],
    value: { verdict: "goto", chain: subnetChain("masq", subnet) },
  };
};

/** The sets that hold an attachment's elements. */
export const MASQUERADE_SETS: Sets = { table: NAT_TABLE, isOwn: (set) => /^masq[46]$/.test(set) };

/** Subnets of addresses, each once. */
const subnetsOf = (
  addresses: readonly string[],
): readonly Cidr[] => [
  ...new Map(addresses.map((address) => [formatCidr(networkOf(address)), networkOf(address)])).values(),
];

/** What `masquerade` needs: whose elements they are, the network's name for messages, the addresses with their prefixes. */
export interface MasqueradeRequest {
  readonly key: AttachmentKey;
  readonly network: string;
  readonly addresses: readonly string[];
}

/**
 * Masquerades what these addresses send out of their own subnets; traffic within the subnet and multicast are left
 * alone. Undone with the attachment.
 */
export const masquerade = (
  { key, network, addresses }: MasqueradeRequest,
): Effect.Effect<void, EffectError | Refused, View | Act> => {
  const layout: Layout = {
    skeleton: NAT_SKELETON,
    chains: subnetsOf(addresses).map(masqueradeChain),
    name: (element) => `masquerade of ${JSON.stringify(element.key)} on network "${network}"`,
  };
  return applyElements(key, addresses.map(masqueradeElement), layout);
};
