/** Range sets of host-local: what a configuration leaves out, filled in; what cannot be, refused. Pure. */
import type { LeaseRange } from "../effects/kernel/op.ts";
import {
  bitsOf,
  compareIp,
  contains,
  firstHost,
  formatCidr,
  formatIp,
  lastHost,
  networkOf,
  sameFamily,
  toCidr,
} from "../spec/cidr.ts";
import type { HostLocalConfig } from "./host_local_config.ts";

/** A range as it is configured. */
type RangeConfig = HostLocalConfig["ipam"]["ranges"][number][number];

/** The ranges one address is taken from, and where in the configuration they come from. */
export interface RangeSet {
  readonly where: string;
  readonly ranges: readonly LeaseRange[];
}

/** Host bits a subnet needs at least: network, gateway, one container, and IPv4's broadcast. */
const MIN_HOST_BITS = 2;

/** Either what was made, or a sentence about what is wrong. */
type Checked<A> = { readonly made: A } | { readonly problem: string };

/** The sets of a configuration in the order in which they are numbered, still without defaults. */
function configuredSets({ ipam, runtimeConfig }: HostLocalConfig) {
  const { subnet, rangeStart, rangeEnd, gateway } = ipam;
  const legacy: RangeConfig | null = subnet === undefined ? null : {
    subnet,
    ...(rangeStart === undefined ? {} : { rangeStart }),
    ...(rangeEnd === undefined ? {} : { rangeEnd }),
    ...(gateway === undefined ? {} : { gateway }),
  };
  return [
    ...(runtimeConfig?.ipRanges ?? []).map((set, i) => ({ where: `runtimeConfig.ipRanges[${i}]`, set })),
    ...(legacy === null ? [] : [{ where: "ipam", set: [legacy] }]),
    ...ipam.ranges.map((set, i) => ({ where: `ipam.ranges[${i}]`, set })),
  ];
}

/**
 * The range sets of a configuration, checked and complete, in the order of their numbers. `several` tells whether the
 * config's version can carry more than one address of a family (0.3.0 and later).
 */
export function rangeSets(config: HostLocalConfig, several: boolean): Checked<readonly RangeSet[]> {
  const sets: RangeSet[] = [];
  for (const [index, { where, set }] of configuredSets(config).entries()) {
    const checked = rangeSet(where, set);
    if ("problem" in checked) return { problem: `Cannot use range set ${index}: ${checked.problem}` };
    sets.push(checked.made);
  }
  const problem = (several ? null : familyProblem(sets)) ?? siblingProblem(sets);
  return problem === null ? { made: sets } : { problem };
}

function rangeSet(where: string, set: readonly RangeConfig[]): Checked<RangeSet> {
  if (set.length === 0) return { problem: `"${where}" has no range` };
  const ranges: LeaseRange[] = [];
  for (const [index, configured] of set.entries()) {
    // The old form is a single range, written without a list.
    const checked = completeRange(where === "ipam" ? where : `${where}[${index}]`, configured);
    if ("problem" in checked) return checked;
    const { made } = checked;
    const [first] = ranges;
    if (first !== undefined && !sameFamily(first.subnet, made.subnet)) {
      return { problem: `"${where}" has both IPv4 and IPv6: ${first.subnet} and ${made.subnet}` };
    }
    const other = ranges.find((range) => overlap(range, made));
    if (other !== undefined) return { problem: `"${where}" has overlapping ranges: ${span(other)} and ${span(made)}` };
    ranges.push(made);
  }
  return { made: { where, ranges } };
}

/**
 * A range with its defaults: gateway and start are the first address after the network's own, the end is the last address
 * but IPv4's broadcast. The gateway must lie in the subnet, since containers could not reach it otherwise, and is passed
 * over when addresses are given out.
 */
export function completeRange(where: string, configured: RangeConfig): Checked<LeaseRange> {
  const { subnet } = configured;
  const problem = subnetProblem(subnet);
  if (problem !== null) return { problem: `"${where}.subnet" ${subnet} ${problem}` };
  const range: LeaseRange = {
    subnet: formatCidr(subnet),
    rangeStart: formatIp(configured.rangeStart ?? firstHost(subnet)),
    rangeEnd: formatIp(configured.rangeEnd ?? lastHost(subnet)),
    gateway: formatIp(configured.gateway ?? firstHost(subnet)),
  };
  for (const key of ["rangeStart", "rangeEnd", "gateway"] as const) {
    if (!contains(subnet, range[key])) return { problem: `"${where}.${key}" ${range[key]} is not in ${subnet}` };
  }
  if (compareIp(range.rangeStart, range.rangeEnd) > 0) {
    return { problem: `"${where}.rangeStart" ${range.rangeStart} is after the range's end ${range.rangeEnd}` };
  }
  return { made: range };
}

function subnetProblem(subnet: string): string | null {
  const { ip, prefix } = toCidr(subnet);
  const longest = bitsOf(ip.family) - MIN_HOST_BITS;
  if (prefix > longest) return `is too small: its prefix must not be longer than /${longest}`;
  const network = formatCidr(networkOf(subnet));
  return network === formatCidr(subnet) ? null : `has host bits set: the network is ${network}`;
}

/** `10.1.0.1-10.1.255.254`, as people write a range. */
export const span = ({ rangeStart, rangeEnd }: LeaseRange): string => `${rangeStart}-${rangeEnd}`;

/** Whether the address may be given out of this range. */
export const inRange = ({ rangeStart, rangeEnd }: LeaseRange, ip: string): boolean =>
  sameFamily(rangeStart, ip) && compareIp(ip, rangeStart) >= 0 && compareIp(ip, rangeEnd) <= 0;

const overlap = (a: LeaseRange, b: LeaseRange): boolean =>
  sameFamily(a.subnet, b.subnet) && compareIp(a.rangeStart, b.rangeEnd) <= 0 &&
  compareIp(b.rangeStart, a.rangeEnd) <= 0;

function familyProblem(sets: readonly RangeSet[]): string | null {
  for (const [version, probe] of [[4, "0.0.0.0"], [6, "::"]] as const) {
    const same = sets.filter(({ ranges }) => ranges[0] !== undefined && sameFamily(ranges[0].subnet, probe));
    if (same.length > 1) {
      return `Cannot give out ${same.length} IPv${version} addresses (${same.map(({ where }) => where).join(", ")}): ` +
        "a result before version 0.3.0 has one address per family";
    }
  }
  return null;
}

function siblingProblem(sets: readonly RangeSet[]): string | null {
  for (const [i, a] of sets.entries()) {
    for (const [j, b] of sets.entries()) {
      if (i >= j) continue;
      const pair = a.ranges.flatMap((x) => b.ranges.map((y) => [x, y] as const)).find(([x, y]) => overlap(x, y));
      if (pair !== undefined) {
        return `Cannot use range sets ${i} ("${a.where}") and ${j} ("${b.where}"): ` +
          `they overlap, ${span(pair[0])} and ${span(pair[1])}`;
      }
    }
  }
  return null;
}
