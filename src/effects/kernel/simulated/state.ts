/** What the simulated kernel knows: plain mutable data, one `SimNetns` for each namespace. */
import { sysctlDefaults } from "./sysctl_defaults.ts";
import type { NftCommand, NftElement, NftHook, NftType } from "../nft.ts";
import { BY_KERNEL, DEFAULT_TABLE, LOCAL_TABLE, MAIN_TABLE } from "../../../spec/routing.ts";
import type { PolicyRule } from "../host.ts";
import type { LinkTap } from "../link_tap.ts";
import type { AddressLifetime, FilterOp, QdiscKind, TokenBucket } from "../op.ts";

/** An address of a link; `ip` without and `prefix` the length of its prefix. */
export interface SimAddress {
  readonly family: 4 | 6;
  readonly ip: string;
  readonly prefix: number;
  /** rtm_scope: 0 universe, 253 link, 254 host. */
  readonly scope: number;
  readonly noDad: boolean;
  readonly noPrefixRoute: boolean;
  readonly lifetime: AddressLifetime | null;
  tentative: boolean;
  dadFailed: boolean;
}

/** Flags of one VLAN of a bridge port. */
export interface SimVlan {
  readonly pvid: boolean;
  readonly untagged: boolean;
}

/** What a link stands on, and the data of its kind. */
export interface SimFooting {
  readonly parent: SimLink;
  /** Of an ipvlan it changes with that of every other one of the same parent. */
  mode?: string;
  readonly id?: number;
}

/** A filter; `redirect` is the link that it leads to. */
export interface SimFilter extends Omit<FilterOp, "on" | "link" | "parent" | "redirect"> {
  readonly redirect: SimLink | null;
}

/** A queueing discipline that somebody has added. */
export interface SimQdisc {
  readonly handle: string;
  readonly qdisc: QdiscKind;
  /** Of an htb: its classes by handle. */
  readonly classes: Map<string, TokenBucket>;
  readonly filters: SimFilter[];
}

/** A network interface. */
export interface SimLink {
  index: number;
  name: string;
  /** Of a copy of a real machine, also kinds that no op makes. */
  readonly kind: string | null;
  netns: SimNetns;
  /** IFLA_IFALIAS; empty for none. */
  alias: string;
  /** Of hardware: bus and name of the device; null for what is virtual. */
  readonly device: string | null;
  /** Of hardware: the MAC address that was burnt in. */
  readonly permanentMac: string | null;
  mac: string;
  /** Of a bridge: whether somebody chose the MAC. Otherwise it follows the ports. */
  macChosen: boolean;
  mtu: number;
  /** Of a bridge: whether `link.set` chose the MTU. Otherwise it follows the ports. */
  mtuChosen: boolean;
  txQueueLen: number;
  up: boolean;
  promisc: boolean;
  allmulti: boolean;
  master: SimLink | null;
  /** The other end of a veth; null only while the pair is being made. */
  peer: SimLink | null;
  /** Of a macvlan, ipvlan or vlan: what it stands on, and how. */
  readonly over: SimFooting | null;
  /** Of a tap: who may open it, and how. */
  readonly tap: LinkTap | null;
  /** Of a VRF: its table; null for every other kind. */
  readonly vrfTable: number | null;
  /** The links that stand on it, of all namespaces. */
  readonly uppers: Set<SimLink>;
  /** Of a bridge. */
  readonly vlanFiltering: boolean;
  hairpin: boolean;
  isolated: boolean;
  readonly vlans: Map<number, SimVlan>;
  /** Of a bridge: it has looked for live ports, so its carrier now depends on them. A bridge that never did claims one. */
  portsCounted: boolean;
  /** IPv6 was started since the link came up: the link-local address was made. */
  ipv6Started: boolean;
  /** In the order of the kernel's dump: IPv4 as added, then IPv6 with the newest of a scope first. */
  addresses: SimAddress[];
  /** Permanent neighbour entries: MAC by address. */
  readonly neighbours: Map<string, string>;
  /** By their parents. */
  readonly qdiscs: Map<string, SimQdisc>;
  /** Values of the link's own keys, `ipv4/conf/arp_notify`, where they differ from the default. */
  sysctls: Map<string, string>;
}

/** A unicast route; `dst` canonical, `connected` when an address brought it. */
export interface SimRoute {
  readonly family: 4 | 6;
  readonly dst: string;
  readonly gw: string | null;
  readonly link: SimLink;
  readonly metric: number;
  readonly table: number;
  readonly scope: number;
  readonly mtu: number | null;
  readonly advmss: number | null;
  /** RTA_PREFSRC of a route that a program made. */
  readonly src: string | null;
  readonly connected: boolean;
  /** rtm_protocol. */
  readonly protocol: number;
}

/** A rule that chooses a table. */
export interface SimRule extends PolicyRule {
  readonly family: 4 | 6;
}

/** A set or map of nf_tables; elements by `elementKey`. */
export interface SimSet {
  readonly key: readonly NftType[];
  readonly value: readonly NftType[] | "verdict" | null;
  readonly comment: string | null;
  readonly elements: Map<string, NftElement>;
}

/** A chain of nf_tables. */
export interface SimChain {
  readonly hook: NftHook | null;
  readonly comment: string | null;
  readonly rules: Extract<NftCommand, { readonly add: "rule" }>[];
}

/** A table of nf_tables. */
export interface SimTable {
  readonly comment: string | null;
  readonly chains: Map<string, SimChain>;
  readonly sets: Map<string, SimSet>;
}

/** A network namespace. */
export interface SimNetns {
  readonly path: string;
  readonly cookie: string;
  readonly links: Map<string, SimLink>;
  routes: SimRoute[];
  /** In the order in which they are asked. */
  rules: SimRule[];
  /** Values of keys that belong to no link. */
  readonly sysctls: Map<string, string>;
  /** By `family table`. */
  readonly tables: Map<string, SimTable>;
  /** Chains of iptables' tables by table (but "nat"), family and name, with the words of their rules. */
  readonly iptables: Map<string, readonly (readonly string[])[]>;
  /** Zones of firewalld by source; null while it does not run. */
  firewalld: Map<string, string> | null;
  nextIndex: number;
}

/** What differs between kernels and networks. */
export interface SimFacts {
  /** Whether bridges can filter VLANs (CONFIG_BRIDGE_VLAN_FILTERING). */
  readonly vlanFiltering: boolean;
  /** Kinds of links that the kernel does not have. */
  readonly missing: ReadonlySet<string>;
  /** IPv6 addresses that somebody else in the network has: detection finds them duplicate. */
  readonly duplicates: ReadonlySet<string>;
}

/** The machine. */
export interface SimWorld {
  readonly facts: SimFacts;
  readonly host: SimNetns;
  /** Containers' namespaces by path. */
  readonly netns: Map<string, SimNetns>;
  nextMac: number;
}

/** The one address that a MAC cannot be; lo has it. */
export const NO_MAC = "00:00:00:00:00:00";

/** ETH_DATA_LEN (linux/if_ether.h), the MTU in bytes of an Ethernet device that asks for none. */
export const ETHERNET_MTU = 1500;

/** TX_Q_LIMIT (drivers/net/ifb.c), in packets. */
export const IFB_TX_QUEUE_LEN = 32;

/** DEFAULT_TX_QUEUE_LEN (net/pkt_sched.h), in packets. */
const TX_QUEUE_LEN = 1000;

/** The MTU of lo in bytes (drivers/net/loopback.c). */
const LOOPBACK_MTU = 65_536;

/** The next index of a namespace that no link has; one may have brought its own. */
export const newIndex = (netns: SimNetns): number => {
  const taken = new Set([...netns.links.values()].map(({ index }) => index));
  while (taken.has(netns.nextIndex)) netns.nextIndex++;
  return netns.nextIndex++;
};

/** Makes a link of these properties and puts it into its namespace; the rest is as in a fresh Ethernet device. */
export const putLink = (link: Pick<SimLink, "name" | "kind" | "netns" | "mac"> & Partial<SimLink>): SimLink => {
  const made: SimLink = {
    index: newIndex(link.netns),
    alias: "",
    device: null,
    permanentMac: null,
    macChosen: false,
    mtu: ETHERNET_MTU,
    mtuChosen: false,
    txQueueLen: TX_QUEUE_LEN,
    up: false,
    promisc: false,
    allmulti: false,
    master: null,
    peer: null,
    over: null,
    tap: null,
    vrfTable: null,
    uppers: new Set(),
    vlanFiltering: false,
    hairpin: false,
    isolated: false,
    vlans: new Map(),
    portsCounted: false,
    ipv6Started: false,
    addresses: [],
    neighbours: new Map(),
    qdiscs: new Map(),
    sysctls: sysctlDefaults(link.netns.sysctls),
    ...link,
  };
  made.netns.links.set(made.name, made);
  made.over?.parent.uppers.add(made);
  return made;
};

/** A rule that the kernel makes by itself (RTPROT_KERNEL). */
export const kernelRule = (family: 4 | 6, priority: number, table: number, plain = true): SimRule => ({
  family,
  priority,
  from: null,
  table,
  protocol: BY_KERNEL,
  plain,
});

/** Every namespace ends its search with them (fib_default_rules_init, net/ipv4/fib_rules.c; net/ipv6/fib6_rules.c). */
const LAST_RULES: readonly SimRule[] = [
  kernelRule(4, 32_766, MAIN_TABLE),
  kernelRule(4, 32_767, DEFAULT_TABLE),
  kernelRule(6, 32_766, MAIN_TABLE),
];

/** Makes an empty namespace: lo, down. */
export const makeNetns = (path: string, cookie: string): SimNetns => {
  const netns: SimNetns = {
    path,
    cookie,
    links: new Map(),
    routes: [],
    rules: [kernelRule(4, 0, LOCAL_TABLE), kernelRule(6, 0, LOCAL_TABLE), ...LAST_RULES],
    sysctls: new Map(),
    tables: new Map(),
    iptables: new Map(),
    firewalld: null,
    nextIndex: 1,
  };
  putLink({ name: "lo", kind: null, netns, mac: NO_MAC, mtu: LOOPBACK_MTU });
  return netns;
};

/** Locally administered, unicast, and the same in every run: 02:00:00 and a counter. */
export const newMac = (world: SimWorld): string => {
  const digits = (world.nextMac++).toString(16).padStart(6, "0");
  return `02:00:00:${digits.slice(0, 2)}:${digits.slice(2, 4)}:${digits.slice(4, 6)}`;
};

/** All namespaces, the host's first. */
export const everyNetns = (world: SimWorld): readonly SimNetns[] => [world.host, ...world.netns.values()];

/** The ports of a bridge or the links in a VRF, in the order they were made. */
export const portsOf = (bridge: SimLink): readonly SimLink[] =>
  [...bridge.netns.links.values()].filter(({ master }) => master === bridge);

/** The table that addresses of a link bring their routes to. */
export const tableOf = ({ master }: SimLink): number => master?.vrfTable ?? MAIN_TABLE;
