/** The routes of a pair: the container sends everything to its gateway, the host sends to the address over the pair. Pure. */
import type { Op } from "../../effects/kernel/op.ts";
import { addressOf, bitsOf, family, formatCidr, networkOf, toCidr } from "../../spec/cidr.ts";
import { IPV6_ADDRESS_METRIC, SCOPE_HOST, SCOPE_LINK } from "../../spec/routing.ts";
import type { Leg } from "./plan.ts";

type RouteAdd = Extract<Op, { op: "route.add" }>;
type RouteRemove = Extract<Op, { op: "route.remove" }>;

/** A single address as a prefix: 10.1.0.1/32, fd01::1/128. */
export const single = (ip: string): string => `${ip}/${bitsOf(family(ip))}`;

/** The first of those with the same key. */
const firstBy = <A>(things: readonly A[], keyOf: (thing: A) => string): readonly A[] =>
  [
    ...new Map(things.map((thing) => [keyOf(thing), thing] as const).toReversed()).values(),
  ].toReversed();

/** Addresses that are not alone in their networks. */
const withNetwork = (legs: readonly Leg[]): readonly Leg[] =>
  legs.filter(({ address }) => toCidr(address).prefix < bitsOf(family(address)));

const network = ({ address }: Leg): string => formatCidr(networkOf(address));

/** The addresses of the host end: one for each gateway. */
export const gatewaysOf = (legs: readonly Leg[]): readonly string[] => [
  ...new Set(legs.map(({ gateway }) => single(gateway))),
];

/** The host's routes to the container's addresses. */
export const hostRoutes = (link: string, legs: readonly Leg[]): readonly RouteAdd[] =>
  firstBy(legs, ({ address }) => addressOf(address)).map(({ address }) => ({
    op: "route.add",
    on: "host",
    link,
    dst: single(addressOf(address)),
    scope: SCOPE_HOST,
  }));

/** The container's routes to its gateways, which are on the link wherever their addresses lie. */
export const gatewayRoutes = (link: string, legs: readonly Leg[]): readonly RouteAdd[] =>
  firstBy(legs, ({ gateway }) => gateway).map(({ address, gateway }) => ({
    op: "route.add",
    on: "container",
    link,
    dst: single(gateway),
    scope: SCOPE_LINK,
    src: addressOf(address),
  }));

/** Removes what says that the neighbours are on the link: nobody is there but the host. */
export const connectedRoutes = (link: string, legs: readonly Leg[]): readonly RouteRemove[] =>
  firstBy(withNetwork(legs), network).map((leg) => ({
    op: "route.remove",
    on: "container",
    link,
    dst: network(leg),
    ...(family(leg.address) === 6 ? { metric: IPV6_ADDRESS_METRIC } : { scope: SCOPE_LINK }),
    byKernel: true,
  }));

/** The container's routes to its neighbours, by the gateway. */
export const networkRoutes = (link: string, legs: readonly Leg[]): readonly RouteAdd[] =>
  firstBy(withNetwork(legs), network).map((leg) => ({
    op: "route.add",
    on: "container",
    link,
    dst: network(leg),
    gw: leg.gateway,
    src: addressOf(leg.address),
  }));
