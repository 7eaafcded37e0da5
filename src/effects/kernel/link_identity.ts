/** Recognising a link wherever it is: names, and what a container may set, are no proof. */
import type { Link } from "./host.ts";
import type { LinkIdentity } from "./op.ts";

/** What a link is recognised by. */
export const identityOf = ({ kind, mac, index, device, permanentMac }: Link): LinkIdentity => ({
  kind,
  mac,
  index,
  ...(device === undefined ? {} : { device }),
  ...(permanentMac === undefined ? {} : { permanentMac }),
});

/**
 * Whether it is that link. Hardware is recognised by its place on the bus and the address that was burnt in; a virtual
 * link by its kind with its index, which it keeps on the way where it is free, or its MAC address.
 *
 * @example
 * ```ts
 * import { isSameLink } from "./link_identity.ts";
 * const nic = { kind: null, mac: "02:00:00:00:00:01", index: 2, device: "pci/0000:00:04.0" };
 * if (!isSameLink({ ...nic, mac: "02:00:00:00:00:02", index: 7 }, nic)) throw new Error("it has another MAC now");
 * if (isSameLink({ kind: "veth", mac: nic.mac, index: 2 }, nic)) throw new Error("that is no hardware");
 * ```
 */
export const isSameLink = (link: LinkIdentity, known: LinkIdentity): boolean => {
  if (link.kind !== known.kind || link.device !== known.device) return false;
  if (known.device !== undefined) return link.permanentMac === known.permanentMac;
  return link.index === known.index || link.mac === known.mac;
};

/** How much speaks for a virtual link: an index may have been another's before, and a MAC address can be given to two. */
const weight = (link: LinkIdentity, known: LinkIdentity): number =>
  known.device !== undefined ? 0 : (link.mac === known.mac ? 2 : 0) + (link.index === known.index ? 1 : 0);

/** Of several that may be that link the one for which most speaks, and of equals the one that has the name; null for none. */
export function pickLink<L extends LinkIdentity & { readonly name: string }>(
  links: readonly L[],
  known: LinkIdentity,
  name: string,
): L | null {
  const rank = (link: L) => weight(link, known) + (link.name === name ? 0.5 : 0);
  const [best = null] = links.filter((link) => isSameLink(link, known)).sort((a, b) => rank(b) - rank(a));
  return best;
}
