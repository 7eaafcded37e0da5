/** The veth pair of a container and its port on the bridge. */
import * as Effect from "effect/Effect";
import type { CreatedLink } from "../../effects/kernel/host.ts";
import type { PortSettings, PortVlan } from "../../effects/kernel/op.ts";
import { type Act, perform } from "../../engine/act.ts";
import type { EffectError } from "../../engine/plugin.ts";
import { View } from "../../engine/view.ts";
import type { Refused } from "../../spec/failure.ts";
import { createVeth } from "../veth.ts";
import type { BridgePlan } from "./plan.ts";
import { surplusVlans } from "./vlans.ts";

/**
 * Makes the pair: the host end a port of the bridge and up, the container end under its final name, down. Carrier comes
 * with the container end, so the port can be configured in peace before anything flows.
 */
export const createPair: (
  plan: BridgePlan,
  hostVeth: string,
  ifName: string,
) => Effect.Effect<CreatedLink, EffectError | Refused, View | Act> = Effect.fnUntraced(
  function* (plan, hostVeth, ifName) {
    const { mtu, mac, bridge } = plan;
    const created = yield* createVeth({
      hostVeth,
      ifName,
      ...(mtu === undefined ? {} : { mtu }),
      ...(mac === undefined ? {} : { mac }),
      host: { master: bridge, up: true },
    });
    yield* setFlags(hostVeth, plan);
    yield* setVlans(hostVeth, plan.vlans, plan.preserveDefaultVlan);
    return created;
  },
);

/** A new port has both off. */
const setFlags = Effect.fnUntraced(function* (name: string, { hairpin, isolated }: BridgePlan) {
  if (!hairpin && !isolated) return;
  const set: PortSettings = { ...(hairpin ? { hairpin } : {}), ...(isolated ? { isolated } : {}) };
  yield* perform({ op: "port.set", on: "host", name, set });
});

/** Gives a port its VLANs and takes the others from it, unless they are to be kept. No wishes, no change. */
export const setVlans: (
  name: string,
  wanted: readonly PortVlan[],
  keepOthers: boolean,
) => Effect.Effect<void, EffectError, View | Act> = Effect.fnUntraced(function* (name, wanted, keepOthers) {
  if (wanted.length === 0) return;
  const view = yield* View;
  const surplus = keepOthers ? [] : surplusVlans(yield* view.host.vlans("host", name), wanted);
  if (surplus.length > 0) yield* perform({ op: "vlan.delete", on: "host", name, vlans: surplus });
  yield* perform({ op: "vlan.add", on: "host", name, vlans: wanted });
});
