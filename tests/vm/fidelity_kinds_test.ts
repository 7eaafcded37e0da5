/** The simulated kernel beside the real one: kinds of links that not every kernel has. */
import { hasKind, needsKind } from "../support/kinds.ts";
import { fidelity } from "../support/host_fidelity.ts";
import { address, remove, route, set } from "../support/host_ops.ts";
import { everything } from "../support/host_script.ts";
import { life, make, onto, parent, vlan } from "../support/links_over.ts";

fidelity(
  "a vlan lives and dies with its parent, whatever names the host has",
  hasKind("vlan")
    ? life(vlan("p0", 1234))
    : [...parent, ["the kernel has no such kind", make("eth0", vlan("p0", 1234))]],
);

const ids = needsKind("vlan", "a vlan has one id of its parent, and none that is taken or is none");
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

fidelity("ipvlans of one parent share their mode, and no address is on two of them", [
  ...parent,
  ["an ipvlan", make("eth0", { kind: "ipvlan", mode: "l2", ...onto("p0") })],
  ["an address", address("10.1.0.2/24")],
  ["an IPv6 address", address("fd00::2/64")],
  ["it again", address("10.1.0.2/24")],
  ["another in mode l3", make("eth1", { kind: "ipvlan", mode: "l3", ...onto("p0") })],
  ["the same address", address("10.1.0.2/24", "eth1")],
  ["the same IPv6 address", address("fd00::2/64", "eth1")],
  ["another address", address("10.1.0.3/24", "eth1")],
  ["one on it", make("eth2", { kind: "ipvlan", mode: "l2", ...onto("eth1", "container") })],
  ["a larger MTU than the parent's", make("eth3", { kind: "ipvlan", mode: "l2", ...onto("p0") }, { mtu: 1500 })],
  ["lo as parent", make("eth4", { kind: "ipvlan", mode: "l2", ...onto("lo") })],
  ...everything("container", "eth0", "eth1", "eth2", "eth3", "eth4"),
  ["the parent's MTU changes", set("host", "p0", { mtu: 1450 })],
  ...everything("container", "eth0", "eth3"),
]);
