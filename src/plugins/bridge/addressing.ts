/** What the bridge plugin adds to the answer of its IPAM plugin: gateways and default routes. Pure. */
import { family, formatIp, isDefaultRoute, networkOf, next } from "../../spec/cidr.ts";
import type { CniResult, ResultIp, ResultRoute } from "../../spec/result.ts";
import type { BridgePlan } from "./plan.ts";

/** Where the container end stands among the interfaces of the result: after the bridge and the host end. */
export const CONTAINER_INDEX = 2;

/** Addresses and routes as they go onto the interface and into the result. */
export interface Addressing {
  readonly ips: readonly ResultIp[];
  readonly routes: readonly ResultRoute[];
}

/** Completes the answer of IPAM for the plan. */
export function addressing(plan: BridgePlan, { ips = [], routes = [] }: CniResult): Addressing {
  const complete = ips.map((ip) => withGateway(plan, ip));
  return {
    ips: complete,
    routes: plan.isDefaultGateway ? [...routes, ...defaultRoutes(complete, routes)] : routes,
  };
}

/** Without a word from IPAM, the gateway is the first address after the network's own. */
function withGateway({ isGateway }: BridgePlan, ip: ResultIp): ResultIp {
  const first = isGateway && ip.gateway === undefined ? next(networkOf(ip.address).ip) : null;
  return { ...ip, ...(first === null ? {} : { gateway: formatIp(first) }), interface: CONTAINER_INDEX };
}

/**
 * One default route per family that IPAM gave none, through the first gateway. A default route without a next hop is one
 * as well: it will take the same gateway, and the kernel refuses the same route twice.
 */
function defaultRoutes(ips: readonly ResultIp[], routes: readonly ResultRoute[]): readonly ResultRoute[] {
  return ([4, 6] as const).flatMap((version) => {
    const gw = ips.find(({ address, gateway }) => gateway !== undefined && family(address) === version)?.gateway;
    const has = routes.some(({ dst }) => isDefaultRoute(dst) && family(dst) === version);
    return gw === undefined || has ? [] : [{ dst: version === 4 ? "0.0.0.0/0" : "::/0", gw }];
  });
}
