/** The same scripts played to the simulated kernel and to the real one: what loopback and ptp do with lo and routes. */
import type { KernelOp, RouteOp } from "../../src/effects/kernel/op.ts";
import { fidelity } from "../support/host_fidelity.ts";
import { address, attached, noAddress, noRoute, route, set, write } from "../support/host_ops.ts";
import { everything } from "../support/host_script.ts";

const inside = everything("container", "eth0");
const lo = everything("container", "lo");

/** A route of the host over the near end of `attached`. */
const onHost = (dst: string, more: Partial<RouteOp> = {}): KernelOp =>
  route(dst, { on: "host", link: "veth0", ...more });
const gateway = (address: string): KernelOp => ({ op: "address.add", on: "host", link: "veth0", address, noDad: true });

fidelity("the route that an IPv4 address brought can be removed, and routes may have a source", [
  ...attached,
  ["an address", address("10.1.0.5/24")],
  ["another network's", address("10.2.0.5/24")],
  ["the gateway, from the address", route("10.1.0.1/32", { scope: 253, src: "10.1.0.5" })],
  ["it again", route("10.1.0.1/32", { scope: 253, src: "10.1.0.5" })],
  ["it from another address", route("10.1.0.1/32", { scope: 253, src: "10.2.0.5" })],
  ["it from a stranger's", route("10.1.0.1/32", { scope: 253, src: "10.9.0.5" })],
  ["a default route", route("0.0.0.0/0", { gw: "10.1.0.1" })],
  ["the connected route leaves, as if a program had made it", noRoute("10.1.0.0/24", { scope: 253 })],
  ["the connected route leaves", noRoute("10.1.0.0/24", { scope: 253, byKernel: true })],
  ["it again", noRoute("10.1.0.0/24", { scope: 253, byKernel: true })],
  ...inside,
  ["the network by the gateway", route("10.1.0.0/24", { gw: "10.1.0.1", src: "10.1.0.5" })],
  ["a neighbour as gateway", route("10.3.0.0/24", { gw: "10.1.0.7" })],
  ...inside,
  ["one leaves with the wrong source", noRoute("10.1.0.0/24", { gw: "10.1.0.1", src: "10.2.0.5" })],
  ["the address leaves, and what is sent from it", noAddress("10.1.0.5/24")],
  ...inside,
]);

fidelity("the route that an IPv6 address brought can be removed, and routes may have a source", [
  ...attached,
  ["an address", address("fd01::5/64")],
  ["the gateway, from the address", route("fd01::1/128", { src: "fd01::5" })],
  ["it again", route("fd01::1/128", { src: "fd01::5" })],
  ["one from a stranger's", route("fd01::2/128", { src: "fd09::5" })],
  ["a default route", route("::/0", { gw: "fd01::1" })],
  ["the connected route leaves, as if a program had made it", noRoute("fd01::/64", { metric: 256 })],
  ["the connected route leaves", noRoute("fd01::/64", { metric: 256, byKernel: true })],
  ["it again", noRoute("fd01::/64", { metric: 256, byKernel: true })],
  ["the network by the gateway", route("fd01::/64", { gw: "fd01::1", src: "fd01::5" })],
  ...inside,
  ["the address leaves; the routes forget it", noAddress("fd01::5/64")],
  ...inside,
]);

fidelity("the host reaches single addresses over the near end of a pair, which bears a gateway's", [
  ...attached,
  ["an IPv4 gateway", gateway("10.1.0.1/32")],
  ["an IPv6 gateway", gateway("fd01::1/128")],
  ["an IPv4 container", onHost("10.1.0.5/32", { scope: 254 })],
  ["it again", onHost("10.1.0.5/32", { scope: 254 })],
  ["an IPv6 container", onHost("fd01::5/128", { scope: 254 })],
  ["it again", onHost("fd01::5/128", { scope: 254 })],
  ...everything("host", "veth0"),
]);

fidelity("lo has its addresses while it is up, and the IPv4 one ever after", [
  ...lo,
  ["it goes up", set("container", "lo", { up: true })],
  ...lo,
  ["it goes down", set("container", "lo", { up: false })],
  ...lo,
  ["it goes up again", set("container", "lo", { up: true })],
  ...lo,
]);

fidelity("lo has its own addresses beside others, the IPv6 one unless IPv6 is off", [
  ["IPv6 is off", write("net/ipv6/conf/lo/disable_ipv6", "1")],
  ["an address of an administrator", address("192.0.2.7/32", "lo")],
  ["it goes up", set("container", "lo", { up: true })],
  ...lo,
]);
