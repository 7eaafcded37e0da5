/** Making and deleting links. */
import { MAX_IF_NAME_BYTES } from "../../../spec/names.ts";
import type { CreatedLink } from "../host.ts";
import { type KernelOp, otherSideOf, type Side, type TapKind, type VrfKind } from "../op.ts";
import { applyMaster, applyMtu, applyUp, checkMac, checkMaster, checkMtu, followPorts } from "./link_set.ts";
import { refuse } from "./refusal.ts";
import { checkOver, isOver, makeOver } from "./links_over.ts";
import { addVrfRule } from "./rules.ts";
import {
  ETHERNET_MTU,
  IFB_TX_QUEUE_LEN,
  newMac,
  portsOf,
  putLink,
  type SimLink,
  type SimNetns,
  type SimWorld,
} from "./state.ts";

type Create = Extract<KernelOp, { readonly op: "link.create" }>;
type CreateVeth = Create & { readonly link: { readonly kind: "veth" } };

/** Finds the namespace of a side; refuses with ENOENT when the container's is gone. */
export type SideOf = (on: Side) => SimNetns;

const checkName = (netns: SimNetns, name: string): void => {
  if (new TextEncoder().encode(name).length > MAX_IF_NAME_BYTES) refuse("ERANGE", "Attribute failed policy validation");
  if (name === "" || name === "." || name === ".." || /[/:\s]/.test(name)) refuse("EINVAL");
  if (netns.links.has(name)) refuse("EEXIST");
};

const optional = <T>(value: T | undefined, check: (value: T) => unknown): void => {
  if (value !== undefined) check(value);
};

const isVeth = (op: Create): op is CreateVeth => op.link.kind === "veth";

const makeVeth = (world: SimWorld, op: CreateVeth, near: SimNetns, far: SimNetns): SimLink => {
  const { peer } = op.link;
  const make = (netns: SimNetns, { name, mac, mtu = ETHERNET_MTU }: { name: string; mac?: string; mtu?: number }) =>
    putLink({ name, kind: "veth", netns, mac: mac === undefined ? newMac(world) : checkMac(mac), mtu });
  const farLink = make(far, peer);
  const nearLink = make(near, op);
  nearLink.peer = farLink;
  farLink.peer = nearLink;
  return nearLink;
};

const makeBridge = (world: SimWorld, op: Create, netns: SimNetns, vlanFiltering: boolean): SimLink => {
  const chosen = op.mac !== undefined;
  const bridge = putLink({
    name: op.name,
    kind: "bridge",
    netns,
    mac: chosen ? checkMac(op.mac) : newMac(world),
    macChosen: chosen,
    portsCounted: chosen,
    mtu: op.mtu ?? ETHERNET_MTU,
    vlanFiltering,
  });
  bridge.vlans.set(1, { pvid: true, untagged: true });
  return bridge;
};

const checkTable = ({ table, alone }: VrfKind, { links }: SimNetns): void => {
  if (table === 0) refuse("EINVAL", "Invalid VRF table id");
  if (alone === true && [...links.values()].some(({ vrfTable }) => vrfTable === table)) refuse("EEXIST");
};

/** A veth's driver refuses the MTU of either end before the names are looked at, a bridge's device after. */
const checkCreate = (world: SimWorld, op: Create, near: SimNetns, far: SimNetns): void => {
  optional(op.mac, checkMac);
  if (isVeth(op)) {
    const { peer } = op.link;
    for (const mtu of [op.mtu, peer.mtu]) optional(mtu, (bytes) => checkMtu(bytes, "veth"));
    optional(peer.mac, checkMac);
    checkName(near, op.name);
    if (far === near && peer.name === op.name) refuse("EEXIST");
    return checkName(far, peer.name);
  }
  // The parent is asked for by its index, which must be known first.
  if (isOver(op) && !far.links.has(op.link.parent.name)) refuse("ENODEV");
  checkName(near, op.name);
  if (world.facts.missing.has(op.link.kind)) refuse("EOPNOTSUPP", "Unknown device type");
  if (isOver(op)) return checkOver(op, far);
  optional(op.mtu, (mtu) => checkMtu(mtu, op.link.kind));
  if (op.link.kind === "vrf") checkTable(op.link, near);
  const filters = op.link.kind === "bridge" && op.link.vlanFiltering === true;
  if (filters && !world.facts.vlanFiltering) refuse("EOPNOTSUPP");
};

const makeTap = (world: SimWorld, { name, mac, mtu }: Create, { multiQueue, owner, group }: TapKind, netns: SimNetns) =>
  putLink({
    name,
    kind: "tap",
    netns,
    mac: mac === undefined ? newMac(world) : checkMac(mac),
    mtu: mtu ?? ETHERNET_MTU,
    tap: { multiQueue: multiQueue === true, owner: owner ?? null, group: group ?? null },
  });

/** A link that ends in the kernel. */
const makeAlone = (world: SimWorld, kind: "dummy" | "ifb", { name, mac, mtu }: Create, netns: SimNetns): SimLink =>
  putLink({
    name,
    kind,
    ...(kind === "ifb" ? { txQueueLen: IFB_TX_QUEUE_LEN } : {}),
    netns,
    mac: mac === undefined ? newMac(world) : checkMac(mac),
    mtu: mtu ?? ETHERNET_MTU,
  });

/** IP6_MAX_MTU (net/ipv6.h) in bytes, which VRFs have, and the MTU that they must have at least: IPv6's. */
const VRF_MTU = 65_575;

const makeVrf = (world: SimWorld, { name, mac, mtu }: Create, netns: SimNetns, vrfTable: number): SimLink => {
  addVrfRule(netns);
  return putLink({ name, kind: "vrf", netns, mac: mac ?? newMac(world), mtu: mtu ?? VRF_MTU, vrfTable });
};

const make = (world: SimWorld, op: Create, near: SimNetns, far: SimNetns): SimLink => {
  if (isVeth(op)) return makeVeth(world, op, near, far);
  if (isOver(op)) return makeOver(world, op, near, far);
  if (op.link.kind === "vrf") return makeVrf(world, op, near, op.link.table);
  if (op.link.kind === "tap") return makeTap(world, op, op.link, near);
  if (op.link.kind === "dummy" || op.link.kind === "ifb") return makeAlone(world, op.link.kind, op, near);
  return makeBridge(world, op, near, op.link.kind === "bridge" && op.link.vlanFiltering === true);
};

/** Makes a link, and the other end of a veth pair in its own namespace. EEXIST when either name is taken. */
export const createLink = (world: SimWorld, op: Create, sideOf: SideOf): CreatedLink => {
  const near = sideOf(op.on);
  const there = op.join === undefined ? undefined : near.links.get(op.name);
  if (there?.kind === "vrf" && op.link.kind === "vrf" && there.vrfTable === op.link.table) {
    return { index: there.index, mac: there.mac };
  }
  const far = sideOf(otherSideOf(op));
  const master = op.master === undefined ? null : near.links.get(op.master) ?? refuse("ENODEV");
  checkCreate(world, op, near, far);
  if (master !== null) checkMaster({ kind: op.link.kind, name: op.name }, master);
  const link = make(world, op, near, far);
  for (const made of [link, link.peer]) if (made !== null) applyMtu(made, made.mtu);
  if (op.up === true) applyUp(link, true);
  if (master !== null) applyMaster(link, master);
  const answer = { index: link.index, mac: link.mac };
  return link.peer === null ? answer : { ...answer, peer: { index: link.peer.index, mac: link.peer.mac } };
};

const takeAway = (link: SimLink): void => {
  const { netns, master } = link;
  netns.links.delete(link.name);
  link.over?.parent.uppers.delete(link);
  netns.routes = netns.routes.filter((route) => route.link !== link);
  if (master === null) return;
  master.portsCounted = true;
  followPorts(master);
};

/** Deletes a link with all that stands on it, and the other end of a veth pair. EOPNOTSUPP for lo. */
export const deleteLink = (link: SimLink): void => {
  if (link.kind === null) refuse("EOPNOTSUPP");
  for (const gone of link.peer === null ? [link] : [link, link.peer]) {
    for (const upper of gone.uppers) deleteLink(upper);
    for (const port of portsOf(gone)) applyMaster(port, null);
    takeAway(gone);
  }
};

/** Deletes a link, or leaves alone one that is in use or has become somebody else's, see `link.delete`. */
export const deleteUnlessUsed = (
  link: SimLink,
  whileUnused: { readonly aliases: readonly string[] } | undefined,
): void => {
  if (whileUnused !== undefined && (!whileUnused.aliases.includes(link.alias) || portsOf(link).length > 0)) return;
  deleteLink(link);
};
