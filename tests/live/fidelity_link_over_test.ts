/** The simulated kernel beside the real one: links that stand on another one, and dummies. */
import type { KernelOp, LinkKind, LinkOver, Side } from "../../src/effects/kernel/op.ts";
import { can, unless } from "../support/capabilities.ts";
import { fidelity } from "../support/host_fidelity.ts";
import { address, attached, bridge, noAddress, remove, route, set, until, veth } from "../support/host_ops.ts";
import { everything, type Step } from "../support/host_script.ts";

type Create = Extract<KernelOp, { readonly op: "link.create" }>;

const make = (name: string, link: LinkKind, more: Partial<Create> = {}): KernelOp => ({
  op: "link.create",
  on: "container",
  name,
  link,
  ...more,
});

const onto = (parent: string, on: Side = "host") => ({ parent: { on, name: parent } });

const macvlan = (parent: string, mode: "private" | "vepa" | "bridge" | "passthru" = "bridge", on: Side = "host") =>
  ({ kind: "macvlan", mode, ...onto(parent, on) }) as const;

const vlan = (parent: string, id: number, on: Side = "host") => ({ kind: "vlan", id, ...onto(parent, on) }) as const;

/** A parent on the host that has carrier, and as many links as make it have another index than those in the container. */
const parent: readonly Step[] = [
  ["a bridge in the way", bridge("br9")],
  ["a parent", veth("p0", "p1", { up: true, mtu: 1400 }, "host")],
  ["its other end goes up", set("host", "p1", { up: true })],
  until("host", "p0", "up"),
];

const BOTH: readonly Step[] = [...everything("host", "p0", "eth0"), ...everything("container", "eth0", "eth1")];

/** One life of a link over a parent, under a name that the host has, too. */
const life = (link: LinkOver): readonly Step[] => [
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

fidelity("a macvlan lives and dies with its parent, whatever names the host has", life(macvlan("p0")));
fidelity(
  "a vlan lives and dies with its parent, whatever names the host has",
  can.vlan ? life(vlan("p0", 1234)) : [...parent, ["the kernel has no such kind", make("eth0", vlan("p0", 1234))]],
);

fidelity("a macvlan has the MTU, MAC and mode that it was made with, or is not made", [
  ...parent,
  ["a missing parent", make("eth0", macvlan("p9"))],
  ["lo as parent", make("eth0", macvlan("lo"))],
  ["MTU and MAC", make("eth0", macvlan("p0", "private"), { mtu: 1300, mac: "0a:00:00:00:00:01" })],
  ["a larger MTU than the parent's", make("eth1", macvlan("p0"), { mtu: 1401 })],
  ["an MTU that no device has", make("eth1", macvlan("p0"), { mtu: 10 })],
  ["a multicast MAC", make("eth1", macvlan("p0"), { mac: "01:00:5e:00:00:01" })],
  ["a name that is too long", make("a-name-of-16-byte", macvlan("p0"))],
  ["mode vepa", make("eth1", macvlan("p0", "vepa"))],
  ["passthru beside others", make("eth2", macvlan("p0", "passthru"))],
  ...everything("container", "eth0", "eth1", "eth2"),
  ["passthru alone", make("eth2", macvlan("p1", "passthru"))],
  ["another beside it", make("eth3", macvlan("p1"))],
  ["a port of a bridge as parent", veth("p2", "p3", { master: "br9" }, "host")],
  ["on it", make("eth3", macvlan("p2"))],
  ...everything("container", "eth2", "eth3"),
]);

fidelity("a macvlan stands on a link of the container, and on another macvlan", [
  ...attached,
  ["on the container's own link", make("mv0", macvlan("eth0", "bridge", "container"))],
  ["on that", make("mv1", macvlan("mv0", "vepa", "container"))],
  ["it goes up", set("container", "mv0", { up: true })],
  until("container", "mv0", "up"),
  ...everything("container", "mv0", "mv1"),
  ["the one between goes", remove("container", "mv0")],
  ...everything("container", "mv0", "mv1"),
  ["the host's end goes", remove("host", "veth0")],
  ...everything("container", "mv1"),
]);

fidelity("with the container's namespace its macvlans go, and their parent stays", [
  ...parent,
  ["a macvlan", make("eth0", macvlan("p0"))],
  ["its last process ends", "the container goes"],
  ...everything("host", "p0"),
  ["a macvlan into it", make("eth1", macvlan("p0"))],
]);

const ids = unless(can.vlan, "a vlan has one id of its parent, and none that is taken or is none", "no vlan");
if (!ids.ignore) {
  fidelity(ids.name, [
    ...parent,
    ["id 0", make("eth0", vlan("p0", 0))],
    ["id 4094", make("eth1", vlan("p0", 4094), { mtu: 1300 })],
    ["id 4095", make("eth2", vlan("p0", 4095))],
    ["an id that is taken", make("eth2", vlan("p0", 4094))],
    ["a larger MTU than the parent's", make("eth2", vlan("p0", 7), { mtu: 1401 })],
    ["lo as parent", make("eth2", vlan("lo", 7))],
    ...everything("container", "eth0", "eth1", "eth2"),
  ]);
}

for (const mode of ["l2", "l3", "l3s"] as const) {
  fidelity(`an ipvlan in mode ${mode} has its parent's MAC address`, [
    ...parent,
    ["a MAC of the parent's", set("host", "p0", { mac: "0a:00:00:00:00:07" })],
    ["an ipvlan", make("eth0", { kind: "ipvlan", mode, ...onto("p0") })],
    ["an address", address("10.1.0.2/24")],
    ["it goes up", set("container", "eth0", { up: true })],
    ...everything("container", "eth0"),
    ["the parent is deleted", remove("host", "p0")],
    ...everything("container", "eth0"),
  ]);
}

fidelity("a dummy is up when it is set up", [
  ["a dummy", make("eth0", { kind: "dummy" }, { mtu: 1400, mac: "0a:00:00:00:00:08" })],
  ["it again", make("eth0", { kind: "dummy" })],
  ["an address", address("10.1.0.2/24")],
  ["an IPv6 address", address("fd00::2/64")],
  ["it goes up", set("container", "eth0", { up: true })],
  ["a route", route("10.9.0.0/16", { gw: "10.1.0.1" })],
  ...everything("container", "eth0"),
  ["it goes", remove("container", "eth0")],
  ...everything("container", "eth0"),
]);
