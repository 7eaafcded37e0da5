/** The host as its containers' gateway: gateway addresses, the link that bears them, forwarding. All of it is shared. */
import * as Effect from "effect/Effect";
import { ABSENT, type Address, type Link } from "../../effects/kernel/host.ts";
import { type Act, perform } from "../../engine/act.ts";
import type { EffectError } from "../../engine/plugin.ts";
import { View } from "../../engine/view.ts";
import { family, toCidr } from "../../spec/cidr.ts";
import { CniCode, Refused } from "../../spec/failure.ts";
import type { ResultIp } from "../../spec/result.ts";
import { SCOPE_LINK } from "../../spec/routing.ts";
import { orAlready, PRESENT } from "../ensure.ts";
import { ensureForwarding } from "../forwarding.ts";
import { overlaps } from "../ipam.ts";
import { type Device, hasMac } from "./device.ts";
import type { BridgePlan } from "./plan.ts";

/** The gateway addresses these IPs need, with their prefixes, without repetitions, IPv4 first. */
export function gatewayAddresses(ips: readonly ResultIp[]): readonly string[] {
  const wanted = ips.flatMap(({ address, gateway }) =>
    gateway === undefined ? [] : [`${gateway}/${toCidr(address).prefix}`]
  );
  return [...new Set(wanted)].sort((a, b) => family(a) - family(b));
}

/**
 * Puts the gateway addresses on the bridge, or on the VLAN's gateway link, and turns forwarding on. Ends with `Refused`
 * when other addresses are in the way and `forceAddress` is not set.
 */
export const ensureGateways: (
  plan: BridgePlan,
  device: Device,
  vlanGateway: Link | null,
  ips: readonly ResultIp[],
) => Effect.Effect<void, EffectError | Refused, View | Act> = Effect.fnUntraced(
  function* (plan, device, vlanGateway, ips) {
    const wanted = gatewayAddresses(ips);
    if (wanted.length === 0) return;
    const view = yield* View;
    const link = (vlanGateway ?? device.link).name;
    const present = yield* view.host.addresses("host", link);
    const missing = wanted.filter((address) => !present.some((other) => other.address === address));
    for (const address of missing) yield* addGateway(plan, link, address, obstacles(present, wanted, address));
    if (missing.length > 0 && vlanGateway === null && !device.pinned) yield* pinMac(device.link);
    yield* ensureForwarding(wanted.map(family));
  },
);

/**
 * Until now the bridge took a port's MAC; with an address it must keep the one its neighbours have learnt. One that had
 * none keeps what its first port has just given it.
 */
const pinMac = Effect.fnUntraced(function* (bridge: Link) {
  const view = yield* View;
  const mac = hasMac(bridge) ? bridge.mac : (yield* view.host.link("host", bridge.name))?.mac;
  if (mac !== undefined) yield* perform({ op: "link.set", on: "host", name: bridge.name, set: { mac } });
});

/** What must go before the address can come: any other IPv4 address, an IPv6 one of an overlapping network. */
export const obstacles = (present: readonly Address[], wanted: readonly string[], address: string): readonly string[] =>
  present.filter((other) =>
    family(other.address) === family(address) && !wanted.includes(other.address) &&
    (family(address) === 4 || (other.scope !== SCOPE_LINK && overlaps(other.address, address)))
  ).map((other) => other.address);

const addGateway = Effect.fnUntraced(
  function* (plan: BridgePlan, link: string, address: string, inTheWay: readonly string[]) {
    if (inTheWay.length > 0 && !plan.forceAddress) {
      return yield* new Refused({
        code: CniCode.INVALID_NETWORK_CONFIG,
        msg: `Cannot put the gateway address ${address} on "${link}": it has ${inTheWay.join(", ")}`,
        details: 'use another bridge for this network, or set "forceAddress" to replace what is there',
      });
    }
    for (const other of inTheWay) {
      yield* orAlready(ABSENT)(perform({ op: "address.remove", on: "host", link, address: other }));
    }
    // Containers send to their gateway at once: it cannot wait 1-2 s for duplicate address detection.
    const noDad = family(address) === 6 ? { noDad: true } : {};
    yield* orAlready(PRESENT)(perform({ op: "address.add", on: "host", link, address, ...noDad }));
  },
);
