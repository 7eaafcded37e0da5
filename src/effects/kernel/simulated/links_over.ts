/** Links that stand on another one: macvlan, ipvlan and vlan. */
import type { KernelOp, LinkOver } from "../op.ts";
import { applyMtu, checkMac, checkMtu } from "./link_set.ts";
import { refuse } from "./refusal.ts";
import { everyNetns, newMac, putLink, type SimLink, type SimNetns, type SimWorld } from "./state.ts";

/** A request for such a link. */
export type CreateOver = Extract<KernelOp, { readonly op: "link.create" }> & { readonly link: LinkOver };

/** VLAN_VID_MASK (linux/if_vlan.h), which is no id. */
const RESERVED_VLAN = 4095;

/** Whether the link is to stand on another. */
export const isOver = (op: Extract<KernelOp, { readonly op: "link.create" }>): op is CreateOver => "parent" in op.link;

/** A macvlan on a macvlan, or an ipvlan on an ipvlan, stands on what that stands on. */
const parentOf = ({ link }: CreateOver, far: SimNetns): SimLink => {
  const named = far.links.get(link.parent.name) ?? refuse("ENODEV");
  return link.kind !== "vlan" && named.kind === link.kind && named.over !== null ? named.over.parent : named;
};

const checkMacvlan = (parent: SimLink, mode: string): void => {
  if (parent.master !== null) refuse("EBUSY");
  const others = [...parent.uppers].filter(({ kind }) => kind === "macvlan");
  const isAlone = others.length === 0;
  if (!isAlone && (mode === "passthru" || others.some(({ over }) => over?.mode === "passthru"))) refuse("EINVAL");
};

const checkVlan = (parent: SimLink, id: number): void => {
  if (id >= RESERVED_VLAN) refuse("ERANGE", "Invalid VLAN id");
  const isTaken = [...parent.uppers].some(({ kind, over }) => kind === "vlan" && over?.id === id);
  if (isTaken) refuse("EEXIST", "VLAN device already exists");
};

/** What the kernel refuses of such a link, its name aside. */
export const checkOver = (op: CreateOver, far: SimNetns): void => {
  const parent = parentOf(op, far);
  if (op.mtu !== undefined) checkMtu(op.mtu, op.link.kind);
  if (parent.name === "lo") refuse(op.link.kind === "vlan" ? "EOPNOTSUPP" : "EINVAL");
  if (op.link.kind !== "ipvlan" && op.mtu !== undefined && op.mtu > parent.mtu) refuse("EINVAL");
  if (op.link.kind === "macvlan") checkMacvlan(parent, op.link.mode);
  if (op.link.kind === "vlan") checkVlan(parent, op.link.id);
};

/** An ipvlan, a vlan and a macvlan in mode "passthru" have their parent's MAC address. */
const macOf = (world: SimWorld, { link, mac }: CreateOver, parent: SimLink): string => {
  if (link.kind === "ipvlan" || (link.kind === "macvlan" && link.mode === "passthru")) return parent.mac;
  if (mac !== undefined) return checkMac(mac);
  return link.kind === "vlan" ? parent.mac : newMac(world);
};

/** All ipvlans of a parent have one mode: that of the last to be made (ipvlan_set_port_mode). */
const shareMode = ({ uppers }: SimLink, mode: string): void => {
  for (const { kind, over } of uppers) if (kind === "ipvlan" && over !== null) over.mode = mode;
};

/** Whether an ipvlan of the same parent has the address (ipvlan_addr_busy). */
export const isBusy = ({ kind, over }: SimLink, address: string): boolean =>
  kind === "ipvlan" && over !== null &&
  [...over.parent.uppers].some((other) => other.kind === "ipvlan" && other.addresses.some(({ ip }) => ip === address));

/** Makes such a link; `far` is its parent's namespace. */
export const makeOver = (world: SimWorld, op: CreateOver, near: SimNetns, far: SimNetns): SimLink => {
  const { link, name, mtu } = op;
  const parent = parentOf(op, far);
  const data = link.kind === "vlan" ? { id: link.id } : { mode: link.mode };
  if (link.kind === "ipvlan") shareMode(parent, link.mode);
  return putLink({
    name,
    kind: link.kind,
    netns: near,
    mac: macOf(world, op, parent),
    mtu: mtu ?? parent.mtu,
    over: { parent, ...data },
  });
};

/** A macvlan or vlan does not keep a larger MTU than its parent's (macvlan_device_event, vlan_device_event: NETDEV_CHANGEMTU). */
export const followParents = (world: SimWorld): void => {
  for (const { links } of everyNetns(world)) {
    for (const link of links.values()) {
      if (link.over !== null && link.kind !== "ipvlan" && link.mtu > link.over.parent.mtu) {
        applyMtu(link, link.over.parent.mtu);
      }
    }
  }
};
