/** ADD of the ptp plugin. */
import * as Effect from "effect/Effect";
import { ABSENT, type CreatedLink } from "../../effects/kernel/host.ts";
import { type Act, perform } from "../../engine/act.ts";
import type { EffectError, Request } from "../../engine/plugin.ts";
import type { View } from "../../engine/view.ts";
import { family } from "../../spec/cidr.ts";
import type { Refused } from "../../spec/failure.ts";
import type { CniResult, ResultInterface, ResultRoute } from "../../spec/result.ts";
import { orAlready, preferSysctl, PRESENT } from "../ensure.ts";
import { ensureForwarding, ignoreRouters, quietIpv6 } from "../forwarding.ts";
import { configureInterface, routeOps } from "../ipam.ts";
import { masquerade } from "../masquerade.ts";
import { hostVethName } from "../names.ts";
import { createVeth } from "../veth.ts";
import type { PtpConfig } from "./config.ts";
import { CONTAINER_INDEX, type Leg, legsOf, planPtp, type PtpPlan } from "./plan.ts";
import { connectedRoutes, gatewayRoutes, gatewaysOf, hostRoutes, networkRoutes } from "./routes.ts";

/** Attaches a container to the host by a pair of its own. */
export const add: (
  request: Request<PtpConfig>,
) => Effect.Effect<CniResult, EffectError | Refused, View | Act> = Effect.fnUntraced(function* (request) {
  const { key, cniVersion, raw } = request;
  const plan = yield* planPtp(request);
  const ipam = yield* perform({ op: "plugin.invoke", plugin: plan.ipam, command: "ADD", config: raw });
  const legs = yield* legsOf(plan, ipam);
  const { routes = [], dns: ipamDns } = ipam ?? {};
  yield* ensureForwarding(legs.map(({ address }) => family(address)));
  const hostVeth = yield* hostVethName(key);
  const pair = yield* createPair(plan, hostVeth, key.ifName);
  yield* setUpHost(hostVeth, legs);
  const interfaces = interfacesOf(request, plan, hostVeth, pair);
  yield* setUpContainer(key.ifName, interfaces, legs, routes);
  if (plan.ipMasq) {
    yield* masquerade({ key, network: key.network, addresses: legs.map(({ address }) => address) });
  }
  const dns = plan.dns ?? ipamDns;
  return {
    cniVersion,
    interfaces,
    ips: legs,
    ...(routes.length === 0 ? {} : { routes }),
    ...(dns === undefined ? {} : { dns }),
  };
});

const createPair = ({ mtu, mac }: PtpPlan, hostVeth: string, ifName: string) =>
  createVeth({
    hostVeth,
    ifName,
    ...(mtu === undefined ? {} : { mtu }),
    ...(mac === undefined ? {} : { mac }),
  });

const interfacesOf = (
  { key, netns }: Request<PtpConfig>,
  { mac }: PtpPlan,
  hostVeth: string,
  pair: CreatedLink,
): readonly ResultInterface[] => {
  const interfaces: ResultInterface[] = [{ name: hostVeth, mac: pair.mac }];
  interfaces[CONTAINER_INDEX] = { name: key.ifName, mac: pair.peer?.mac ?? mac ?? "", sandbox: netns?.path ?? "" };
  return interfaces;
};

const hasIpv6 = (legs: readonly Leg[]): boolean => legs.some(({ address }) => family(address) === 6);

/** The host end is the gateway before it is up: nothing passes it half configured. */
const setUpHost = Effect.fnUntraced(function* (hostVeth: string, legs: readonly Leg[]) {
  yield* ignoreRouters(hostVeth);
  if (hasIpv6(legs)) {
    yield* preferSysctl({ on: "host", key: `net/ipv6/conf/${hostVeth}/disable_ipv6`, value: "0" });
    yield* quietIpv6(hostVeth);
  }
  for (const address of gatewaysOf(legs)) {
    const noDad = family(address) === 6 ? { noDad: true } : {};
    yield* perform({ op: "address.add", on: "host", link: hostVeth, address, ...noDad });
  }
  yield* perform({ op: "link.set", on: "host", name: hostVeth, set: { up: true } });
  for (const route of hostRoutes(hostVeth, legs)) yield* orAlready(PRESENT)(perform(route));
});

/**
 * The routes to the gateways come first, since those of IPAM lead over them. The kernel's own ones to the neighbours stay
 * until then: a route may lead over another address that the host has.
 */
const setUpContainer = Effect.fnUntraced(
  function* (
    ifName: string,
    interfaces: readonly ResultInterface[],
    legs: readonly Leg[],
    routes: readonly ResultRoute[],
  ) {
    // Nobody but the host is on the link, so there is nobody to have a duplicate.
    if (hasIpv6(legs)) {
      yield* preferSysctl({ on: "container", key: `net/ipv6/conf/${ifName}/accept_dad`, value: "0" });
    }
    yield* configureInterface(ifName, { interfaces, ips: legs }, { dad: false });
    const first = [...gatewayRoutes(ifName, legs), ...routeOps(ifName, legs, routes)];
    for (const route of first) yield* orAlready(PRESENT)(perform(route));
    for (const route of connectedRoutes(ifName, legs)) yield* orAlready(ABSENT)(perform(route));
    for (const route of networkRoutes(ifName, legs)) yield* orAlready(PRESENT)(perform(route));
  },
);
