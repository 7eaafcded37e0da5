/** Which routes of an interface belong to which of its addresses. Pure. */
import type { Route } from "../../effects/kernel/host.ts";
import type { Op } from "../../effects/kernel/op.ts";
import { addressOf, bitsOf, contains, family, formatCidr, networkOf, toCidr } from "../../spec/cidr.ts";
import { BY_KERNEL, DEFAULT_IPV6_METRIC, SCOPE_LINK } from "../../spec/routing.ts";
import { addTo, isMovable, nearFirst, takeOut } from "../routing_tables.ts";
import type { Source } from "./config.ts";

type RouteAdd = Extract<Op, { op: "route.add" }>;
type RouteRemove = Extract<Op, { op: "route.remove" }>;

/** An interface as sbr finds it. */
export interface Interface {
  readonly name: string;
  /** Its addresses with their prefix lengths, but for link-local ones. */
  readonly addresses: readonly string[];
  /** Its routes in the main table. */
  readonly routes: readonly Route[];
}

/** What becomes of the routes of an interface. */
export interface RoutePlan {
  /** The routes of each source's table, in the order in which they can be made. */
  readonly tables: readonly { readonly source: Source; readonly into: (table: number) => readonly RouteAdd[] }[];
  /** Routes of the main table that are made for it to know the source by. */
  readonly hints: readonly RouteAdd[];
  /** What leaves the main table, in the order in which it can be given back backwards. */
  readonly removals: readonly RouteRemove[];
}

const network = (address: string): string => formatCidr(networkOf(address));

/** Whether the route leads to the address's network, or from it, or by a gateway in it. */
const isOf = (address: string, { dst, gw, src, protocol }: Route): boolean => {
  if (family(address) !== family(dst)) return false;
  if (protocol === BY_KERNEL) return dst === network(address);
  return (gw !== null && contains(address, gw)) || (src !== undefined && contains(address, src));
};

/** Whether the route belongs to the interface as a whole, so that every table of its family needs it. */
const isGeneral = (addresses: readonly string[], route: Route): boolean =>
  route.protocol !== BY_KERNEL && !addresses.some((address) => isOf(address, route));

/** Only an address that the link has can be a source. */
const isOn = ({ address }: Source, addresses: readonly string[]): boolean => addresses.includes(formatCidr(address));

/** Of IPv4 the kernel says the source in the routes to networks; a copy says the one that it is for. */
const copyOf = (source: Source, route: Route, addresses: readonly string[]): Route => {
  const { protocol, ...rest } = route;
  const { address } = source;
  return protocol === BY_KERNEL && source.family === 4 && isOn(source, addresses)
    ? { ...rest, src: addressOf(address) }
    : rest;
};

/** The route to everything by the source's gateway. */
const defaultOf = ({ family, gateway }: Source, link: string): readonly Route[] =>
  gateway === null ? [] : [{
    dst: family === 4 ? "0.0.0.0/0" : "::/0",
    gw: gateway,
    link,
    metric: family === 4 ? 0 : DEFAULT_IPV6_METRIC,
    table: 0,
    scope: 0,
    mtu: null,
    advmss: null,
  }];

const isRival = (a: Route, b: Route): boolean => a.dst === b.dst && a.metric === b.metric;

/**
 * What a table gets: the default route that is asked for, and of routes that the kernel would take for one the first. IPv6
 * ones with gateways can stand side by side, and the kernel takes turns with them.
 */
const withoutRivals = (wanted: readonly Route[], copies: readonly Route[]): readonly Route[] => [
  ...wanted,
  ...copies.filter((route, at) =>
    !wanted.some((other) => isRival(other, route)) &&
    ((family(route.dst) === 6 && route.gw !== null) || copies.findIndex((other) => isRival(other, route)) === at)
  ),
];

const hasNetwork = ({ address, family }: Source): boolean => toCidr(address).prefix < bitsOf(family);

/** Whether the route to the source's network says the source already: the kernel names the first address in it. */
const saysSource = ({ address, family }: Source, { addresses, routes }: Interface): boolean =>
  family === 4 && addresses.find((other) => network(other) === network(address)) === formatCidr(address) &&
  routes.some((route) => route.protocol === BY_KERNEL && route.dst === network(address));

const hintsOf = (sources: readonly Source[], link: Interface): readonly RouteAdd[] =>
  sources.filter((source, at) =>
    hasNetwork(source) && isOn(source, link.addresses) && !saysSource(source, link) &&
    sources.findIndex(({ address }) => network(address) === network(source.address)) === at
  ).map(({ address, family }) => ({
    op: "route.add",
    on: "container",
    link: link.name,
    dst: network(address),
    src: addressOf(address),
    ...(family === 4 ? { scope: SCOPE_LINK } : {}),
  }));

/**
 * Plans the tables of the sources. What belongs to none of them, such as the network of another address, stays where it
 * is; with `hints`, so do IPv4 routes to what is on the link.
 */
export const planRoutes = (sources: readonly Source[], link: Interface, hints: boolean): RoutePlan => {
  const movable = link.routes.filter(isMovable);
  const tables = sources.map((source) => {
    const own = movable.filter((route) =>
      family(route.dst) === source.family && (isOf(source.address, route) || isGeneral(link.addresses, route))
    );
    return { source, own };
  });
  const moved = nearFirst(movable.filter((route) => tables.some(({ own }) => own.includes(route))));
  const leaving = moved.filter(({ scope }) => !hints || scope < SCOPE_LINK);
  return {
    tables: tables.map(({ source, own }) => ({
      source,
      into: (table) => {
        const copies = own.map((route) => copyOf(source, route, link.addresses));
        const routes = withoutRivals(defaultOf(source, link.name), copies);
        return nearFirst(routes).map((route) => addTo(table, link.name, route));
      },
    })),
    hints: hints ? hintsOf(sources, link) : [],
    removals: leaving.toReversed().map((route) => takeOut(link.name, route)),
  };
};
