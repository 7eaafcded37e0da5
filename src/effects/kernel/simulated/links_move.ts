/** Taking a link to another namespace, and giving it back. */
import { isSameLink, pickLink } from "../link_identity.ts";
import type { KernelOp, LinkIdentity, LinkState } from "../op.ts";
import { addAddress } from "./addresses.ts";
import { applyMaster, applyUp, setLink } from "./link_set.ts";
import type { SideOf } from "./links.ts";
import { showLink } from "./look.ts";
import { Refusal, refuse } from "./refusal.ts";
import { addRoute } from "./routes.ts";
import { newIndex, type SimLink, type SimNetns } from "./state.ts";
import { sysctlDefaults } from "./sysctl_defaults.ts";

type Move = Extract<KernelOp, { readonly op: "link.move" }>;
type Return = Extract<KernelOp, { readonly op: "link.return" }>;

/** All that a link loses with its namespace (dev_change_net_namespace, net/core/dev.c): it keeps MTU, MAC and alias. */
const enter = (link: SimLink, netns: SimNetns, name: string): void => {
  if (link.master !== null) applyMaster(link, null);
  applyUp(link, false);
  link.addresses = [];
  link.neighbours.clear();
  link.qdiscs.clear();
  link.netns.links.delete(link.name);
  if ([...netns.links.values()].some(({ index }) => index === link.index)) link.index = newIndex(netns);
  link.name = name;
  link.netns = netns;
  link.sysctls = sysctlDefaults(netns.sysctls);
  netns.links.set(name, link);
};

/** lo and bridges stay where they were made. */
const checkMovable = (link: SimLink): void => {
  if (link.name === "lo" || link.kind === "bridge") refuse("EINVAL", "The interface netns is immutable");
};

/** EEXIST when the name is taken there. */
export const moveLink = (link: SimLink, op: Move, far: SimNetns): void => {
  if (far.links.has(op.to.name)) refuse("EEXIST");
  checkMovable(link);
  enter(link, far, op.to.name);
  if (op.alias !== undefined) link.alias = op.alias;
};

/** What becomes of hardware when its namespace ends: it goes to the host, under a name that is free there. */
export const fallBack = (link: SimLink, host: SimNetns): void =>
  enter(link, host, host.links.has(link.name) ? `dev${link.index}` : link.name);

const unlessRefused = (act: () => void): void => {
  try {
    act();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
};

const restore = (
  link: SimLink,
  { set: { up, master, ...set }, addresses, routes }: LinkState,
  on: "host" | "container",
) => {
  setLink(link, set);
  if (master !== undefined) unlessRefused(() => setLink(link, { master }));
  for (const address of addresses) {
    unlessRefused(() => addAddress(link, { op: "address.add", on, link: link.name, address, noDad: true }));
  }
  if (up !== true) return;
  applyUp(link, true);
  for (const route of routes) unlessRefused(() => addRoute(link, { op: "route.add", on, link: link.name, ...route }));
};

const findIn = ({ links }: SimNetns, known: LinkIdentity, first: string): SimLink | null => {
  const found = pickLink([...links.values()].map((link) => showLink(link)), known, first);
  return found === null ? null : links.get(found.name) ?? null;
};

const showIdentity = (link: SimLink): LinkIdentity => showLink(link);

/** The namespace of a side, or null where it is gone. */
const perhaps = (sideOf: SideOf, on: "host" | "container"): SimNetns | null => {
  try {
    return sideOf(on);
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
};

/** See `link.return`. */
export const returnLink = (op: Return, home: SimNetns, sideOf: SideOf): void => {
  const there = home.links.get(op.name);
  if (there !== undefined && isSameLink(showIdentity(there), op.link)) {
    if (!there.up) restore(there, op.was, op.on);
    return;
  }
  const far = perhaps(sideOf, op.from.on);
  const away = far === null ? null : findIn(far, op.link, op.from.name);
  const found = away ?? (op.link.device === undefined ? null : findIn(home, op.link, op.from.name)) ?? refuse("ENODEV");
  if (there !== undefined) refuse("EEXIST", `a link of the name "${op.name}" is on the host already`);
  enter(found, home, op.name);
  restore(found, op.was, op.on);
};
