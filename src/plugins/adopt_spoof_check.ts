/** The MAC spoof check as Go's bridge makes it: a rule and two chains in the table that ebtables uses too. */
import * as Effect from "effect/Effect";
import type { HostError } from "../effects/kernel/host.ts";
import type { NftCommand, NftTable } from "../effects/kernel/nft.ts";
import type { Op } from "../effects/kernel/op.ts";
import { View } from "../engine/view.ts";
import type { AttachmentKey } from "../spec/key.ts";
import { batchOf, ifKnown, removeRules } from "./adopt_look.ts";

const TABLE: NftTable = { family: "bridge", table: "nat" };
const RULES = { ...TABLE, chain: "PREROUTING" } as const;

/** The ops that remove an attachment's spoof check; table and base chain stay. */
export const adoptSpoofCheck: (key: AttachmentKey) => Effect.Effect<readonly Op[], HostError, View> = Effect.fnUntraced(
  function* ({ containerId, ifName }) {
    const { host } = yield* View;
    const id = `${containerId}-${ifName}`;
    const jumps = (yield* ifKnown(host.rules("host", RULES))).filter(({ comment }) => comment === `macspoofchk-${id}`);
    const present = yield* ifKnown(host.chains("host", TABLE));
    // The first chain leads to the second.
    const chains = [`cni-br-iface-${id}`, `cni-br-iface-${id}-mac`].filter((chain) => present.includes(chain));
    return batchOf([
      ...removeRules(RULES, jumps),
      ...chains.map((chain): NftCommand => ({ remove: "chain", ...TABLE, chain })),
    ]);
  },
);
