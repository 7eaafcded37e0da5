/** Operational states (RFC 2863) of links that depend on each other. */
import { portsOf, type SimLink } from "./state.ts";

/** A link over another has carrier when that has, which a dummy always says (netif_stacked_transfer_operstate). */
const parentHasCarrier = (parent: SimLink): boolean => parent.kind === "dummy" || (parent.up && hasCarrier(parent));

/** Whether the link can pass packets: it is up, and so is what lies behind it. */
const hasCarrier = (link: SimLink): boolean => {
  if (link.kind === "veth") return link.peer?.up === true;
  if (link.kind === "tap") return false; // nobody ever opens it here
  if (link.over !== null) return parentHasCarrier(link.over.parent);
  if (link.kind === "bridge") return !link.portsCounted || portsOf(link).some((port) => port.up && hasCarrier(port));
  return true;
};

/**
 * Why a link has no carrier. The kernel looks for the link below by its index, but in the link's own namespace, where a
 * stranger may have it or nobody (default_operstate, net/core/link_watch.c).
 */
const withoutCarrier = (link: SimLink): string => {
  const lower = (link.peer ?? link.over?.parent)?.index ?? link.index;
  const below = lower === link.index ? undefined : [...link.netns.links.values()].find(({ index }) => index === lower);
  return below === undefined || (hasCarrier(below) && (below.kind !== "veth" || below.up)) ? "down" : "lowerlayerdown";
};

/** What RTM_NEWLINK says in IFLA_OPERSTATE. */
export const operStateOf = (link: SimLink): string => {
  if (!link.up) return "down";
  if (
    (link.kind === null && link.device === null) || link.kind === "dummy" || link.kind === "ifb" ||
    (link.kind === "bridge" && !link.portsCounted)
  ) return "unknown";
  if (!hasCarrier(link)) return withoutCarrier(link);
  // An ipvlan is not looked at again once it is made, as long as its parent keeps its carrier (ipvlan_link_new).
  return link.kind === "ipvlan" ? "unknown" : "up";
};

/** Whether protocols may start: `netif_oper_up` of the kernel. */
export const isOperational = (link: SimLink): boolean => link.up && hasCarrier(link);
