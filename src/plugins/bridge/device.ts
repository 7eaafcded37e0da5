/** The bridge itself: made when it is missing, shared by all, never reconfigured. */
import * as Effect from "effect/Effect";
import type { Link } from "../../effects/kernel/host.ts";
import type { LinkSettings } from "../../effects/kernel/op.ts";
import { type Act, perform } from "../../engine/act.ts";
import type { EffectError } from "../../engine/plugin.ts";
import { View } from "../../engine/view.ts";
import { CniCode, Refused } from "../../spec/failure.ts";
import { orAlready, PRESENT } from "../ensure.ts";
import { ignoreRouters, quietIpv6 } from "../forwarding.ts";
import type { BridgePlan } from "./plan.ts";

/** The bridge as ADD found or made it; `pinned`: this ADD has fixed its MAC, so that no port will change it. */
export interface Device {
  readonly link: Link;
  readonly pinned: boolean;
}

/** What the kernel gives a bridge without ports whose MAC nobody chose; it takes the first port's in its place. */
const NO_MAC = "00:00:00:00:00:00";

/** Whether the bridge has a MAC to keep. */
export const hasMac = ({ mac }: Link): boolean => mac !== "" && mac !== NO_MAC;

/**
 * Finds or makes the bridge and sees to it that it is up. Ends with `Refused` when the name belongs to another kind of
 * link, or VLANs are asked of a bridge that does not filter them.
 */
export const ensureBridge: (plan: BridgePlan) => Effect.Effect<Device, EffectError | Refused, View | Act> = Effect
  .fnUntraced(function* (plan) {
    const link = (yield* lookUp(plan)) ?? (yield* create(plan));
    if (link === null) return yield* refuse(plan, "it was removed while it was being set up");
    if (!link.up) yield* quietIpv6(plan.bridge);
    yield* ignoreRouters(plan.bridge); // whoever made the bridge
    const pin = !link.up && plan.isGateway && plan.vlan === 0 && hasMac(link);
    const set: LinkSettings = {
      ...(link.up ? {} : { up: true }),
      ...(plan.promisc && !link.promisc ? { promisc: true } : {}),
      ...(pin ? { mac: link.mac } : {}),
    };
    if (Object.keys(set).length > 0) yield* perform({ op: "link.set", on: "host", name: plan.bridge, set });
    return { link, pinned: pin };
  });

const lookUp = Effect.fnUntraced(function* (plan: BridgePlan) {
  const view = yield* View;
  const link = yield* view.host.link("host", plan.bridge);
  if (link === null) return null;
  if (link.kind !== "bridge") {
    return yield* refuse(plan, `there is a link of that name, of kind "${link.kind ?? "device"}"`);
  }
  if (plan.vlans.length > 0 && link.vlanFiltering === false) {
    return yield* refuse(
      plan,
      "it does not filter VLANs, so that containers of all VLANs would reach each other",
      `run "ip link set ${plan.bridge} type bridge vlan_filtering 1", or name another bridge`,
    );
  }
  return link;
});

/** Two first ADDs may create it at the same time: the slower one takes what the faster one made. */
const create = Effect.fnUntraced(function* (plan: BridgePlan) {
  yield* orAlready(PRESENT)(perform({
    op: "link.create",
    on: "host",
    name: plan.bridge,
    link: { kind: "bridge", ...(plan.vlanFiltering ? { vlanFiltering: true } : {}) },
    ...(plan.mtu === undefined ? {} : { mtu: plan.mtu }),
  }));
  return yield* lookUp(plan);
});

const refuse = (plan: BridgePlan, why: string, details?: string) =>
  new Refused({
    code: CniCode.INVALID_NETWORK_CONFIG,
    msg: `Cannot use "${plan.bridge}" as bridge: ${why}`,
    ...(details === undefined ? {} : { details }),
  });
