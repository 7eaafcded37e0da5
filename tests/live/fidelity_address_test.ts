/** The same scripts played to the simulated kernel and to the real one: addresses and neighbours. */
import { fidelity } from "../support/host_fidelity.ts";
import { address, attached, noAddress, set, until, veth, write } from "../support/host_ops.ts";
import { everything, type Look, type Step } from "../support/host_script.ts";
import type { KernelOp } from "../../src/effects/kernel/op.ts";

const sysctl = (key: string, on: "host" | "container" = "container"): Step => [
  `the sysctl ${key}`,
  { look: "sysctl", on, key } satisfies Look,
];

const neighbour = (ip: string, mac: string, op: "neighbour.add" | "neighbour.remove" = "neighbour.add"): KernelOp => ({
  op,
  on: "container",
  link: "eth0",
  ip,
  mac,
});
const NEAR = "0a:00:00:00:01:01";
const FAR = "0a:00:00:00:01:02";

fidelity("IPv4 addresses come with the route to their network, and go with it", [
  ["an address of a missing link", address("10.1.0.5/24")],
  ["a veth", veth("veth0", "eth0", { up: true })],
  ["an address while down", address("10.1.0.5/24")],
  ...everything("container", "eth0"),
  ["the link goes up", set("container", "eth0", { up: true })],
  until("container", "eth0", "up"),
  ...everything("container", "eth0"),
  ["it again", address("10.1.0.5/24")],
  ["it with another prefix length", address("10.1.0.5/16")],
  ["a second in the network", address("10.1.0.6/24")],
  ["one of its own", address("10.2.0.1/32")],
  ["a point to point pair", address("10.3.0.0/31")],
  ...everything("container", "eth0"),
  ["a missing one leaves", noAddress("10.9.0.1/24")],
  ["one leaves with another prefix length", noAddress("10.2.0.1/24")],
  ["the primary leaves", noAddress("10.1.0.5/24")],
  ...everything("container", "eth0"),
  ["the pair leaves", noAddress("10.3.0.0/31")],
  ["the wider one leaves", noAddress("10.1.0.5/16")],
  ["it again", noAddress("10.1.0.5/16")],
  ["the last leaves", noAddress("10.2.0.1/32")],
  ...everything("container", "eth0"),
]);

fidelity("secondary addresses live on where they may be promoted", [
  ...attached,
  ["promotion", write("net/ipv4/conf/eth0/promote_secondaries", "1")],
  ["a primary", address("10.1.0.5/24")],
  ["a secondary", address("10.1.0.6/24")],
  ["the primary leaves", noAddress("10.1.0.5/24")],
  ...everything("container", "eth0"),
  ["the link goes down", set("container", "eth0", { up: false })],
  ...everything("container", "eth0"),
]);

fidelity("IPv6 addresses come with the route to their network, and go when the link goes down", [
  ["a veth", veth("veth0", "eth0", { up: true })],
  ["an address while down", address("fd00:1::5/64")],
  ...everything("container", "eth0"),
  ["the link goes up", set("container", "eth0", { up: true })],
  until("container", "eth0", "up"),
  ...everything("container", "eth0"),
  ["it again", address("fd00:1::5/64")],
  ["it with another prefix length", address("fd00:1::5/80")],
  ["a second in the network", address("fd00:1::6/64")],
  ["one of its own", address("fd00:2::1/128")],
  ["an IPv4 address, too", address("10.1.0.5/24")],
  ...everything("container", "eth0"),
  ["a missing one leaves", noAddress("fd00:9::1/64")],
  ["one leaves with another prefix length", noAddress("fd00:1::5/80")],
  ["the first leaves", noAddress("fd00:1::5/64")],
  ...everything("container", "eth0"),
  ["the second leaves", noAddress("fd00:1::6/64")],
  ...everything("container", "eth0"),
  ["the link goes down", set("container", "eth0", { up: false })],
  ...everything("container", "eth0"),
  ["it goes up again", set("container", "eth0", { up: true })],
  until("container", "eth0", "up"),
  ...everything("container", "eth0"),
]);

fidelity("IPv6 addresses stay where `keep_addr_on_down` says so", [
  ...attached,
  ["they are to stay", write("net/ipv6/conf/eth0/keep_addr_on_down", "1")],
  ["an address", address("fd00:1::5/64")],
  ["the link goes down", set("container", "eth0", { up: false })],
  ...everything("container", "eth0"),
  ["it goes up again", set("container", "eth0", { up: true })],
  until("container", "eth0", "up"),
  ...everything("container", "eth0"),
]);

fidelity("without IPv6 there are neither its addresses nor its keys", [
  ...attached,
  ["an address", address("fd00:1::5/64")],
  ["a neighbour", neighbour("fd00:1::1", FAR)],
  ["IPv6 is switched off", write("net/ipv6/conf/eth0/disable_ipv6", "1")],
  ...everything("container", "eth0"),
  ["an address, nevertheless", address("fd00:1::6/64")],
  ["a neighbour, nevertheless", neighbour("fd00:1::1", FAR)],
  ["IPv6 is switched on", write("net/ipv6/conf/eth0/disable_ipv6", "0")],
  ["an address", address("fd00:1::6/64")],
  ...everything("container", "eth0"),
  ["an MTU too small for it", set("container", "eth0", { mtu: 1000 })],
  ...everything("container", "eth0"),
  ["an address, nevertheless", address("fd00:1::6/64")],
  ["one leaves, nevertheless", noAddress("fd00:1::6/64")],
  sysctl("net/ipv6/conf/eth0/disable_ipv6"),
  ["a key is written", write("net/ipv6/conf/eth0/disable_ipv6", "1")],
  ["an MTU large enough", set("container", "eth0", { mtu: 1500 })],
  sysctl("net/ipv6/conf/eth0/disable_ipv6"),
  ["an address", address("fd00:1::6/64")],
  ...everything("container", "eth0"),
  ["IPv6 is switched off everywhere", write("net/ipv6/conf/all/disable_ipv6", "1")],
  sysctl("net/ipv6/conf/eth0/disable_ipv6"),
  sysctl("net/ipv6/conf/default/disable_ipv6"),
  ...everything("container", "eth0"),
]);

fidelity("neighbours are entered once, and leave with another MAC and with the link going down", [
  ["one of a missing link", neighbour("10.1.0.1", NEAR)],
  ["a veth", veth("veth0", "eth0", { up: true })],
  ["one while down", neighbour("10.1.0.1", NEAR)],
  ["the neighbours of eth0", { look: "neighbours", on: "container", name: "eth0" }],
  ["the link goes up", set("container", "eth0", { up: true })],
  until("container", "eth0", "up"),
  ["one", neighbour("10.1.0.1", NEAR)],
  ["it again", neighbour("10.1.0.1", NEAR)],
  ["it with another MAC", neighbour("10.1.0.1", FAR)],
  ["one of IPv6", neighbour("fd00:1::1", FAR)],
  ["the neighbours of eth0", { look: "neighbours", on: "container", name: "eth0" }],
  ["a missing one leaves", neighbour("10.1.0.9", NEAR, "neighbour.remove")],
  ["the first leaves, whatever MAC is named", neighbour("10.1.0.1", FAR, "neighbour.remove")],
  ["it again", neighbour("10.1.0.1", NEAR, "neighbour.remove")],
  ["the neighbours of eth0", { look: "neighbours", on: "container", name: "eth0" }],
  ["it returns", neighbour("10.1.0.1", NEAR)],
  ["a MAC of its own", set("container", "eth0", { mac: NEAR })],
  ["the neighbours of eth0", { look: "neighbours", on: "container", name: "eth0" }],
  ["one", neighbour("10.1.0.1", NEAR)],
  ["the MAC it has", set("container", "eth0", { mac: NEAR })],
  ["the neighbours of eth0", { look: "neighbours", on: "container", name: "eth0" }],
  ["an MTU too small for IPv6", set("container", "eth0", { mtu: 1000 })],
  ["one of IPv6", neighbour("fd00:1::1", FAR)],
  ["the neighbours of eth0", { look: "neighbours", on: "container", name: "eth0" }],
  ["the link goes down", set("container", "eth0", { up: false })],
  ["the neighbours of eth0", { look: "neighbours", on: "container", name: "eth0" }],
]);
