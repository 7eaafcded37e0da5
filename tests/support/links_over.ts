/** Scripts of links that stand on another one, and what they are made of. */
import type { KernelOp, LinkKind, LinkOver, Side } from "../../src/effects/kernel/op.ts";
import { address, bridge, noAddress, remove, route, set, until, veth } from "./host_ops.ts";
import { everything, type Step } from "./host_script.ts";

type Create = Extract<KernelOp, { readonly op: "link.create" }>;

/** Makes a link of the container. */
export const make = (name: string, link: LinkKind, more: Partial<Create> = {}): KernelOp => ({
  op: "link.create",
  on: "container",
  name,
  link,
  ...more,
});

/** Where a link stands. */
export const onto = (parent: string, on: Side = "host") => ({ parent: { on, name: parent } });

/** A macvlan. */
export const macvlan = (
  parent: string,
  mode: "private" | "vepa" | "bridge" | "passthru" = "bridge",
  on: Side = "host",
) => ({ kind: "macvlan", mode, ...onto(parent, on) }) as const;

/** A vlan. */
export const vlan = (parent: string, id: number, on: Side = "host") =>
  ({ kind: "vlan", id, ...onto(parent, on) }) as const;

/** A parent on the host that has carrier, and as many links as make it have another index than those in the container. */
export const parent: readonly Step[] = [
  ["a bridge in the way", bridge("br9")],
  ["a parent", veth("p0", "p1", { up: true, mtu: 1400 }, "host")],
  ["its other end goes up", set("host", "p1", { up: true })],
  until("host", "p0", "up"),
];

const BOTH: readonly Step[] = [...everything("host", "p0", "eth0"), ...everything("container", "eth0", "eth1")];

/** One life of a link over a parent, under a name that the host has, too. */
export const life = (link: LinkOver): readonly Step[] => [
  ...parent,
  ["a link of that name on the host", bridge("eth0")],
  ["the link", make("eth0", link)],
  ["it again", make("eth0", link)],
  ...BOTH,
  ["an address", address("10.1.0.2/24")],
  ["an IPv6 address", address("fd00::2/64")],
  ["it goes up", set("container", "eth0", { up: true })],
  until("container", "eth0", "up"),
  ["a route", route("10.9.0.0/16", { gw: "10.1.0.1" })],
  ...BOTH,
  ["the parent goes down", set("host", "p0", { up: false })],
  until("container", "eth0", "down"),
  ["the parent goes up", set("host", "p0", { up: true })],
  until("container", "eth0", "up"),
  ["a smaller MTU of the parent", set("host", "p0", { mtu: 1300 })],
  ...BOTH,
  ["a larger one", set("host", "p0", { mtu: 1500 })],
  ["a larger one than the parent's", set("container", "eth0", { mtu: 1501 })],
  ...BOTH,
  ["the address goes", noAddress("10.1.0.2/24")],
  ["it is deleted", remove("container", "eth0")],
  ["once more", remove("container", "eth0")],
  ["another", make("eth1", link)],
  ["the parent is deleted", remove("host", "p0")],
  ...BOTH,
];
