/**
 * A change to the host as a plain value, named as the kernel names it. One op is one kernel request (or one change of
 * the lease directory, or one execution of another plugin).
 *
 * Ops are persisted in the log: their names and keys are frozen once released. Only optional keys are ever added.
 */
import type { JsonObject } from "../../spec/json.ts";
import type { NftCommand } from "./nft.ts";

/** An op names a side, not a namespace: a stream has exactly one container namespace, recorded in its ADD. */
export type Side = "host" | "container";

/** The other end of a veth pair; made with the pair, in its own namespace, under its final name. */
export interface VethPeer {
  readonly on: Side;
  readonly name: string;
  readonly mtu?: number;
  readonly mac?: string;
}

/** What to create, with the data of its kind (IFLA_INFO_KIND and IFLA_INFO_DATA, linux/if_link.h). */
export type LinkKind =
  | { readonly kind: "bridge"; readonly vlanFiltering?: boolean }
  | { readonly kind: "veth"; readonly peer: VethPeer };

/** Settings of a link that one RTM_SETLINK can change. `mtu` in bytes, `txQueueLen` in packets, `master` a link's name or null. */
export interface LinkSettings {
  readonly up?: boolean;
  readonly mtu?: number;
  readonly mac?: string;
  readonly master?: string | null;
  readonly promisc?: boolean;
  readonly allmulti?: boolean;
  readonly txQueueLen?: number;
}

/** Flags of a bridge port (IFLA_BRPORT_MODE and IFLA_BRPORT_ISOLATED). */
export interface PortSettings {
  readonly hairpin?: boolean;
  readonly isolated?: boolean;
}

/** One VLAN, or the range `vid`..`to`, of a bridge port (struct bridge_vlan_info, linux/if_bridge.h). */
export interface PortVlan {
  readonly vid: number;
  readonly to?: number;
  readonly pvid?: boolean;
  readonly untagged?: boolean;
}

/** An address on a link: `address` with its prefix length; `noDad` skips duplicate address detection (IFA_F_NODAD). */
interface AddressOp {
  readonly on: Side;
  readonly link: string;
  readonly address: string;
  readonly noDad?: boolean;
}

/** A route over a link: `metric` is RTA_PRIORITY, `scope` rtm_scope, `mtu` and `advmss` are route metrics in bytes. */
interface RouteOp {
  readonly on: Side;
  readonly link: string;
  readonly dst: string;
  readonly gw?: string;
  readonly metric?: number;
  readonly table?: number;
  readonly scope?: number;
  readonly mtu?: number;
  readonly advmss?: number;
}

/** A permanent neighbour entry (NUD_PERMANENT). */
interface NeighbourOp {
  readonly on: Side;
  readonly link: string;
  readonly ip: string;
  readonly mac: string;
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
  }
  | { readonly op: "link.set"; readonly on: Side; readonly name: string; readonly set: LinkSettings }
  | { readonly op: "link.delete"; readonly on: Side; readonly name: string }
  | { readonly op: "port.set"; readonly on: Side; readonly name: string; readonly set: PortSettings }
  | { readonly op: "vlan.add"; readonly on: Side; readonly name: string; readonly vlans: readonly PortVlan[] }
  | { readonly op: "vlan.delete"; readonly on: Side; readonly name: string; readonly vlans: readonly PortVlan[] }
  | ({ readonly op: "address.add" } & AddressOp)
  | ({ readonly op: "address.remove" } & AddressOp)
  | ({ readonly op: "route.add" } & RouteOp)
  | ({ readonly op: "route.remove" } & RouteOp)
  | ({ readonly op: "neighbour.add" } & NeighbourOp)
  | ({ readonly op: "neighbour.remove" } & NeighbourOp)
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
  };

/** From the first address to the last, both included, with the subnet they lie in and the gateway they use. */
export interface LeaseRange {
  readonly subnet: string;
  readonly rangeStart: string;
  readonly rangeEnd: string;
  readonly gateway: string;
}

/** Who holds a lease: host-local's file content is these two. */
export interface LeaseOwner {
  readonly containerId: string;
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

/** Execute another plugin for the same attachment with this request config. Survives a reboot. */
export interface InvokeOp {
  readonly op: "plugin.invoke";
  readonly plugin: string;
  readonly command: "ADD" | "DEL";
  readonly config: JsonObject;
}

/** Everything `perform` can do. */
export type Op = KernelOp | LeaseOp | InvokeOp;

/** The name of an op. */
export type OpName = Op["op"];
