/** The whole simulated machine as one plain value, to compare before and after. */
import type { Json, JsonObject } from "../../../spec/json.ts";
import { BY_KERNEL } from "../../../spec/routing.ts";
import { showAddress, showLink, showNeighbours, showRoute } from "./look.ts";
import type { SimLink, SimNetns, SimTable, SimWorld } from "./state.ts";
import { dumpQdiscs } from "./tc.ts";
import { listVlans } from "./vlans.ts";

/** A copy with every key in order, of what JSON can hold; `undefined` is left out. */
const plain = (value: unknown): Json => {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return plain(Object.fromEntries(value));
  if (typeof value !== "object" || value === null) {
    return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;
  }
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(entries.toSorted(([a], [b]) => a < b ? -1 : 1).map(([key, inner]) => [key, plain(inner)]));
};

const sorted = (values: readonly Json[]): readonly Json[] =>
  values.map((value) => [JSON.stringify(value), value] as const).toSorted(([a], [b]) => a < b ? -1 : 1)
    .map(([, value]) => value);

/** Another link by where it is: indexes and order of making are no part of a dump. */
const otherName = (link: SimLink, other: SimLink | null | undefined): string | null =>
  other ? `${other.netns === link.netns ? "" : `${other.netns.path} `}${other.name}` : null;

const dumpLink = (world: SimWorld, link: SimLink): Json =>
  plain({
    ...showLink(link),
    // The name is the key, an index is no part of a dump, and promiscuity follows from the flag and the master.
    name: undefined,
    index: undefined,
    promiscuity: undefined,
    master: link.master?.name ?? null,
    peer: otherName(link, link.peer),
    over: link.over === null ? undefined : { ...link.over, parent: otherName(link, link.over.parent) },
    vlans: listVlans(world, link),
    qdiscs: dumpQdiscs(link),
    // Whether detection of duplicates has ended, or is needed at all, is a matter of time, not of who changed what.
    addresses: sorted(
      link.addresses.map((address) => plain({ ...showAddress(address), tentative: undefined, noDad: undefined })),
    ),
    neighbours: sorted(showNeighbours(link).map(plain)),
    sysctls: link.sysctls,
  });

const dumpTable = ({ comment, chains, sets }: SimTable): Json =>
  plain({
    comment,
    chains: Object.fromEntries([...chains].map(([name, chain]) => [name, chain])),
    sets: Object.fromEntries(
      [...sets].map(([name, set]) => [name, { ...set, elements: sorted([...set.elements.values()].map(plain)) }]),
    ),
  });

const dumpNetns = (world: SimWorld, netns: SimNetns): Json =>
  plain({
    links: Object.fromEntries([...netns.links.values()].map((link) => [link.name, dumpLink(world, link)])),
    routes: sorted(netns.routes.map((route) => plain(showRoute(route)))),
    // The kernel's own stay, whoever made them necessary.
    rules: sorted(netns.rules.filter(({ protocol }) => protocol !== BY_KERNEL).map(plain)),
    sysctls: netns.sysctls,
    iptables: netns.iptables,
    firewalld: netns.firewalld ?? undefined,
    tables: Object.fromEntries([...netns.tables].map(([name, table]) => [name, dumpTable(table)])),
  });

/** `{ host, netns: { <path>: … } }`, each with links, routes, sysctls that were changed, and nf_tables; keys in order. */
export const dumpWorld = (world: SimWorld): JsonObject => ({
  host: dumpNetns(world, world.host),
  netns: plain(new Map([...world.netns].map(([path, netns]) => [path, dumpNetns(world, netns)]))),
});
