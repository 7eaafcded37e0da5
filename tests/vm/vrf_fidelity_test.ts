/** The simulated kernel beside one that has VRFs: what moves with a link into a domain, and what the kernel drops. */
import type { KernelOp } from "../../src/effects/kernel/op.ts";
import { can } from "../support/capabilities.ts";
import { fidelity } from "../support/host_fidelity.ts";
import {
  address,
  attached,
  bridge,
  noAddress,
  noRoute,
  remove,
  route,
  set,
  until,
  write,
} from "../support/host_ops.ts";
import { everything, type Step } from "../support/host_script.ts";

const vrf = (name: string, table: number, more: object = {}): KernelOp => ({
  op: "link.create",
  on: "container",
  name,
  link: { kind: "vrf", table, ...("alone" in more ? { alone: true } : {}) },
  ...("join" in more ? { join: { alias: "shared" } } : {}),
});

const all: readonly Step[] = [
  ...everything("container", "eth0", "red"),
  ["the IPv4 rules", { look: "rules", on: "container", family: 4 }],
  ["the IPv6 rules", { look: "rules", on: "container", family: 6 }],
];

/** Duplicates are not looked for: when the kernel does so is a matter of time. */
const noDad: Step = ["no detection of duplicates", write("net/ipv6/conf/eth0/accept_dad", "0")];

fidelity(
  "a link moves into a VRF and out of it",
  !can.vrf ? [["the kernel has no such kind", vrf("red", 7)]] : [
    ...attached,
    noDad,
    ["a VRF", vrf("red", 7)],
    ["it goes up", set("container", "red", { up: true, alias: "shared" })],
    ["an address", address("10.1.0.2/24")],
    ["an IPv6 address", address("fd01::2/64")],
    ["a gateway", route("10.9.0.0/16", { gw: "10.1.0.1" })],
    ["on the link", route("10.8.0.0/16", { scope: 253 })],
    ["an IPv6 gateway", route("fd09::/64", { gw: "fd01::1" })],
    ["a route of another table", route("10.7.0.0/16", { gw: "10.1.0.1", table: 5000 })],
    ...all,
    ["it enters", set("container", "eth0", { master: "red" })],
    until("container", "eth0", "up"),
    ...all,
    ["the IPv6 address again", { ...address("fd01::2/64"), noDad: true } as KernelOp],
    ["the gateway in the VRF's table", route("10.9.0.0/16", { gw: "10.1.0.1", table: 7 })],
    ["the IPv6 gateway in the VRF's table", route("fd09::/64", { gw: "fd01::1", table: 7 })],
    ["the route of another table", route("10.7.0.0/16", { gw: "10.1.0.1", table: 5000 })],
    ["a route from the IPv6 address", route("fd08::/64", { src: "fd01::2", table: 7 })],
    ...all,
    ["one leaves", noRoute("10.9.0.0/16", { gw: "10.1.0.1", table: 7 })],
    ["the IPv6 address leaves", noAddress("fd01::2/64")],
    ...all,
    ["it is not deleted in use", { ...remove("container", "red"), whileUnused: { aliases: ["shared"] } } as KernelOp],
    ["the link leaves the VRF", set("container", "eth0", { master: null })],
    until("container", "eth0", "up"),
    ...all,
    ["it is not deleted under another alias", {
      ...remove("container", "red"),
      whileUnused: { aliases: ["", "another"] },
    } as KernelOp],
    ["it is deleted", { ...remove("container", "red"), whileUnused: { aliases: ["shared"] } } as KernelOp],
    ...all,
  ],
);

fidelity(
  "VRFs share a table only where they may, and one that is there is joined",
  !can.vrf ? [["the kernel has no such kind", vrf("red", 7, { join: true })]] : [
    ...attached,
    ["no table", vrf("red", 0)],
    ["one", vrf("red", 7, { alone: true, join: true })],
    ["it again", vrf("red", 7)],
    ["joined", vrf("red", 7, { alone: true, join: true })],
    ["joined with another table", vrf("red", 8, { join: true })],
    ["another with its table", vrf("blue", 7)],
    ["a third that must be alone", vrf("green", 7, { alone: true })],
    ["a VRF in a VRF", set("container", "blue", { master: "red" })],
    ["lo in a VRF", set("container", "lo", { master: "red" })],
    ["a link in a VRF that is down", set("container", "eth0", { master: "red" })],
    ["from one to another", set("container", "eth0", { master: "blue" })],
    ...everything("container", "eth0", "red", "blue", "green"),
    ["a bridge on the host", bridge("br9")],
    ["the VRF goes with a link in it", remove("container", "blue")],
    ...everything("container", "eth0", "blue"),
  ],
);
