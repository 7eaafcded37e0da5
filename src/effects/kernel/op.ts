/**
 * A change to the host as a plain value, named as the kernel names it. One op is one kernel request (or one change of
 * the lease directory, or one execution of another plugin; what iptables and firewalld keep takes a few runs of their programs).
 *
 * Ops are persisted in the log: their names and keys are frozen once released. Only optional keys are ever added.
 */
import type { JsonObject } from "../../spec/json.ts";
import type { LinkIdentity, LinkKind, LinkSettings, LinkState } from "./link_types.ts";
import type { NftCommand } from "./nft.ts";
import type { AddressOp, RouteOp, RuleOp } from "./routing_types.ts";
import type { ClassOp, FilterOp, QdiscKind, QdiscPlace } from "./tc_types.ts";

export type * from "./link_types.ts";
export type * from "./routing_types.ts";
export type * from "./tc_types.ts";

/** An op names a side, not a namespace: a stream has exactly one container namespace, recorded in its ADD. */
export type Side = "host" | "container";

/** Flags of a bridge port (IFLA_BRPORT_MODE and IFLA_BRPORT_ISOLATED). */
export interface PortSettings {
  /** Frames may leave by the port they came in by. */
  readonly hairpin?: boolean;
  /** Frames do not pass between isolated ports. */
  readonly isolated?: boolean;
}

/** One VLAN, or the range `vid`..`to`, of a bridge port (struct bridge_vlan_info, linux/if_bridge.h). */
export interface PortVlan {
  /** 1 to 4094. */
  readonly vid: number;
  /** Last of the range, included. */
  readonly to?: number;
  /** Untagged frames that come in belong to it (BRIDGE_VLAN_INFO_PVID). */
  readonly pvid?: boolean;
  /** Frames leave without a tag (BRIDGE_VLAN_INFO_UNTAGGED). */
  readonly untagged?: boolean;
}

/** A permanent neighbour entry (NUD_PERMANENT). */
export interface NeighbourOp {
  /** The link's side. */
  readonly on: Side;
  /** The link's name. */
  readonly link: string;
  /** Without a prefix length. */
  readonly ip: string;
  /** With colons. */
  readonly mac: string;
}

/** A link of one side that is on the other for a while. */
export interface LinkPlace {
  /** The side it is on. */
  readonly on: Side;
  /** Its name there. */
  readonly name: string;
}

/** A change of kernel state. Void after a reboot. */
export type KernelOp =
  | {
    readonly op: "link.create";
    readonly on: Side;
    readonly name: string;
    readonly link: LinkKind;
    readonly mtu?: number;
    readonly mac?: string;
    readonly master?: string;
    readonly up?: boolean;
    /**
     * It is shared: a link of that name and kind, with the same data, that is there already will do, and it goes with its
     * last member while it has this alias, which `link.set` gives it.
     */
    readonly join?: { readonly alias: string };
  }
  | { readonly op: "link.set"; readonly on: Side; readonly name: string; readonly set: LinkSettings }
  | {
    readonly op: "link.delete";
    readonly on: Side;
    readonly name: string;
    /** Nothing happens to a link that is the master of another, or has none of these aliases; empty for none at all. */
    readonly whileUnused?: { readonly aliases: readonly string[] };
  }
  /** Takes a link to the other side, under a name that is free there, with this alias. It arrives down, without addresses. */
  | {
    readonly op: "link.move";
    readonly on: Side;
    readonly name: string;
    readonly to: LinkPlace;
    readonly link: LinkIdentity;
    readonly alias?: string;
  }
  /**
   * Gives a link back under its name `name` on the side `on`, as it was, wherever it is by now: the kernel gives hardware
   * back by itself, under any name, when the namespace that it was taken to ends, and destroys what is virtual. EEXIST,
   * and nothing is changed, while another link has the name.
   */
  | {
    readonly op: "link.return";
    readonly on: Side;
    readonly name: string;
    readonly from: LinkPlace;
    readonly link: LinkIdentity;
    readonly was: LinkState;
  }
  | {
    readonly op: "port.set";
    readonly on: Side;
    readonly name: string;
    readonly set: PortSettings;
    /** A port of one container that another plugin has made: it is given back as it was. */
    readonly borrowed?: boolean;
  }
  | { readonly op: "vlan.add"; readonly on: Side; readonly name: string; readonly vlans: readonly PortVlan[] }
  | { readonly op: "vlan.delete"; readonly on: Side; readonly name: string; readonly vlans: readonly PortVlan[] }
  | ({ readonly op: "address.add" } & AddressOp)
  | ({ readonly op: "address.remove" } & AddressOp)
  | ({ readonly op: "route.add" } & RouteOp)
  | ({ readonly op: "route.remove" } & RouteOp)
  | ({ readonly op: "rule.add" } & RuleOp)
  | ({ readonly op: "rule.remove" } & RuleOp)
  | ({ readonly op: "neighbour.add" } & NeighbourOp)
  | ({ readonly op: "neighbour.remove" } & NeighbourOp)
  | ({ readonly op: "qdisc.add"; readonly handle: string; readonly qdisc: QdiscKind } & QdiscPlace)
  /** With its classes and filters. ENOENT, and nothing is changed, where another one is by now. */
  | ({ readonly op: "qdisc.delete"; readonly handle: string; readonly kind: QdiscKind["kind"] } & QdiscPlace)
  /** Goes with its queueing discipline, which the same stream has made. */
  | ({ readonly op: "class.add" } & ClassOp)
  /** Goes with its queueing discipline, which the same stream has made. */
  | ({ readonly op: "filter.add" } & FilterOp)
  /** `key` is a path below /proc/sys, with slashes: `net/ipv4/ip_forward`. */
  | { readonly op: "sysctl.write"; readonly on: Side; readonly key: string; readonly value: string }
  /** One atomic nf_tables batch. */
  | { readonly op: "nft.apply"; readonly on: Side; readonly commands: readonly NftCommand[] }
  /** Forget connections to a local port, so that the next packet is looked up afresh; `address` limits it to one destination. */
  | {
    readonly op: "conntrack.flush";
    readonly on: Side;
    readonly family: 4 | 6;
    readonly protocol: "udp";
    readonly port: number;
    readonly address?: string;
  }
  /**
   * Takes a chain out of the NAT table of the program iptables, of ip6tables for family 6, with that program: first the
   * rules of `from` that jump to it, then the chain with its rules. With `sources`, only jumps of packets from these
   * addresses; while there are others, the chain stays.
   */
  | {
    readonly op: "iptables.delete";
    readonly on: Side;
    readonly family: 4 | 6;
    readonly table: "nat";
    readonly chain: string;
    readonly from: string;
    readonly sources?: readonly string[];
  }
  /**
   * Lets addresses, without prefixes and all of one family, through the chain FORWARD of the program iptables, of
   * ip6tables for family 6: a pair of rules each in `CNI-FORWARD`, added even where there is one already. The chains and
   * the jumps to them are made where they are missing, all in one transaction of the program.
   */
  | {
    readonly op: "iptables.open";
    readonly on: Side;
    readonly family: 4 | 6;
    readonly addresses: readonly string[];
    /** The chain that is asked before them. */
    readonly adminChain: string;
    /** Without the program: natively, in the tables of iptables-nft. */
    readonly natively?: boolean;
  }
  /** Takes one pair of rules of each address away again; the chains stay. Absent is fine. */
  | {
    readonly op: "iptables.close";
    readonly on: Side;
    readonly family: 4 | 6;
    readonly addresses: readonly string[];
    /** Without the program: natively, in the tables of iptables-nft. */
    readonly natively?: boolean;
  }
  /** Binds a source, an address with a prefix length, to a zone of firewalld until it is reloaded; EEXIST in another zone. */
  | { readonly op: "firewalld.add"; readonly on: Side; readonly zone: string; readonly source: string }
  /** Takes a source out of a zone of firewalld. Absent is fine, and so is a firewalld that does not run. */
  | { readonly op: "firewalld.remove"; readonly on: Side; readonly zone: string; readonly source: string };

/** The side of a veth's peer, or of the parent of a link; the link's own where it has neither. */
export const otherSideOf = ({ on, link }: Extract<KernelOp, { readonly op: "link.create" }>): Side =>
  link.kind === "veth" ? link.peer.on : "parent" in link ? link.parent.on : on;

/** A range of addresses, in host-local's words. */
export interface LeaseRange {
  /** The subnet they lie in, as a prefix. */
  readonly subnet: string;
  /** First address. */
  readonly rangeStart: string;
  /** Last address, included. */
  readonly rangeEnd: string;
  /** The gateway they use; never leased. */
  readonly gateway: string;
}

/** Who holds a lease: host-local's file content is these two. */
export interface LeaseOwner {
  /** CNI_CONTAINERID. */
  readonly containerId: string;
  /** CNI_IFNAME. */
  readonly ifName: string;
}

/** A change of a pool of addresses; `pool` is its directory, `<dataDir>/<network>`. Survives a reboot. */
export type LeaseOp =
  /** Reserve one address out of range set number `set`; `want` asks for that very address. The value is a `Lease`. */
  | {
    readonly op: "lease.reserve";
    readonly pool: string;
    readonly owner: LeaseOwner;
    readonly set: number;
    readonly ranges: readonly LeaseRange[];
    readonly want?: string;
  }
  /** Release what the owner holds: all of it, or what lies within `ranges`. */
  | {
    readonly op: "lease.release";
    readonly pool: string;
    readonly owner: LeaseOwner;
    readonly ranges?: readonly LeaseRange[];
  };

/** What the daemon that keeps DHCP leases is asked to do. Void after a reboot: the daemon forgets leases of links that are gone. */
export type DhcpOp =
  /** Get a lease, with the part of this request config that is about it. The value is a `DhcpGrant`. */
  | {
    readonly op: "dhcp.acquire";
    /** Path of the daemon's socket. */
    readonly socket: string;
    readonly network: string;
    readonly owner: LeaseOwner;
    readonly config: JsonObject;
  }
  /** Give it back to the server. */
  | {
    readonly op: "dhcp.release";
    readonly socket: string;
    readonly network: string;
    readonly owner: LeaseOwner;
  };

/** Execute another plugin for the same attachment with this request config. Survives a reboot. */
export interface InvokeOp {
  /** The name of the op. */
  readonly op: "plugin.invoke";
  /** Type of the plugin. */
  readonly plugin: string;
  /** CNI_COMMAND. */
  readonly command: "ADD" | "DEL";
  /** What it reads on stdin. */
  readonly config: JsonObject;
}

/** Throws away what Go's tuning plugin saved of an attachment, once it was put back or cannot be: `<id>_<ifname>.json`. */
export interface BackupOp {
  /** The name of the op. */
  readonly op: "backup.delete";
  /** The directory of the backups, absolute. */
  readonly dataDir: string;
  /** Whose it is. */
  readonly owner: LeaseOwner;
}

/** Everything `perform` can do. */
export type Op = KernelOp | LeaseOp | DhcpOp | InvokeOp | BackupOp;

/** The name of an op. */
export type OpName = Op["op"];
