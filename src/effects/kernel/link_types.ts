/** What the ops say of links. Persisted with them: frozen once released. */
import type { RouteOp, Side } from "./op.ts";

/** The other end of a veth pair; made with the pair, in its own namespace, under its final name. */
export interface VethPeer {
  /** The side it is made on. */
  readonly on: Side;
  /** At most 15 bytes. */
  readonly name: string;
  /** In bytes. */
  readonly mtu?: number;
  /** Made up by the kernel where absent. */
  readonly mac?: string;
}

/** What to create, with the data of its kind (IFLA_INFO_KIND and IFLA_INFO_DATA, linux/if_link.h). */
export type LinkKind =
  | { readonly kind: "bridge"; readonly vlanFiltering?: boolean }
  | { readonly kind: "veth"; readonly peer: VethPeer }
  | { readonly kind: "dummy" }
  /** Gives what is redirected to it a queue of its own, and then lets it go on where it was. */
  | { readonly kind: "ifb" }
  | TapKind
  | VrfKind
  | LinkOver;

/**
 * An Ethernet device whose other end is a program, such as a virtual machine: a device of kind `tun` with IFF_TAP
 * (linux/if_tun.h), which stays when that program ends. Frames come with a `virtio_net_hdr` and without packet
 * information, unless who opens it wants it otherwise.
 */
export interface TapKind {
  /** The kind. */
  readonly kind: "tap";
  /** It can be opened several times, once for each queue (IFF_MULTI_QUEUE). */
  readonly multiQueue?: boolean;
  /** The user who may open it without CAP_NET_ADMIN, by number (TUNSETOWNER). */
  readonly owner?: number;
  /** The group whose members may, by number (TUNSETGROUP); with an owner, both are asked for. */
  readonly group?: number;
  /** The SELinux context it is made in, which decides who may open it. */
  readonly selinuxContext?: string;
}

/** A domain of routes of its own for the links in it (drivers/net/vrf.c). */
export interface VrfKind {
  /** Name of the kind. */
  readonly kind: "vrf";
  /** Number of the table its links' packets are looked up in, 1 or more (IFLA_VRF_TABLE). */
  readonly table: number;
  /** EEXIST, and nothing is made, while another VRF of the namespace has that table. */
  readonly alone?: boolean;
}

/** The link that another one stands on (IFLA_LINK), by its own side and name. */
export interface LinkParent {
  /** The side it is on. */
  readonly on: Side;
  /** Its name. */
  readonly name: string;
}

/** Which frames macvlans of one parent exchange (IFLA_MACVLAN_MODE). */
export type MacvlanMode = "private" | "vepa" | "bridge" | "passthru";

/** What an ipvlan looks at to tell whose a packet is (IFLA_IPVLAN_MODE). */
export type IpvlanMode = "l2" | "l3" | "l3s";

/** Kinds of links that send and receive through a parent; they die with it. */
export type LinkOver =
  /** A MAC address of its own; `bcQueueLen` is how many broadcasts may wait, in packets. */
  | { readonly kind: "macvlan"; readonly parent: LinkParent; readonly mode: MacvlanMode; readonly bcQueueLen?: number }
  /** The parent's MAC address. */
  | { readonly kind: "ipvlan"; readonly parent: LinkParent; readonly mode: IpvlanMode }
  /** The parent's frames with this 802.1Q tag, 0 to 4094. */
  | { readonly kind: "vlan"; readonly parent: LinkParent; readonly id: number };

/** Settings of a link that one RTM_SETLINK can change; absent ones stay as they are. */
export interface LinkSettings {
  /** IFF_UP. */
  readonly up?: boolean;
  /** In bytes. */
  readonly mtu?: number;
  /** With colons. */
  readonly mac?: string;
  /** Name of the bridge or VRF it is put into; null takes it out. */
  readonly master?: string | null;
  /** IFF_PROMISC. */
  readonly promisc?: boolean;
  /** IFF_ALLMULTI. */
  readonly allmulti?: boolean;
  /** In packets. */
  readonly txQueueLen?: number;
  /** IFLA_IFALIAS: a text for people; empty for none. */
  readonly alias?: string;
}

/** What a link is recognised by, wherever it is and whatever it is called. */
export interface LinkIdentity {
  /** IFLA_INFO_KIND; null for hardware. */
  readonly kind: string | null;
  /** Its MAC address when it was taken. */
  readonly mac: string;
  /** Its index when it was taken. */
  readonly index: number;
  /** Of hardware: bus and name of the device, such as `pci/0000:00:04.0`. */
  readonly device?: string;
  /** Of hardware: the MAC address that was burnt in. */
  readonly permanentMac?: string;
}

/** What a link was like before it was taken. */
export interface LinkState {
  /** The settings that the way there and back may change. */
  readonly set: LinkSettings;
  /** Its addresses, but for link-local ones, which the kernel makes. */
  readonly addresses: readonly string[];
  /** The routes over it, but for those that its addresses bring. */
  readonly routes: readonly Omit<RouteOp, "on" | "link">[];
}
