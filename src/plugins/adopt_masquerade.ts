/**
 * Masquerade as Go's plugins make it: a chain of iptables for each container of a network, or rules in an nf_tables table
 * of their own.
 */
import * as Effect from "effect/Effect";
import type { HostError } from "../effects/kernel/host.ts";
import type { NftTable } from "../effects/kernel/nft.ts";
import type { Op } from "../effects/kernel/op.ts";
import type { Trace } from "../engine/plugin.ts";
import { View } from "../engine/view.ts";
import type { AttachmentKey } from "../spec/key.ts";
import { namedIn, readIptables } from "./adopt_iptables.ts";
import { batchOf, hashedName, ifKnown, removeRules } from "./adopt_look.ts";

/** Where Go's plugins since 1.6 keep their rules; other chains of the table are filled anew on every ADD. */
const TABLE: NftTable = { family: "inet", table: "cni_plugins_masquerade" };
const RULES = { ...TABLE, chain: "masq_checks" } as const;

/** Length of chain names, and of the parts of comments. */
const CHAIN_LENGTH = 28;
const PART_LENGTH = 16;

/** The chain of a container; two of its interfaces on one network share it. */
export const masqueradeChainOf = (network: string, containerId: string): Effect.Effect<string> =>
  hashedName("CNI-", network + containerId, CHAIN_LENGTH);

/** What the comments of an attachment's rules begin with. */
export const masqueradeCommentOf = ({ network, containerId, ifName }: AttachmentKey): Effect.Effect<string> =>
  Effect.map(
    Effect.all([hashedName("", network, PART_LENGTH), hashedName("", `${ifName}:${containerId}`, PART_LENGTH)]),
    (parts) => parts.join("-"),
  );

/** The ops that remove an attachment's masquerade; `addresses`, without prefixes, where they are known. */
export const adoptMasquerade: (
  key: AttachmentKey,
  addresses: readonly string[],
) => Effect.Effect<readonly Op[], HostError, View> = Effect.fnUntraced(function* (key, addresses) {
  const { host } = yield* View;
  const comment = yield* masqueradeCommentOf(key);
  const rules = (yield* ifKnown(host.rules("host", RULES))).filter((rule) => rule.comment?.startsWith(comment));
  const chain = yield* masqueradeChainOf(key.network, key.containerId);
  const ops = [...batchOf(removeRules(RULES, rules))];
  for (const family of [4, 6] as const) {
    if (!(yield* ifKnown(host.iptablesChains("host", family))).includes(chain)) continue;
    const sources = addresses.filter((ip) => ip.includes(":") === (family === 6));
    ops.push({
      op: "iptables.delete",
      on: "host",
      family,
      table: "nat",
      chain,
      from: "POSTROUTING",
      ...(sources.length === 0 ? {} : { sources }),
    });
  }
  return ops;
});

/** The end of a comment; what was cut off does not fit the hash at its beginning. */
const COMMENT = /^([0-9a-f]{16}-[0-9a-f]{16}), net: .*, if: ([^ ]+), id: ([^ ]+)$/;

/** The attachments of a network that Go's masquerade names. */
export const tracesOfMasquerade: (network: string) => Effect.Effect<readonly Trace[], HostError, View> = Effect
  .fnUntraced(function* (network) {
    const { host } = yield* View;
    const traces: Trace[] = [];
    for (const { comment } of yield* ifKnown(host.rules("host", RULES))) {
      const [, hashes, ifName, containerId] = COMMENT.exec(comment ?? "") ?? [];
      if (ifName === undefined || containerId === undefined) continue;
      if (hashes === (yield* masqueradeCommentOf({ network, containerId, ifName }))) {
        traces.push({ containerId, ifName });
      }
    }
    for (const rule of yield* readIptables("CNI-")) {
      const { network: named, containerId } = namedIn(rule.comment, "");
      if (named === network && rule.target === (yield* masqueradeChainOf(network, containerId))) {
        traces.push({ containerId, ifName: null });
      }
    }
    return traces;
  });
