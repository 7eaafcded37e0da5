/** Taking an interface to another domain of routes with all that it has. Pure. */
import type { Address, Route } from "../../effects/kernel/host.ts";
import type { Op } from "../../effects/kernel/op.ts";
import { family } from "../../spec/cidr.ts";
import { addressKeys, BY_KERNEL, MAIN_TABLE } from "../../spec/routing.ts";
import { addTo, isMovable, nearFirst, takeOut } from "../routing_tables.ts";

/** What is done before the interface changes its domain, and after. */
export interface Move {
  readonly before: readonly Op[];
  readonly after: readonly Op[];
}

/** What an interface has. */
export interface Belongings {
  readonly addresses: readonly Address[];
  /** Its routes, of all tables. */
  readonly routes: readonly Route[];
}

/** The kernel keeps IPv4 addresses, and makes link-local ones anew. */
const isLost = ({ address, scope }: Address): boolean => family(address) === 6 && scope === 0;

/** One that the network has not objected to does not ask again: it is on the same link as before. */
const giveBack = (link: string, found: Address): Op => ({
  op: "address.add",
  on: "container",
  link,
  ...addressKeys(found),
  ...(found.tentative ? {} : { noDad: true }),
});

/**
 * The kernel sets a link down and up when it enters a VRF: its routes are gone then, but for those to its own networks, and
 * so are IPv6 addresses. They are taken away one by one before, so that each comes back with the undo, and given to it
 * again after. Routes of the main table go to that of the VRF, others back to their own.
 */
export const planMove = (link: string, table: number, { addresses, routes }: Belongings): Move => {
  const own = nearFirst(routes.filter((route) => isMovable(route) && route.protocol !== BY_KERNEL));
  const lost = addresses.filter(isLost);
  return {
    before: [
      ...own.toReversed().map((route) => takeOut(link, route)),
      ...lost.map(({ address }): Op => ({ op: "address.remove", on: "container", link, address })),
    ],
    after: [
      ...lost.toReversed().map((address) => giveBack(link, address)),
      ...own.map((route) => addTo(route.table === MAIN_TABLE ? table : route.table, link, route)),
    ],
  };
};
