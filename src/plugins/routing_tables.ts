/** Numbers of routing tables that nobody uses, and the routes that plugins may take from one table to another. */
import * as Effect from "effect/Effect";
import type { HostError, PolicyRule, Route } from "../effects/kernel/host.ts";
import type { Op } from "../effects/kernel/op.ts";
import { View } from "../engine/view.ts";
import { isKernelTable, MAIN_TABLE, routeKeys } from "../spec/routing.ts";

type RouteAdd = Extract<Op, { op: "route.add" }>;
type RouteRemove = Extract<Op, { op: "route.remove" }>;

/** RTPROT_REDIRECT and RTPROT_RA (linux/rtnetlink.h): routers have announced these routes, and the kernel renews them. */
const ANNOUNCED: ReadonlySet<number | undefined> = new Set([1, 9]);

const FAMILIES = [4, 6] as const;

/** The tables of the container's namespace that a route, a rule or a VRF uses. */
export const usedTables: Effect.Effect<ReadonlySet<number>, HostError, View> = Effect.gen(function* () {
  const { host } = yield* View;
  const used = new Set<number>();
  for (const family of FAMILIES) {
    for (const { table } of yield* host.routes("container", family)) used.add(table);
    for (const { table } of yield* host.policyRules("container", family)) used.add(table);
  }
  for (const { vrfTable } of yield* host.links("container")) if (vrfTable !== undefined) used.add(vrfTable);
  return used;
});

/** The lowest `count` numbers from `first` on of tables that nobody uses, and that are none of the kernel's. */
export const freeTables = (used: ReadonlySet<number>, first: number, count: number): readonly number[] => {
  const free: number[] = [];
  for (let table = first; free.length < count; table++) if (!used.has(table) && !isKernelTable(table)) free.push(table);
  return free;
};

/** The priority that comes before all rules but the first, which is the kernel's own (fib_default_rule_pref). */
export const nextPriority = ([, second]: readonly PolicyRule[]): number =>
  Math.max(1, (second?.priority ?? 0x8000) - 1);

/**
 * Whether a plugin can take the route away and make it again: it is no link-local one, which the kernel makes, none that a
 * router has announced, and none of several next hops that come and go together.
 */
export const isMovable = ({ dst, protocol, multipath }: Route): boolean =>
  !/^fe[89ab]/.test(dst) && !ANNOUNCED.has(protocol) && multipath !== true;

/** The routes of the container over a link, of both families; of one table, or of all. */
export const routesOver = Effect.fnUntraced(function* (link: string, table?: number) {
  const { host } = yield* View;
  const routes: Route[] = [];
  for (const family of FAMILIES) routes.push(...yield* host.routes("container", family, table));
  return routes.filter((route) => route.link === link);
});

const keysIn = (route: Route, table: number) => {
  const { table: _, ...keys } = routeKeys(route);
  return { ...keys, ...(table === MAIN_TABLE ? {} : { table }) };
};

/** The same route in this table. */
export const addTo = (table: number, link: string, route: Route): RouteAdd => ({
  op: "route.add",
  on: "container",
  link,
  ...keysIn(route, table),
});

/** Takes the route out of its table. */
export const takeOut = (link: string, route: Route): RouteRemove => ({
  op: "route.remove",
  on: "container",
  link,
  ...keysIn(route, route.table),
});

/** Routes to what is on the link first: others may lead over them. */
export const nearFirst = (routes: readonly Route[]): readonly Route[] => [
  ...routes.filter(({ gw }) => gw === null),
  ...routes.filter(({ gw }) => gw !== null),
];
