/** The same scripts played to the simulated kernel and to the real one: rules, and routes and addresses that come back. */
import type { KernelOp, RuleOp } from "../../src/effects/kernel/op.ts";
import { fidelity } from "../support/host_fidelity.ts";
import { address, attached, noAddress, noRoute, route } from "../support/host_ops.ts";
import { everything, type Step } from "../support/host_script.ts";

const inside = everything("container", "eth0");

const rule = (from: string, table: number, priority: number, more: Partial<RuleOp> = {}): KernelOp => ({
  op: "rule.add",
  on: "container",
  from,
  table,
  priority,
  ...more,
});
const noRule = (from: string, table: number, priority: number): KernelOp => ({
  op: "rule.remove",
  on: "container",
  from,
  table,
  priority,
});

const RULES: readonly Step[] = [
  ["the IPv4 rules", { look: "rules", on: "container", family: 4 }],
  ["the IPv6 rules", { look: "rules", on: "container", family: 6 }],
];

fidelity("rules are asked by priority, then by age, and leave alone", [
  ...RULES,
  ["one", rule("10.1.0.5/32", 100, 32_765)],
  ["it again", rule("10.1.0.5/32", 100, 32_765)],
  ["the same to another table", rule("10.1.0.5/32", 5000, 32_765)],
  ["one before", rule("10.1.0.6/32", 101, 32_764)],
  ["one behind", rule("10.1.0.0/24", 101, 32_766)],
  ["host bits", rule("10.1.0.9/24", 101, 40_000)],
  ["an IPv6 one", rule("fd01::5/128", 100, 32_765)],
  ["a large table", rule("fd01::6/128", 0xffff_ffff, 1)],
  ["no table", rule("10.1.0.7/32", 0, 1)],
  ...RULES,
  ["one leaves", noRule("10.1.0.5/32", 100, 32_765)],
  ["it again", noRule("10.1.0.5/32", 100, 32_765)],
  ["with another priority", noRule("10.1.0.6/32", 101, 1)],
  ["with another table", noRule("10.1.0.6/32", 100, 32_764)],
  ["the IPv6 one leaves", noRule("fd01::5/128", 100, 32_765)],
  ["the large table leaves", noRule("fd01::6/128", 0xffff_ffff, 1)],
  ...RULES,
]);

fidelity("a rule that must be alone is not made where another leads to its table", [
  ["one", rule("10.1.0.5/32", 100, 32_765, { alone: true })],
  ["another", rule("10.1.0.6/32", 100, 32_764, { alone: true })],
  ["another that need not be alone", rule("10.1.0.6/32", 100, 32_764)],
  ["one of IPv6", rule("fd01::6/128", 100, 32_764, { alone: true })],
  ["one again", rule("10.1.0.5/32", 100, 32_765, { alone: true })],
  ...RULES,
]);

fidelity("routes move to another table and come back as they were, whoever has made them", [
  ...attached,
  ["an address", address("10.1.0.5/24")],
  ["an IPv6 address", address("fd01::5/64")],
  ["a default route", route("0.0.0.0/0", { gw: "10.1.0.1", mtu: 1400, metric: 5 })],
  ["one of an administrator", route("10.9.0.0/16", { gw: "10.1.0.1", protocol: 4 })],
  ["one as the kernel makes them", route("10.8.0.0/16", { scope: 253, protocol: 2 })],
  ...inside,
  ["a copy of the connected one", route("10.1.0.0/24", { table: 100, scope: 253, src: "10.1.0.5" })],
  ["the administrator's leaves, as if nobody had signed it", noRoute("10.9.0.0/16", { gw: "10.1.0.1" })],
  ["it leaves", noRoute("10.9.0.0/16", { gw: "10.1.0.1", protocol: 4 })],
  ["the connected one leaves", noRoute("10.1.0.0/24", { scope: 253, protocol: 2 })],
  ["the IPv6 connected one leaves", noRoute("fd01::/64", { metric: 256, protocol: 2 })],
  ...inside,
  ["the connected one returns", route("10.1.0.0/24", { scope: 253, protocol: 2, src: "10.1.0.5" })],
  ["it again", route("10.1.0.0/24", { scope: 253, protocol: 2, src: "10.1.0.5" })],
  ["the IPv6 connected one returns", route("fd01::/64", { metric: 256, protocol: 2 })],
  ["the administrator's returns", route("10.9.0.0/16", { gw: "10.1.0.1", protocol: 4 })],
  ...inside,
  ["the address leaves, and all that came with it", noAddress("10.1.0.5/24")],
  ["the IPv6 address leaves", noAddress("fd01::5/64")],
  ...inside,
]);

const FOREVER = 0xffff_ffff;

fidelity("addresses may end, may bring no route, and may be there without a check", [
  ...attached,
  ["for a while", { ...address("fd01::5/64"), lifetime: { preferred: FOREVER, valid: FOREVER } } as KernelOp],
  ["without a route", { ...address("fd02::5/64"), noPrefixRoute: true, noDad: true } as KernelOp],
  ["of IPv4 without a route", { ...address("10.2.0.5/24"), noPrefixRoute: true } as KernelOp],
  ...inside,
]);
