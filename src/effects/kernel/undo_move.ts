/** What gives a link back that is taken to another namespace: it loses there all that it has. */
import * as Effect from "effect/Effect";
import { BY_ROUTER, routeKeys } from "../../spec/routing.ts";
import type { Address, HostError, HostView } from "./host.ts";
import type { Op, Side } from "./op.ts";
import { canonicalPrefix } from "./same.ts";

/** Routes over a link that its addresses do not bring by themselves. */
const ownRoutes = Effect.fnUntraced(function* (on: Side, name: string, addresses: readonly string[], view: HostView) {
  const connected = new Set(addresses.map(canonicalPrefix));
  const found = [...(yield* view.routes(on, 4)), ...(yield* view.routes(on, 6))];
  return found.filter(({ link, dst, gw, protocol }) =>
    link === name && !isLinkLocal(dst) && protocol !== BY_ROUTER && (gw !== null || !connected.has(dst))
  ).map(routeKeys);
});

const isLinkLocal = (address: string): boolean => /^fe[89ab]/.test(address);

/** What a router has advertised: it comes again when the link is up, and for ever it would outlive the router's word. */
const isByRouter = ({ address, lifetime }: Address): boolean => lifetime !== undefined && address.includes(":");

/** `link.return` with all that the link has now; null where there is none. */
export const undoMove: (
  op: Extract<Op, { readonly op: "link.move" }>,
  view: HostView,
) => Effect.Effect<Op | null, HostError> = Effect.fnUntraced(function* ({ on, name, to, link }, view) {
  const found = yield* view.link(on, name);
  if (found === null) return null;
  const { up, mtu, mac, promisc, allmulti, txQueueLen, alias = "" } = found;
  const master = found.master === null ? null : yield* view.linkByIndex(on, found.master);
  const there = (yield* view.addresses(on, name)).filter(({ address }) => !isLinkLocal(address));
  const addresses = there.filter((each) => !isByRouter(each)).map(({ address }) => address);
  const set = {
    up,
    mtu,
    mac,
    promisc,
    allmulti,
    txQueueLen,
    alias,
    ...(master === null ? {} : { master: master.name }),
  };
  const was = { set, addresses, routes: yield* ownRoutes(on, name, there.map(({ address }) => address), view) };
  return { op: "link.return" as const, on, name, from: to, link, was };
});
