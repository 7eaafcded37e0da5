/** What the simulated kernel shows of its things: the shapes of `host.ts`. */
import { formatCidr } from "../../../spec/cidr.ts";
import type { Address, Link, LinkFooting, Neighbour, Route } from "../host.ts";
import { BOOT } from "../../../spec/routing.ts";
import { operStateOf } from "./carrier.ts";
import type { SimAddress, SimLink, SimRoute } from "./state.ts";

/** A veth cannot filter by address: with macvlans that are up it hears everything (dev_uc_add, net/core/dev_addr_lists.c). */
const hearsForOthers = ({ kind, uppers }: SimLink): boolean =>
  kind === "veth" && [...uppers].some((upper) => upper.kind === "macvlan" && upper.up);

const showFooting = ({ netns, over }: SimLink): { readonly over?: LinkFooting } => {
  if (over === null) return {};
  const { parent, ...data } = over;
  return { over: { parent: parent.index, elsewhere: parent.netns !== netns, ...data } };
};

/** A link as RTM_NEWLINK describes it. A bridge puts its ports into promiscuous mode; that counts, but sets no flag. */
export const showLink = (link: SimLink): Link => ({
  index: link.index,
  name: link.name,
  kind: link.kind,
  mac: link.mac,
  mtu: link.mtu,
  txQueueLen: link.txQueueLen,
  up: link.up,
  operState: operStateOf(link),
  promisc: link.promisc,
  promiscuity: (link.promisc ? 1 : 0) + (link.master?.kind === "bridge" ? 1 : 0) + (hearsForOthers(link) ? 1 : 0),
  allmulti: link.allmulti,
  master: link.master?.index ?? null,
  peer: link.peer?.index ?? null,
  vlanFiltering: link.kind === "bridge" ? link.vlanFiltering : null,
  port: link.master?.kind !== "bridge" ? null : { hairpin: link.hairpin, isolated: link.isolated },
  ...(link.alias === "" ? {} : { alias: link.alias }),
  ...(link.device === null ? {} : { device: link.device }),
  ...(link.permanentMac === null ? {} : { permanentMac: link.permanentMac }),
  ...showFooting(link),
  ...(link.tap === null ? {} : { tap: link.tap }),
  ...(link.vrfTable === null ? {} : { vrfTable: link.vrfTable }),
});

/** An address as RTM_NEWADDR describes it. */
export const showAddress = (
  { family, ip, prefix, scope, noDad, noPrefixRoute, lifetime, tentative, dadFailed }: SimAddress,
): Address => ({
  address: formatCidr(`${ip}/${prefix}`),
  scope,
  tentative,
  dadFailed,
  ...(family === 6 && noDad ? { noDad } : {}),
  ...(noPrefixRoute ? { noPrefixRoute } : {}),
  ...(lifetime === null ? {} : { lifetime }),
});

/** A route as RTM_NEWROUTE describes it. */
export const showRoute = (route: SimRoute): Route => {
  const { dst, gw, link, metric, table, scope, mtu, advmss, src, protocol } = route;
  return {
    dst,
    gw,
    link: link.name,
    metric,
    table,
    scope,
    mtu,
    advmss,
    ...(src === null ? {} : { src }),
    ...(protocol === BOOT ? {} : { protocol }),
  };
};

/** The neighbour entries of a link. */
export const showNeighbours = (link: SimLink): readonly Neighbour[] =>
  [...link.neighbours].map(([ip, mac]) => ({ ip, mac, permanent: true }));
