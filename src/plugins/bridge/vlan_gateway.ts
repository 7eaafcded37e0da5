/** The gateway link of a VLAN: a veth pair inside the host, one end the gateway, the other a port in that VLAN. */
import * as Effect from "effect/Effect";
import { ABSENT, type Link } from "../../effects/kernel/host.ts";
import { type Act, perform } from "../../engine/act.ts";
import type { EffectError } from "../../engine/plugin.ts";
import { View } from "../../engine/view.ts";
import { CniCode, Refused } from "../../spec/failure.ts";
import { orAlready, PRESENT } from "../ensure.ts";
import { ignoreRouters, quietIpv6 } from "../forwarding.ts";
import { portNameOf } from "../names.ts";
import type { Device } from "./device.ts";
import { type BridgePlan, vlanGatewayName } from "./plan.ts";
import { setVlans } from "./port.ts";
import { portVlans } from "./vlans.ts";

/**
 * Finds or makes `<bridge>.<vlan>`; all containers of the VLAN share it. One that is up is taken as it is; one that is
 * down was left half made by an ADD that died, and is completed. Null when the plan has no such link.
 */
export const ensureVlanGateway: (
  plan: BridgePlan,
  device: Device,
) => Effect.Effect<Link | null, EffectError | Refused, View | Act> = Effect.fnUntraced(function* (plan, { link }) {
  if (plan.vlan === 0 || !plan.isGateway) return null;
  const view = yield* View;
  const name = vlanGatewayName(plan);
  const gateway = (yield* view.host.link("host", name)) ?? (yield* createGateway(name, link));
  if (gateway === null) {
    return yield* new Refused({
      code: CniCode.IO_FAILURE,
      msg: `Cannot use "${name}" as gateway: it was removed while it was being set up`,
    });
  }
  if (!gateway.up) yield* complete(plan, gateway, link);
  return gateway;
});

const createGateway = Effect.fnUntraced(function* (name: string, bridge: Link) {
  const view = yield* View;
  yield* orAlready(PRESENT)(perform({
    op: "link.create",
    on: "host",
    name: yield* portNameOf(name),
    link: { kind: "veth", peer: { on: "host", name, mtu: bridge.mtu } },
    mtu: bridge.mtu,
    master: bridge.name,
    up: true,
  }));
  return yield* view.host.link("host", name);
});

/** Setting the gateway up comes last: being up means being complete. */
const complete = Effect.fnUntraced(function* (plan: BridgePlan, gateway: Link, bridge: Link) {
  const view = yield* View;
  const port = gateway.peer === null ? null : yield* view.host.linkByIndex("host", gateway.peer);
  if (port !== null && port.master === bridge.index) {
    yield* orAlready(ABSENT)(setVlans(port.name, portVlans(plan.vlan, []), plan.preserveDefaultVlan));
  }
  yield* quietIpv6(gateway.name);
  yield* ignoreRouters(gateway.name);
  yield* perform({ op: "link.set", on: "host", name: gateway.name, set: { up: true } });
});
