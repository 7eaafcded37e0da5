/** Operational states (RFC 2863) of links that depend on each other. */
import { portsOf, type SimLink } from "./state.ts";

/** Whether the link can pass packets: it is up, and so is what lies behind it. */
const hasCarrier = (link: SimLink): boolean => {
  if (link.kind === "veth") return link.peer?.up === true;
  if (link.kind === "bridge") return !link.portsCounted || portsOf(link).some((port) => port.up && hasCarrier(port));
  return true;
};

/** What RTM_NEWLINK says in IFLA_OPERSTATE. */
export const operStateOf = (link: SimLink): string => {
  if (!link.up) return "down";
  if (link.kind === null || (link.kind === "bridge" && !link.portsCounted)) return "unknown";
  if (hasCarrier(link)) return "up";
  return link.kind === "veth" ? "lowerlayerdown" : "down";
};

/** Whether protocols may start: `netif_oper_up` of the kernel. */
export const isOperational = (link: SimLink): boolean => link.up && hasCarrier(link);
