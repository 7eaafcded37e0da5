/** Carrying out one op in the simulated kernel. */
import { parseMac } from "../../../spec/mac.ts";
import { parseIp } from "../../../spec/cidr.ts";
import type { CreatedLink } from "../host.ts";
import type { KernelOp } from "../op.ts";
import { canonicalIp } from "../same.ts";
import { addAddress, removeAddress } from "./addresses.ts";
import { addToZone, removeFromZone } from "./firewalld.ts";
import { closeForward, deleteIptables, openForward } from "./iptables.ts";
import { settle } from "./ipv6.ts";
import { hasIpv6, ipv6Disabled } from "./ipv6_state.ts";
import { setLink, setPort } from "./link_set.ts";
import { createLink, deleteUnlessUsed, type SideOf } from "./links.ts";
import { moveLink, returnLink } from "./links_move.ts";
import { followParents } from "./links_over.ts";
import { applyNft } from "./nft.ts";
import { refuse } from "./refusal.ts";
import { addRoute, removeRoute } from "./routes.ts";
import { addRule, removeRule } from "./rules.ts";
import type { SimLink, SimNetns, SimWorld } from "./state.ts";
import { writeSysctl } from "./sysctl.ts";
import { addClass, addFilter, addQdisc, deleteQdisc } from "./tc.ts";
import { addVlans, deleteVlans } from "./vlans.ts";

type Of<Name extends KernelOp["op"]> = Extract<KernelOp, { readonly op: Name }>;
type LinkOp = Of<"link.set" | "link.delete" | "port.set" | "vlan.add" | "vlan.delete">;
type OverLinkOp = Of<
  | "address.add"
  | "address.remove"
  | "route.add"
  | "route.remove"
  | "neighbour.add"
  | "neighbour.remove"
  | "qdisc.add"
  | "qdisc.delete"
  | "class.add"
  | "filter.add"
>;

const linkOf = (netns: SimNetns, name: string): SimLink => netns.links.get(name) ?? refuse("ENODEV");

const onLink = (world: SimWorld, link: SimLink, op: LinkOp): void => {
  switch (op.op) {
    case "link.set":
      return setLink(link, op.set);
    case "link.delete":
      return deleteUnlessUsed(link, op.whileUnused);
    case "port.set":
      return setPort(link, op.set);
    case "vlan.add":
      return addVlans(world, link, op.vlans);
    case "vlan.delete":
      return deleteVlans(world, link, op.vlans);
    default:
      return op satisfies never;
  }
};

const addNeighbour = (link: SimLink, op: Of<"neighbour.add">): void => {
  const family = parseIp(op.ip)?.family ?? refuse("EINVAL");
  if (family === 6 && (!hasIpv6(link) || ipv6Disabled(link))) refuse("EINVAL", "IPv6 is disabled on this device");
  const mac = parseMac(op.mac) ?? refuse("EINVAL");
  const ip = canonicalIp(op.ip);
  if (link.neighbours.has(ip)) refuse("EEXIST");
  link.neighbours.set(ip, mac);
};

const removeNeighbour = (link: SimLink, op: Of<"neighbour.remove">): void => {
  if (!link.neighbours.delete(canonicalIp(op.ip))) refuse("ENOENT");
};

const overLink = (link: SimLink, op: OverLinkOp): void => {
  switch (op.op) {
    case "address.add":
      return addAddress(link, op);
    case "address.remove":
      return removeAddress(link, op);
    case "route.add":
      return addRoute(link, op);
    case "route.remove":
      return removeRoute(link, op);
    case "neighbour.add":
      return addNeighbour(link, op);
    case "neighbour.remove":
      return removeNeighbour(link, op);
    case "qdisc.add":
      return addQdisc(link, op);
    case "qdisc.delete":
      return deleteQdisc(link, op);
    case "class.add":
      return addClass(link, op);
    case "filter.add":
      return addFilter(link, op);
    default:
      return op satisfies never;
  }
};

const run = (world: SimWorld, sideOf: SideOf, op: KernelOp): CreatedLink | undefined => {
  const netns = sideOf(op.on);
  switch (op.op) {
    case "link.create":
      return createLink(world, op, sideOf);
    case "sysctl.write":
      return void writeSysctl(netns, op.key, op.value);
    case "nft.apply":
      return void applyNft(netns, op.commands);
    case "iptables.delete":
      return void deleteIptables(netns, op);
    case "iptables.open":
      return void openForward(netns, op);
    case "iptables.close":
      return void closeForward(netns, op);
    case "firewalld.add":
      return void addToZone(netns, op);
    case "firewalld.remove":
      return void removeFromZone(netns, op);
    case "rule.add":
      return void addRule(netns, op);
    case "rule.remove":
      return void removeRule(netns, op);
    case "conntrack.flush":
      // No packet ever passes here, so there is no connection to forget.
      return undefined;
    case "link.move":
      return void moveLink(linkOf(netns, op.name), op, sideOf(op.to.on));
    case "link.return":
      return void returnLink(op, netns, sideOf);
    case "link.set":
    case "link.delete":
    case "port.set":
    case "vlan.add":
    case "vlan.delete":
      return void onLink(world, linkOf(netns, op.name), op);
    default:
      return void overLink(linkOf(netns, op.link), op);
  }
};

/**
 * Carries out one op; throws `Refusal`, and then nothing was changed, except by a `link.set` of several settings. `link.create`
 * answers the new link.
 */
export const applyOp = (world: SimWorld, sideOf: SideOf, op: KernelOp): CreatedLink | undefined => {
  try {
    return run(world, sideOf, op);
  } finally {
    followParents(world);
    settle(world);
  }
};
