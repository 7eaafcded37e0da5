/** Which VLANs the port of a container carries, out of `vlan` and `vlanTrunk`. */
import type { PortVlan } from "../../effects/kernel/op.ts";
import type { TrunkEntry } from "./config.ts";

/** Highest VLAN id in use: 4095 is reserved (IEEE 802.1Q, VLAN_VID_MASK in linux/if_vlan.h). */
const MAX_VLAN = 4094;

/** The VLAN that ports of a new bridge carry untagged (default_pvid, net/bridge/br_vlan.c). */
const DEFAULT_VLAN = 1;

const idProblem = (key: string, id: number): string | null =>
  id >= 1 && id <= MAX_VLAN ? null : `Cannot use "${key}": ${id} is not a VLAN id from 1 to ${MAX_VLAN}`;

/** What is wrong with a trunk entry, as a sentence, or null. */
function entryProblem(key: string, { id, minID, maxID }: TrunkEntry): string | null {
  if (minID !== undefined && maxID === undefined) return `Cannot use "${key}": it has "minID" but no "maxID"`;
  if (maxID !== undefined && minID === undefined) return `Cannot use "${key}": it has "maxID" but no "minID"`;
  const problem = (minID === undefined ? null : idProblem(`${key}.minID`, minID)) ??
    (maxID === undefined ? null : idProblem(`${key}.maxID`, maxID)) ??
    (id === undefined ? null : idProblem(`${key}.id`, id));
  if (problem !== null) return problem;
  return minID !== undefined && maxID !== undefined && maxID < minID
    ? `Cannot use "${key}": "maxID" ${maxID} is below "minID" ${minID}`
    : null;
}

/** What is wrong with `vlan` and `vlanTrunk`, as a sentence, or null. `vlan` may be 0: no VLAN. */
export function vlanProblem(vlan: number, trunk: readonly TrunkEntry[]): string | null {
  if (vlan < 0 || vlan > MAX_VLAN) {
    return `Cannot use "vlan": ${vlan} is not a VLAN id from 1 to ${MAX_VLAN}, nor 0 for none`;
  }
  for (const [index, entry] of trunk.entries()) {
    const problem = entryProblem(`vlanTrunk[${index}]`, entry);
    if (problem !== null) return problem;
  }
  return null;
}

/**
 * The ids of a trunk without repetition, ascending.
 *
 * @example
 * ```ts
 * import { trunkIds } from "./vlans.ts";
 * const ids = trunkIds([{ minID: 10, maxID: 12 }, { id: 5 }, { id: 11 }]);
 * if (ids.join() !== "5,10,11,12") throw new Error(ids.join());
 * ```
 */
export function trunkIds(trunk: readonly TrunkEntry[]): readonly number[] {
  const ids = new Set<number>();
  for (const { id, minID, maxID } of trunk) {
    if (id !== undefined) ids.add(id);
    if (minID === undefined || maxID === undefined) continue;
    for (let vid = minID; vid <= maxID; vid++) ids.add(vid);
  }
  return [...ids].sort((a, b) => a - b);
}

/** Ascending ids as ranges, so that a whole trunk fits into one kernel request. */
export function asRanges(ids: readonly number[]): readonly PortVlan[] {
  const ranges: { vid: number; to: number }[] = [];
  for (const vid of ids) {
    const last = ranges.at(-1);
    if (last !== undefined && last.to === vid - 1) last.to = vid;
    else ranges.push({ vid, to: vid });
  }
  return ranges.map(({ vid, to }) => vid === to ? { vid } : { vid, to });
}

/**
 * What the port is to carry: `vlan` untagged, the trunk tagged. A trunk without `vlan` gets the default VLAN untagged.
 * The untagged VLAN is left out of the trunk: adding it once more, tagged, would take the first away again.
 */
export function portVlans(vlan: number, trunk: readonly TrunkEntry[]): readonly PortVlan[] {
  const ids = trunkIds(trunk);
  if (vlan === 0 && ids.length === 0) return [];
  const own = vlan === 0 ? DEFAULT_VLAN : vlan;
  return [{ vid: own, pvid: true, untagged: true }, ...asRanges(ids.filter((vid) => vid !== own))];
}

/** The ids among `present` that `wanted` does not have, as ranges. */
export function surplusVlans(present: readonly PortVlan[], wanted: readonly PortVlan[]): readonly PortVlan[] {
  const keep = (vid: number) => wanted.some((range) => vid >= range.vid && vid <= (range.to ?? range.vid));
  return asRanges(
    trunkIds(present.map(({ vid, to }) => ({ minID: vid, maxID: to ?? vid }))).filter((vid) => !keep(vid)),
  );
}
