/** Putting what an IPAM plugin decided on a container's interface: IPv6 on, addresses, link up, routes. */
import * as Effect from "effect/Effect";
import type { Op } from "../effects/kernel/op.ts";
import { type Act, perform } from "../engine/act.ts";
import type { EffectError } from "../engine/plugin.ts";
import { View } from "../engine/view.ts";
import { addressOf, contains, family, formatCidr, formatIp, networkOf, sameFamily } from "../spec/cidr.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import type { CniResult, ResultIp, ResultRoute } from "../spec/result.ts";
import { SCOPE_LINK } from "../spec/routing.ts";
import { ensureSysctl } from "./ensure.ts";

/** How long ADD waits for duplicate address detection, in milliseconds; as long as Go's plugins do. */
export const DAD_TIMEOUT_MS = 5_000;

/** What `configureInterface` applies: `ips` that name another interface of the result are refused. */
type Addressing = Pick<CniResult, "interfaces" | "ips" | "routes">;

/** How IPv6 addresses are taken into use. */
interface Dad {
  /** Whether the network is asked first whether somebody has them. */
  readonly dad: boolean;
  /** False where ADD is over before anybody can be asked, since the link has no carrier until then; default true. */
  readonly wait?: boolean;
}

/**
 * Configures a container link of this stream. Without `dad`, IPv6 addresses are usable at once; with it, ADD waits until
 * the network has not objected to them. Ends with `Refused` when the result does not fit the interface or an address
 * is in use.
 */
export const configureInterface: (
  ifName: string,
  result: Addressing,
  options: Dad,
) => Effect.Effect<void, EffectError | Refused, View | Act> = Effect.fnUntraced(
  function* (ifName, result, { dad, wait = true }) {
    const ips = yield* addressesOf(ifName, result);
    const hasIpv6 = ips.some(({ address }) => family(address) === 6);
    if (hasIpv6) yield* enableIpv6(ifName);
    for (const { address } of ips) {
      const skipDad = !dad && family(address) === 6;
      yield* perform({
        op: "address.add",
        on: "container",
        link: ifName,
        address,
        ...(skipDad ? { noDad: true } : {}),
      });
    }
    yield* perform({ op: "link.set", on: "container", name: ifName, set: { up: true } });
    if (hasIpv6 && dad && wait) yield* settleAddresses(ifName);
    for (const route of routeOps(ifName, ips, result.routes ?? [])) yield* perform(route);
  },
);

/** The addresses meant for this interface: those with its index. Ones without an index are somebody else's business. */
const addressesOf = (ifName: string, { interfaces = [], ips = [] }: Addressing) => {
  const own = ips.filter((ip) => ip.interface !== undefined);
  const stray = own.find((ip) => interfaces[ip.interface ?? -1]?.name !== ifName);
  if (stray === undefined) return Effect.succeed(own);
  return new Refused({
    code: CniCode.INTERNAL,
    msg: `Cannot put "${stray.address}" on "${ifName}": the result gives it to interface ${stray.interface}, ` +
      `which is ${interfaces[stray.interface ?? -1]?.name ?? "missing"}`,
  });
};

/** Container runtimes often start namespaces with IPv6 off; and addresses must survive the link going down. */
const enableIpv6 = Effect.fnUntraced(function* (ifName: string) {
  const view = yield* View;
  for (const link of ["lo", ifName]) {
    const key = `net/ipv6/conf/${link}/disable_ipv6`;
    const now = yield* view.host.sysctl("container", key);
    if (now !== null && now.trim() !== "0") yield* ensureSysctl({ on: "container", key, value: "0" });
  }
  yield* ensureSysctl({ on: "container", key: `net/ipv6/conf/${ifName}/keep_addr_on_down`, value: "1" });
});

const settleAddresses = Effect.fnUntraced(function* (ifName: string) {
  const view = yield* View;
  const end = yield* view.host.awaitDad("container", ifName, DAD_TIMEOUT_MS);
  if (end === "done") return;
  // A link without carrier cannot ask the network: that is no reason to fail, as nothing can be sent either.
  if (end === "timeout" && (yield* view.host.link("container", ifName))?.operState !== "up") return;
  return yield* new Refused({
    code: CniCode.RESOURCE_TAKEN,
    msg: `Cannot use the IPv6 addresses of "${ifName}": ` +
      (end === "failed"
        ? "another host on the network has one of them"
        : `duplicate address detection did not end within ${DAD_TIMEOUT_MS} ms`),
  });
});

type RouteAdd = Extract<Op, { op: "route.add" }>;

/**
 * The route ops of a result, without repetitions. A route without a next hop takes the first gateway among the addresses
 * of its family, unless its scope says that the destination is on the link.
 */
export function routeOps(
  ifName: string,
  ips: readonly ResultIp[],
  routes: readonly ResultRoute[],
): readonly RouteAdd[] {
  const ops = new Map<string, RouteAdd>();
  for (const route of routes) {
    const op = routeOp(ifName, route, nextHop(ips, route));
    ops.set(JSON.stringify(op), op);
  }
  return [...ops.values()];
}

const nextHop = (ips: readonly ResultIp[], { dst, gw, scope = 0 }: ResultRoute): string | undefined =>
  gw ??
    (scope >= SCOPE_LINK
      ? undefined
      : ips.find(({ address, gateway }) => gateway !== undefined && sameFamily(address, dst))?.gateway);

/** Go writes a route's numbers only when they are not 0, so 0 means that there is no wish. */
const routeOp = (ifName: string, route: ResultRoute, gw: string | undefined): RouteAdd => ({
  op: "route.add",
  on: "container",
  link: ifName,
  // The kernel refuses IPv4 destinations with host bits and clears those of IPv6 ones: the log names what there will be.
  dst: formatCidr(networkOf(route.dst)),
  ...(gw === undefined ? {} : { gw: formatIp(gw) }),
  ...(route.priority ? { metric: route.priority } : {}),
  ...(route.table ? { table: route.table } : {}),
  ...(route.scope === undefined ? {} : { scope: route.scope }),
  ...(route.mtu ? { mtu: route.mtu } : {}),
  ...(route.advmss ? { advmss: route.advmss } : {}),
});

/** Whether two prefixes have addresses in common. */
export const overlaps = (a: string, b: string): boolean => contains(a, addressOf(b)) || contains(b, addressOf(a));
