/** Carries out ops. */
import type { CreatedLink } from "../host.ts";
import { type KernelOp, otherSideOf, type Side } from "../op.ts";
import { flushConntrack } from "./conntrack.ts";
import { addToZone, removeFromZone } from "./firewalld.ts";
import { deleteIptables } from "./iptables.ts";
import { closeForward, openForward } from "./iptables_forward.ts";
import { NetlinkFailure } from "./netlink/error.ts";
import type { OpenNetns } from "./netns.ts";
import { applyNft } from "./nftables/apply.ts";
import { addAddress, removeAddress } from "./rtnetlink/address.ts";
import { createLink, deleteLink, setLink } from "./rtnetlink/link.ts";
import { moveLink, returnLink } from "./rtnetlink/link_move.ts";
import { addNeighbour, removeNeighbour } from "./rtnetlink/neighbour.ts";
import { setPort } from "./rtnetlink/port.ts";
import { addRoute, removeRoute } from "./rtnetlink/route.ts";
import { addRule, removeRule } from "./rtnetlink/rule.ts";
import { addVlans, deleteVlans } from "./rtnetlink/vlan.ts";
import { writeSysctl } from "./sysctl.ts";
import { createTap } from "./tap.ts";
import { addClass } from "./tc/class.ts";
import { addFilter } from "./tc/filter.ts";
import { addQdisc, deleteQdisc } from "./tc/qdisc.ts";

/** The namespaces of an attachment; null for a container side that is not there. */
export type Sides = Readonly<Record<Side, OpenNetns | null>>;

/** The namespace of a side. Throws ENOENT for one that is gone, which an undo takes for done. */
export function sideOf(sides: Sides, on: Side): OpenNetns {
  const netns = sides[on];
  if (netns === null) throw new NetlinkFailure("ENOENT", "there is no such network namespace");
  return netns;
}

/** The ops that change links, what is on them, and how they queue, through a socket alone. */
function applyRoute({ route }: OpenNetns, op: KernelOp): void {
  switch (op.op) {
    case "link.set":
      return setLink(route, op.name, op.set);
    case "link.delete":
      return deleteLink(route, op);
    case "port.set":
      return setPort(route, op.name, op.set);
    case "vlan.add":
      return addVlans(route, op.name, op.vlans);
    case "vlan.delete":
      return deleteVlans(route, op.name, op.vlans);
    case "address.add":
      return addAddress(route, op);
    case "address.remove":
      return removeAddress(route, op);
    case "route.add":
      return addRoute(route, op);
    case "route.remove":
      return removeRoute(route, op);
    case "rule.add":
      return addRule(route, op);
    case "rule.remove":
      return removeRule(route, op);
    case "neighbour.add":
      return addNeighbour(route, op);
    case "neighbour.remove":
      return removeNeighbour(route, op);
    case "qdisc.add":
      return addQdisc(route, op);
    case "qdisc.delete":
      return deleteQdisc(route, op);
    case "class.add":
      return addClass(route, op);
    case "filter.add":
      return addFilter(route, op);
  }
}

function create(op: Extract<KernelOp, { op: "link.create" }>, near: OpenNetns, far: OpenNetns): CreatedLink {
  const { link } = op;
  return link.kind === "tap" ? createTap({ ...op, link }, near) : createLink({ ...op, link }, near, far);
}

/** Carries out one op. Throws `SystemError` or `HostError`. */
export function applyOp(sides: Sides, op: KernelOp): CreatedLink | undefined {
  const netns = sideOf(sides, op.on);
  switch (op.op) {
    case "link.create":
      return create(op, netns, sideOf(sides, otherSideOf(op)));
    case "link.move":
      moveLink(op, netns, sideOf(sides, op.to.on));
      return undefined;
    case "link.return":
      returnLink(op, netns, sides[op.from.on]);
      return undefined;
    case "sysctl.write":
      writeSysctl(netns, op.key, op.value);
      return undefined;
    case "nft.apply":
      applyNft(netns.netfilter, op.commands);
      return undefined;
    case "iptables.delete":
      deleteIptables(netns, op);
      return undefined;
    case "iptables.open":
      openForward(netns, op);
      return undefined;
    case "iptables.close":
      closeForward(netns, op);
      return undefined;
    case "firewalld.add":
      addToZone(netns, op);
      return undefined;
    case "firewalld.remove":
      removeFromZone(netns, op);
      return undefined;
    case "conntrack.flush":
      flushConntrack(netns.netfilter, op);
      return undefined;
    default:
      applyRoute(netns, op);
      return undefined;
  }
}
