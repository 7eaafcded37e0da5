/**
 * The kernel as a service: `Kernel` opens namespaces, `Host` looks at and changes the two sides of one attachment.
 * Implementations: `linux/` (netlink) and `simulated.ts`.
 */
import * as Context from "effect/Context";
import * as Data from "effect/Data";
import type * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type { LinkTap } from "./link_tap.ts";
import type { NftElement, NftRule, NftTable } from "./nft.ts";
import type { KernelOp, PortSettings, PortVlan, Side } from "./op.ts";
import type { ProgramView } from "./program_view.ts";
import type { Address, PolicyRule, Route } from "./route_views.ts";

export type * from "./route_views.ts";

/** A network namespace. */
export interface NetnsIdentity {
  /** The file it was opened by; another namespace may have it later. */
  readonly path: string;
  /** SO_NETNS_COOKIE (asm-generic/socket.h), decimal: never reused within a boot. */
  readonly cookie: string;
}

/** The kernel refused, or could not be asked. */
export class HostError extends Data.TaggedError("HostError")<{
  /** What could not be done, as in: Cannot `doing` "`subject`". */
  readonly doing: string;
  /** The thing it could not be done with. */
  readonly subject: string;
  /** The errno's name, such as EPERM; the system's words where there is none. */
  readonly errno: string;
  /** The kernel's own words (NLMSGERR_ATTR_MSG, linux/netlink.h). */
  readonly extack?: string;
}> {
  /** What could not be done with what, and the kernel's reason. */
  override get message(): string {
    return `Cannot ${this.doing} "${this.subject}": ${this.errno}${this.extack ? `: ${this.extack}` : ""}`;
  }
}

/** A CNI_NETNS that cannot be used: it does not exist, is no namespace, or is the host's own. */
export class NetnsError extends Data.TaggedError("NetnsError")<{
  /** CNI_NETNS, verbatim. */
  readonly path: string;
  /** "own": it is the namespace of the host. */
  readonly reason: "missing" | "not a namespace" | "own" | "unreadable";
  /** Why it is unreadable. */
  readonly detail?: string;
}> {
  /** Which namespace cannot be used, and why. */
  override get message(): string {
    const why = {
      missing: "no such file; the runtime must create the namespace before ADD",
      "not a namespace": "the file is not a network namespace",
      own: "it is the host's own network namespace; a container must have one of its own",
      unreadable: this.detail ?? "it cannot be opened",
    }[this.reason];
    return `Cannot use network namespace "${this.path}": ${why}`;
  }
}

/** A network interface as RTM_NEWLINK describes it. */
export interface Link {
  /** Its number in its namespace (ifi_index). */
  readonly index: number;
  /** IFLA_IFNAME. */
  readonly name: string;
  /** IFLA_INFO_KIND, or null for a device without one (lo, hardware); a `tun` of Ethernet frames is a `tap`. */
  readonly kind: string | null;
  /** Lower case with colons; empty for devices without one. */
  readonly mac: string;
  /** In bytes. */
  readonly mtu: number;
  /** In packets. */
  readonly txQueueLen: number;
  /** IFF_UP: it was set up, whatever its operational state. */
  readonly up: boolean;
  /** RFC 2863 operational state: "up", "down", "lowerlayerdown", "unknown", "dormant", "notpresent", "testing". */
  readonly operState: string;
  /** IFF_PROMISC: somebody set it promiscuous. */
  readonly promisc: boolean;
  /** How many have, packet captures included (IFLA_PROMISCUITY). */
  readonly promiscuity: number;
  /** IFF_ALLMULTI: it receives all multicast. */
  readonly allmulti: boolean;
  /** Index of the bridge or VRF it is in, or null. */
  readonly master: number | null;
  /** IFLA_LINK: of a veth, the index of its peer in the peer's namespace; null where there is none. */
  readonly peer: number | null;
  /** Of a bridge: whether it filters VLANs; otherwise null. */
  readonly vlanFiltering: boolean | null;
  /** Of a bridge port; otherwise null. */
  readonly port: Required<PortSettings> | null;
  /** IFLA_IFALIAS; absent where there is none. */
  readonly alias?: string;
  /** Of hardware: bus and name of its device (IFLA_PARENT_DEV_BUS_NAME and _NAME), such as `pci/0000:00:04.0`. */
  readonly device?: string;
  /** Of hardware: IFLA_PERM_ADDRESS, the MAC address that was burnt in. */
  readonly permanentMac?: string;
  /** Of a macvlan, ipvlan or vlan; otherwise absent. */
  readonly over?: LinkFooting;
  /** Of a tap; otherwise absent. */
  readonly tap?: LinkTap;
  /** Of a VRF: the number of its table; otherwise absent. */
  readonly vrfTable?: number;
}

/** What a link stands on, and the data of its kind. */
export interface LinkFooting {
  /** IFLA_LINK: the parent's index, in the parent's own namespace; null where there is none. */
  readonly parent: number | null;
  /** The parent is in another namespace (IFLA_LINK_NETNSID). */
  readonly elsewhere: boolean;
  /** Of a macvlan or ipvlan: its mode by name, or by number where the name is not known. */
  readonly mode?: string;
  /** Of a vlan: the id of its tag. */
  readonly id?: number;
}

/** A neighbour entry. */
export interface Neighbour {
  /** Without a prefix length. */
  readonly ip: string;
  /** Lower case with colons. */
  readonly mac: string;
  /** NUD_PERMANENT: it was written by hand and does not age. */
  readonly permanent: boolean;
}

/** A queueing discipline that a program has added; the kernel's own have no handle and are not shown. */
export interface Qdisc {
  /** As tc(8) writes it: `1:`. */
  readonly handle: string;
  /** TCA_KIND. */
  readonly kind: string;
  /** Of a tbf, in bytes per second. */
  readonly rate?: number;
  /** Of a tbf and a bfifo: how many bytes may wait. */
  readonly limit?: number;
  /** Of a tbf: the time that a burst takes at its rate, in ticks of 64 ns; at most 2^32 - 1. */
  readonly burstTicks?: number;
  /** Of an htb: the class for what no filter leads to one; absent where such packets are not held up. */
  readonly fallback?: string;
}

/** A class of an htb. */
export interface TrafficClass {
  /** As tc(8) writes it: `1:30`. */
  readonly handle: string;
  /** In bytes per second. */
  readonly rate: number;
  /** The time that a burst takes at its rate, in ticks of 64 ns; at most 2^32 - 1. */
  readonly burstTicks: number;
}

/** A filter of a queueing discipline. */
export interface Filter {
  /** TCA_KIND. */
  readonly kind: string;
  /** The lower comes first. */
  readonly priority: number;
  /** Which packets it looks at. */
  readonly protocol: "all" | "ip" | "ipv6" | "other";
  /** What it compares; null for nothing. */
  readonly match: { readonly field: "src" | "dst"; readonly prefix: string } | "other" | null;
  /** The class that it puts packets in. */
  readonly flow: string | null;
  /** Index of the link that it redirects packets to; 0 where that is gone, null where it redirects none. */
  readonly redirect: number | null;
}

/** What `link.create` answers. */
export interface CreatedLink {
  /** The new link's index. */
  readonly index: number;
  /** Its MAC address. */
  readonly mac: string;
  /** The same of a veth's peer. */
  readonly peer?: { readonly index: number; readonly mac: string };
}

/** Read-only: what plugins see of the kernel. Absent things are `null` or empty, also when the container's namespace is gone. */
export interface HostView extends ProgramView {
  /** The container's namespace, or null when there is none or it is gone. */
  readonly netns: NetnsIdentity | null;
  /** The link of that name. */
  readonly link: (on: Side, name: string) => Effect.Effect<Link | null, HostError>;
  /** The link with that index. */
  readonly linkByIndex: (on: Side, index: number) => Effect.Effect<Link | null, HostError>;
  /** All links. */
  readonly links: (on: Side) => Effect.Effect<readonly Link[], HostError>;
  /** All addresses of a link, of both families. */
  readonly addresses: (on: Side, link: string) => Effect.Effect<readonly Address[], HostError>;
  /** All unicast routes of a family, in all tables, or in `table`. */
  readonly routes: (on: Side, family: 4 | 6, table?: number) => Effect.Effect<readonly Route[], HostError>;
  /** The rules that choose a table, in the order in which they are asked (ip-rule(8)). */
  readonly policyRules: (on: Side, family: 4 | 6) => Effect.Effect<readonly PolicyRule[], HostError>;
  /** The link the kernel would send to `ip` over, or null without a route. */
  readonly linkTowards: (on: Side, ip: string) => Effect.Effect<Link | null, HostError>;
  /** All neighbour entries of a link, of both families. */
  readonly neighbours: (on: Side, link: string) => Effect.Effect<readonly Neighbour[], HostError>;
  /** The VLANs of a bridge port; of the bridge itself, where `name` is one. */
  readonly vlans: (on: Side, name: string) => Effect.Effect<readonly PortVlan[], HostError>;
  /** The queueing discipline at this parent of a link (`QdiscPlace`), or null. */
  readonly qdisc: (on: Side, link: string, parent: string) => Effect.Effect<Qdisc | null, HostError>;
  /** The class of an htb with that handle, or null. */
  readonly trafficClass: (on: Side, link: string, handle: string) => Effect.Effect<TrafficClass | null, HostError>;
  /** The filters of the queueing discipline with that handle, in their order. */
  readonly filters: (on: Side, link: string, handle: string) => Effect.Effect<readonly Filter[], HostError>;
  /** Content of /proc/sys/<key> without the final newline, or null when there is no such key. */
  readonly sysctl: (on: Side, key: string) => Effect.Effect<string | null, HostError>;
  /** The element with that key, with its value and comment; null when element, set or table is missing. */
  readonly element: (on: Side, which: NftElement) => Effect.Effect<NftElement | null, HostError>;
  /**
   * The elements of all sets and maps of a table, or those with this comment. Keys of types that are none of ours are
   * left out.
   */
  readonly elements: (on: Side, table: NftTable, comment?: string) => Effect.Effect<readonly NftElement[], HostError>;
  /** The rules of a chain in their order; none where the chain or its table is missing. */
  readonly rules: (
    on: Side,
    chain: NftTable & { readonly chain: string },
  ) => Effect.Effect<readonly NftRule[], HostError>;
  /** Names of the chains of a table. */
  readonly chains: (on: Side, table: NftTable) => Effect.Effect<readonly string[], HostError>;
  /** Waits by listening until the link's operational state is up; false after `limitMs` milliseconds. */
  readonly awaitUp: (on: Side, name: string, limitMs: number) => Effect.Effect<boolean, HostError>;
  /** Waits by listening until no IPv6 address of the link is tentative; "failed" when the network has a duplicate. */
  readonly awaitDad: (
    on: Side,
    name: string,
    limitMs: number,
  ) => Effect.Effect<"done" | "failed" | "timeout", HostError>;
}

/** Both sides of one attachment. */
export interface HostShape extends HostView {
  /** Carries out one op. The answer of `link.create` is a `CreatedLink`; the others answer nothing. */
  readonly apply: (op: KernelOp) => Effect.Effect<CreatedLink | undefined, HostError>;
}

/** The open namespaces of the attachment a command works on. */
export class Host extends Context.Service<Host, HostShape>()("cleat/Host") {}

/** How to find the container's namespace. */
export type NetnsWanted =
  /** For ADD and CHECK: must exist and must not be the host's own, unless `allowOwn` (CNI_NETNS_OVERRIDE). */
  | { readonly path: string; readonly allowOwn: boolean }
  /** For undo: exactly the one that ADD recorded; anything else counts as gone. */
  | {
    readonly recorded: NetnsIdentity;
    /** The host's own counts as gone, too: for attachments that were not allowed to have it. */
    readonly refuseOwn?: boolean;
  }
  /** No container side at all. */
  | null;

/** Opens namespaces. */
export class Kernel extends Context.Service<Kernel, {
  readonly open: (netns: NetnsWanted) => Effect.Effect<HostShape, HostError | NetnsError, Scope.Scope>;
  /**
   * Deletes the veth pairs with these host ends, and ifbs of these names, all in one request: the kernel waits until nobody
   * looks at a link any more, and so it waits once. What is not there, or is of another kind, is passed over.
   */
  readonly removeLinks: (names: readonly string[]) => Effect.Effect<void, HostError | NetnsError>;
}>()("cleat/Kernel") {}

/** Errnos that mean "it is not there", which is what an undo wants. */
export const ABSENT: ReadonlySet<string> = new Set(["ENOENT", "ENODEV", "ESRCH", "EADDRNOTAVAIL", "ENXIO"]);
