/** Host ports as Go's portmap makes them: with iptables, or, since 1.6 and where asked, in an nf_tables table of its own. */
import * as Effect from "effect/Effect";
import type { HostError } from "../effects/kernel/host.ts";
import type { NftRule } from "../effects/kernel/nft.ts";
import type { Op } from "../effects/kernel/op.ts";
import type { Trace } from "../engine/plugin.ts";
import { View } from "../engine/view.ts";
import { ipBytes } from "../spec/cidr.ts";
import type { AttachmentKey } from "../spec/key.ts";
import { namedIn, readIptables } from "./adopt_iptables.ts";
import { batchOf, hashedName, ifKnown, removeRules } from "./adopt_look.ts";

/** A chain per container, and the shared chain that leads to it; the second pair is of releases before 0.8. */
const CHAINS = [
  { prefix: "CNI-DN-", from: "CNI-HOSTPORT-DNAT" },
  { prefix: "CNI-SN-", from: "CNI-HOSTPORT-SNAT" },
] as const;

/** Length of these chains' names. */
const CHAIN_LENGTH = 28;

/** What comments of rules in the shared chain begin with. */
const COMMENT_START = "dnat ";

const TABLE = "cni_hostport";
/** Its chains with rules of containers. The others are filled anew on every ADD. */
const NFT_CHAINS = ["hostports", "hostip_hostports", "masquerading"] as const;

/** The chain of a container; its attachments to one network share it. */
export const hostPortChainOf = (
  { network, containerId }: Pick<AttachmentKey, "network" | "containerId">,
  prefix: string = CHAINS[0].prefix,
): Effect.Effect<string> => hashedName(prefix, network + containerId, CHAIN_LENGTH);

/**
 * The rules of one attachment. A rule names the container only, who may be on other networks too: where the attachment's
 * addresses are known, a rule must have one of them.
 */
const rulesOf = (rules: readonly NftRule[], { containerId }: AttachmentKey, addresses: readonly string[]) => {
  const known = addresses.map((ip) => ipBytes(ip).toHex());
  return rules.filter(({ comment, values }) =>
    comment === containerId && (known.length === 0 || values.some((value) => known.includes(value)))
  );
};

/** Go's rules for host ports of an attachment; `chain` is "hostports" for the ports themselves. */
export const hostPortRules: (
  key: AttachmentKey,
  addresses: readonly string[],
  family: 4 | 6,
  chain: typeof NFT_CHAINS[number],
) => Effect.Effect<readonly NftRule[], HostError, View> = Effect.fnUntraced(
  function* (key, addresses, family, chain) {
    const { host } = yield* View;
    const rules = yield* ifKnown(host.rules("host", { family: family === 4 ? "ip" : "ip6", table: TABLE, chain }));
    return rulesOf(rules, key, addresses);
  },
);

/** Whether Go's portmap has a chain of iptables for the container. */
export const hasHostPortChain: (key: AttachmentKey, family: 4 | 6) => Effect.Effect<boolean, HostError, View> = Effect
  .fnUntraced(function* (key, family) {
    const { host } = yield* View;
    return (yield* ifKnown(host.iptablesChains("host", family))).includes(yield* hostPortChainOf(key));
  });

/** The ops that remove an attachment's host ports; `addresses`, without prefixes, where they are known. */
export const adoptHostPorts: (
  key: AttachmentKey,
  addresses: readonly string[],
) => Effect.Effect<readonly Op[], HostError, View> = Effect.fnUntraced(function* (key, addresses) {
  const { host } = yield* View;
  const ops: Op[] = [];
  for (const family of [4, 6] as const) {
    const chains = yield* ifKnown(host.iptablesChains("host", family));
    for (const { prefix, from } of CHAINS) {
      const chain = yield* hostPortChainOf(key, prefix);
      if (chains.includes(chain)) ops.push({ op: "iptables.delete", on: "host", family, table: "nat", chain, from });
    }
    for (const chain of NFT_CHAINS) {
      const where = { family: family === 4 ? "ip" : "ip6", table: TABLE, chain } as const;
      ops.push(...batchOf(removeRules(where, yield* hostPortRules(key, addresses, family, chain))));
    }
  }
  return ops;
});

/** The containers of a network that Go's iptables rules name. Its nf_tables rules do not tell the network. */
export const tracesOfHostPorts: (network: string) => Effect.Effect<readonly Trace[], HostError, View> = Effect
  .fnUntraced(function* (network) {
    const traces: Trace[] = [];
    for (const { target, comment } of yield* readIptables(CHAINS[0].prefix)) {
      const named = namedIn(comment, COMMENT_START);
      // A long comment is cut, and two names that are joined may be others: only what fits the chain counts.
      if (named.network !== network || target !== (yield* hostPortChainOf(named))) continue;
      traces.push({ containerId: named.containerId, ifName: null });
    }
    return traces;
  });
