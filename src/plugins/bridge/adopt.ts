/** What to undo for attachments the log does not know: made by another bridge plugin, or the log was lost. */
import * as Effect from "effect/Effect";
import type { HostError, Link } from "../../effects/kernel/host.ts";
import type { Op } from "../../effects/kernel/op.ts";
import type { Request, Trace } from "../../engine/plugin.ts";
import { View } from "../../engine/view.ts";
import { removeOwn, type Sets, tracesOfOwn } from "../adopt_elements.ts";
import { batchOf } from "../adopt_look.ts";
import { adoptMasquerade, tracesOfMasquerade } from "../adopt_masquerade.ts";
import { adoptSpoofCheck } from "../adopt_spoof_check.ts";
import { addressesToAdopt, adoptVeth } from "../adopt_veth.ts";
import { MASQUERADE_SETS } from "../masquerade.ts";
import { BRIDGE_TABLE } from "../nft_tables.ts";
import type { BridgeConfig } from "./config.ts";

/** Our sets with elements of bridge's. */
const OWN: readonly Sets[] = [
  MASQUERADE_SETS,
  { table: BRIDGE_TABLE, isOwn: () => true },
];

/**
 * The link between container and bridge, if a bridge plugin made it for this network, what IPAM holds, and masquerade and
 * spoof check, ours or Go's. A container may have a link of that name from elsewhere, for instance when its ADD was
 * refused for that very reason.
 */
export const adopt: (
  request: Request<BridgeConfig>,
) => Effect.Effect<readonly Op[], HostError, View> = Effect.fnUntraced(function* (request) {
  const { key, config, raw } = request;
  const addresses = yield* addressesToAdopt(request);
  const ops: Op[] = [...(yield* adoptVeth(request, (end) => isPort(request, end)))];
  const ipam = config.ipam?.type || null;
  if (ipam !== null) ops.push({ op: "plugin.invoke", plugin: ipam, command: "DEL", config: raw });
  for (const sets of OWN) ops.push(...batchOf(yield* removeOwn(key, sets)));
  ops.push(...(yield* adoptSpoofCheck(key)), ...(yield* adoptMasquerade(key, addresses)));
  return ops;
});

/** The attachments of a network that masquerade or spoof check name. */
export const traces: (network: string) => Effect.Effect<readonly Trace[], HostError, View> = Effect.fnUntraced(
  function* (network) {
    const found: Trace[] = [...(yield* tracesOfMasquerade(network))];
    for (const sets of OWN) found.push(...(yield* tracesOfOwn(network, sets)));
    return found;
  },
);

/** Whether the link is a port of this bridge, or of none. */
const isPort = Effect.fnUntraced(function* ({ config }: Request<BridgeConfig>, { master }: Link) {
  const { host } = yield* View;
  const bridge = master === null ? null : yield* host.linkByIndex("host", master);
  return bridge === null || bridge.name === config.bridge;
});
