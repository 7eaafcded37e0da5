/** VLANs of bridges and their ports. */
import type { PortVlan } from "../op.ts";
import { refuse } from "./refusal.ts";
import type { SimLink, SimWorld } from "./state.ts";

/** VLAN_VID_MASK - 1 (linux/if_vlan.h). */
const MAX_VID = 4094;

const check = (world: SimWorld, link: SimLink, vlans: readonly PortVlan[]): void => {
  const last = ({ vid, to = vid }: PortVlan) => to;
  if (vlans.some((vlan) => vlan.vid < 1 || last(vlan) > MAX_VID || last(vlan) < vlan.vid)) refuse("EINVAL");
  if (!world.facts.vlanFiltering || (link.master === null && link.kind !== "bridge")) refuse("EOPNOTSUPP");
};

const dropPvid = (link: SimLink): void => {
  for (const [vid, { untagged }] of link.vlans) link.vlans.set(vid, { pvid: false, untagged });
};

/** Adds VLANs, or changes the flags of those that are there; a link has one PVID at most. */
export const addVlans = (world: SimWorld, link: SimLink, vlans: readonly PortVlan[]): void => {
  check(world, link, vlans);
  for (const { vid, to = vid, pvid = false, untagged = false } of vlans) {
    for (let each = vid; each <= to; each++) {
      if (pvid) dropPvid(link);
      link.vlans.set(each, { pvid, untagged });
    }
  }
};

/** Removes VLANs; absent ones are none of the kernel's business. */
export const deleteVlans = (world: SimWorld, link: SimLink, vlans: readonly PortVlan[]): void => {
  check(world, link, vlans);
  for (const { vid, to = vid } of vlans) for (let each = vid; each <= to; each++) link.vlans.delete(each);
};

/** The VLANs of a link, one entry each, lowest first. */
export const listVlans = (world: SimWorld, link: SimLink): readonly PortVlan[] => {
  if (!world.facts.vlanFiltering) return [];
  return [...link.vlans].toSorted(([a], [b]) => a - b).map(([vid, { pvid, untagged }]) => ({
    vid,
    ...(pvid ? { pvid } : {}),
    ...(untagged ? { untagged } : {}),
  }));
};
