/** The simulated kernel beside the real one: taps, which nobody ever opens here. */
import type { KernelOp, TapKind } from "../../src/effects/kernel/op.ts";
import { can, unless } from "../support/capabilities.ts";
import { fidelity } from "../support/host_fidelity.ts";
import { address, bridge, noAddress, remove, route, set } from "../support/host_ops.ts";
import { everything, type Step } from "../support/host_script.ts";

type Create = Extract<KernelOp, { readonly op: "link.create" }>;

const tap = (name: string, link: Omit<TapKind, "kind"> = {}, more: Partial<Create> = {}): KernelOp => ({
  op: "link.create",
  on: "container",
  name,
  link: { kind: "tap", ...link },
  ...more,
});

const script = (name: string, steps: readonly Step[]): void => {
  const test = unless(can.tap, name, "no /dev/net/tun");
  if (test.ignore) Deno.test({ ...test, fn() {} });
  else fidelity(test.name, steps);
};

script("a tap lives without carrier, with its addresses and routes, until it is deleted", [
  ["a bridge of that name on the host", { ...bridge("eth0"), on: "host" }],
  ["a tap", tap("eth0")],
  ["it again", tap("eth0")],
  ["another kind of that name", { ...bridge("eth0"), on: "container" }],
  ...everything("container", "eth0"),
  ["an address", address("10.1.0.2/24")],
  ["an IPv6 address", address("fd00::2/64")],
  ["it goes up", set("container", "eth0", { up: true })],
  ["a route", route("10.9.0.0/16", { gw: "10.1.0.1" })],
  ["an IPv6 route", route("fd09::/64", { gw: "fd00::1" })],
  ...everything("container", "eth0"),
  ["another MTU", set("container", "eth0", { mtu: 1300 })],
  ["another MAC", set("container", "eth0", { mac: "0a:00:00:00:00:05" })],
  ...everything("container", "eth0"),
  ["it goes down", set("container", "eth0", { up: false })],
  ...everything("container", "eth0"),
  ["the address goes", noAddress("10.1.0.2/24")],
  ["it is deleted", remove("container", "eth0")],
  ["once more", remove("container", "eth0")],
  ...everything("container", "eth0"),
]);

script("a tap has the settings that it was made with, or is not made", [
  ["a bridge in the container", { ...bridge("br5"), on: "container" }],
  ["owner and group", tap("t0", { owner: 1000, group: 27 }, { mtu: 1400, mac: "0a:00:00:00:00:01" })],
  ["root as owner", tap("t1", { owner: 0, group: 0 })],
  ["several queues", tap("t2", { multiQueue: true }, { master: "br5", mac: "0a:00:00:00:00:02" })],
  ["the largest MTU", tap("t3", {}, { mtu: 65_521 })],
  ["one more", tap("t4", {}, { mtu: 65_522 })],
  ["an MTU that no device has", tap("t4", {}, { mtu: 10 })],
  ["a multicast MAC", tap("t4", {}, { mac: "01:00:5e:00:00:01" })],
  ["a missing master", tap("t4", {}, { master: "br6" })],
  ["a master that is no bridge", tap("t4", {}, { master: "t0" })],
  ["a name that is too long", tap("a-name-of-16-byte")],
  ["a name of 15 bytes", tap("a-name-of-15-by")],
  ["no name", tap("")],
  ["a name with a slash", tap("a/b")],
  ["a name that is taken", tap("br5")],
  ...everything("container", "t0", "t1", "t2", "t3", "t4", "a-name-of-15-by", "br5"),
  ["into the bridge", set("container", "t0", { master: "br5" })],
  ["it goes up", set("container", "t0", { up: true })],
  ["so does the bridge", set("container", "br5", { up: true })],
  ...everything("container", "t0", "br5"),
  ["its last process ends", "the container goes"],
  ["a tap into it", tap("eth1")],
]);
