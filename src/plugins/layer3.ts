/** What plugins do with an interface that they have put into the container: addresses from IPAM, up, and the result. */
import * as Effect from "effect/Effect";
import { type Act, perform } from "../engine/act.ts";
import type { EffectError, Request } from "../engine/plugin.ts";
import type { View } from "../engine/view.ts";
import { family } from "../spec/cidr.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import type { CniResult, Dns, ResultIp } from "../spec/result.ts";
import { atLeast } from "../spec/version.ts";
import { preferSysctl } from "./ensure.ts";
import { configureInterface } from "./ipam.ts";

/** Where addresses come from, and what goes with them. */
export interface Layer3 {
  /** Type of the IPAM plugin; null for an interface without addresses. */
  readonly ipam: string | null;
  /** Replaces what IPAM says of name service; null to keep that. */
  readonly dns: Dns | null;
  /** Whether the neighbours are told of the addresses when the interface goes up. */
  readonly announce: boolean;
  /** False for an interface that carries nothing before some program opens it; default true. */
  readonly carrier?: boolean;
}

/** The interface in the container, by its MAC address. */
interface Interface {
  readonly mac: string;
}

/** Why a result of this version could not be given for an attachment without addresses, or null. */
export const layer2Problem = (ipam: string | null, cniVersion: string): Refused | null =>
  ipam !== null || atLeast(cniVersion, "0.3.0") ? null : new Refused({
    code: CniCode.INVALID_NETWORK_CONFIG,
    msg: `Cannot attach without "ipam": a result in version ${cniVersion} must have an address`,
    details: 'give "ipam" a "type", or use "cniVersion" 0.3.0 or later',
  });

/** What IPAM answers; without addresses it is of no use. */
export const askIpam: (
  request: Pick<Request<unknown>, "key" | "raw">,
  ipam: string,
) => Effect.Effect<CniResult, EffectError | Refused, View | Act> = Effect.fnUntraced(function* ({ key, raw }, ipam) {
  const answer = yield* perform({ op: "plugin.invoke", plugin: ipam, command: "ADD", config: raw });
  if (answer !== null && (answer.ips ?? []).length > 0) return answer;
  return yield* new Refused({
    code: CniCode.INTERNAL,
    msg: `Cannot attach "${key.ifName}": IPAM plugin "${ipam}" gave no address`,
  });
});

/** Sets the interface up with the addresses that IPAM gives, or without any; answers the result of ADD. */
export const finishInterface: (
  request: Request<unknown>,
  link: Interface,
  layer3: Layer3,
) => Effect.Effect<CniResult, EffectError | Refused, View | Act> = Effect.fnUntraced(
  function* (request, link, layer3) {
    if (layer3.ipam !== null) return yield* useAddresses(request, link, layer3, yield* askIpam(request, layer3.ipam));
    yield* perform({ op: "link.set", on: "container", name: request.key.ifName, set: { up: true } });
    return resultOf(request, link, layer3, {});
  },
);

/** The addresses and routes of an IPAM plugin or of an earlier plugin in the chain. */
type Answer = Pick<CniResult, "ips" | "routes" | "dns">;

/** Puts these addresses and routes on the interface and sets it up; answers the result of ADD. */
export const useAddresses: (
  request: Request<unknown>,
  link: Interface,
  layer3: Layer3,
  answer: Answer,
) => Effect.Effect<CniResult, EffectError | Refused, View | Act> = Effect.fnUntraced(
  function* (request, link, layer3, answer) {
    const { ifName } = request.key;
    const ips = (answer.ips ?? []).map((ip): ResultIp => ({ ...ip, interface: 0 }));
    const result = resultOf(request, link, layer3, { ...answer, ips });
    if (layer3.announce) yield* announce(ifName, ips);
    yield* configureInterface(ifName, result, { dad: true, wait: layer3.carrier ?? true });
    return result;
  },
);

/** The kernel itself says to the neighbours whose the addresses are, when the interface goes up. */
const announce = Effect.fnUntraced(function* (ifName: string, ips: readonly ResultIp[]) {
  const set = (key: string) => preferSysctl({ on: "container", key, value: "1" });
  yield* set(`net/ipv4/conf/${ifName}/arp_notify`);
  if (ips.some(({ address }) => family(address) === 6)) yield* set(`net/ipv6/conf/${ifName}/ndisc_notify`);
});

/** The result of ADD; of an interface that the kernel does not show there is no MAC address. */
export const resultOf = (
  { key, netns, cniVersion }: Request<unknown>,
  { mac }: Partial<Interface>,
  layer3: Layer3,
  { ips, routes = [], dns: theirs }: Answer,
): CniResult => {
  const dns = layer3.dns ?? theirs;
  return {
    cniVersion,
    interfaces: [{ name: key.ifName, ...(mac === undefined ? {} : { mac }), sandbox: netns?.path ?? "" }],
    ...(ips === undefined ? {} : { ips }),
    ...(routes.length === 0 ? {} : { routes }),
    ...(dns === undefined ? {} : { dns }),
  };
};
