/** The simulated kernel beside the real one: links that are taken to the container and given back. */
import type { KernelOp, LinkIdentity, LinkState } from "../../src/effects/kernel/op.ts";
import { fidelity } from "../support/host_fidelity.ts";
import { address, bridge, remove, set, until, veth } from "../support/host_ops.ts";
import { everything, type Step } from "../support/host_script.ts";

/** The script chooses the MAC address, by which either machine recognises the link; its index is another on each. */
const LINK: LinkIdentity = { kind: "veth", mac: "0a:00:00:00:00:21", index: 0 };

const move = (name: string, to: string): KernelOp => ({
  op: "link.move",
  on: "host",
  name,
  to: { on: "container", name: to },
  link: LINK,
  alias: name,
});

const giveBack = (name: string, from: string, was: LinkState): KernelOp => ({
  op: "link.return",
  on: "host",
  name,
  from: { on: "container", name: from },
  link: LINK,
  was,
});

const WAS: LinkState = {
  set: { up: true, mtu: 1400, mac: LINK.mac, promisc: false, allmulti: false, txQueueLen: 1000, alias: "" },
  addresses: ["192.0.2.7/24", "fd00::7/64"],
  routes: [{ dst: "198.51.100.0/24", gw: "192.0.2.1", metric: 5 }, { dst: "fd09::/64", gw: "fd00::1" }],
};

/** A link of the host as `WAS` says. */
const device: readonly Step[] = [
  ["something in the way of indexes", bridge("br9")],
  ["a device", veth("d0", "d1", { mac: LINK.mac, mtu: 1400, up: true }, "host")],
  ["its wire", set("host", "d1", { up: true })],
  until("host", "d0", "up"),
  ["its address", { op: "address.add", on: "host", link: "d0", address: "192.0.2.7/24" }],
  ["its IPv6 address", { op: "address.add", on: "host", link: "d0", address: "fd00::7/64", noDad: true }],
  ["its route", { op: "route.add", on: "host", link: "d0", dst: "198.51.100.0/24", gw: "192.0.2.1", metric: 5 }],
  ["its IPv6 route", { op: "route.add", on: "host", link: "d0", dst: "fd09::/64", gw: "fd00::1" }],
];

const BOTH: readonly Step[] = [
  ...everything("host", "d0", "d1", "eth0"),
  ...everything("container", "eth0", "d0"),
];

fidelity("a link is taken, used and given back as it was", [
  ...device,
  ...BOTH,
  ["it is taken", move("d0", "eth0")],
  ...BOTH,
  ["once more", move("d0", "eth1")],
  ["it goes up", set("container", "eth0", { up: true })],
  ["it gets an address", address("10.1.0.2/24")],
  ["an MTU", set("container", "eth0", { mtu: 1300, txQueueLen: 7 })],
  until("container", "eth0", "up"),
  ...BOTH,
  ["it is given back", giveBack("d0", "eth0", WAS)],
  until("host", "d0", "up"),
  ...BOTH,
  ["once more", giveBack("d0", "eth0", WAS)],
  ...BOTH,
]);

fidelity("a link comes back under its name though the container has that name, or calls it another", [
  ...device,
  ["a stranger of its name in the container", { ...bridge("d0"), on: "container" } as KernelOp],
  ["it is taken", move("d0", "eth0")],
  ...BOTH,
  ["it is given back", giveBack("d0", "eth0", WAS)],
  until("host", "d0", "up"),
  ...BOTH,
  ["the stranger goes", remove("container", "d0")],
  ["it is taken again", move("d0", "eth0")],
  ["it is given back under what it is not called", giveBack("d0", "eth9", WAS)],
  until("host", "d0", "up"),
  ...BOTH,
]);

fidelity("a link is not taken over another of the name, and not given back over one", [
  ...device,
  ["a stranger of the name in the container", { ...bridge("eth0"), on: "container" } as KernelOp],
  ["it is not taken", move("d0", "eth0")],
  ...BOTH,
  ["under another name it is", move("d0", "eth1")],
  ["it goes up", set("container", "eth1", { up: true })],
  ["it gets an address", address("10.1.0.2/24", "eth1")],
  ["somebody takes its name", bridge("d0")],
  ["it is not given back", giveBack("d0", "eth1", WAS)],
  ...everything("container", "eth1"),
  ...everything("host", "d0"),
  ["the name is free", remove("host", "d0")],
  ["it is given back", giveBack("d0", "eth1", WAS)],
  until("host", "d0", "up"),
  ...BOTH,
]);

fidelity("what cannot be taken, and what is gone, is refused", [
  ["what is not there", move("d0", "eth0")],
  ["lo", move("lo", "eth0")],
  ["a bridge", bridge("br0")],
  ["it stays", move("br0", "eth0")],
  ["what never was comes not back", giveBack("d0", "eth0", WAS)],
  ...device,
  ["a device is taken", move("d0", "eth0")],
  ["its namespace ends", "the container goes"],
  until("host", "d1", "gone"),
  ["a virtual one went with it", giveBack("d0", "eth0", WAS)],
  ["another is not taken to nowhere", move("br0", "eth0")],
  ...everything("host", "d0", "d1"),
]);
