/** Short ways to write the ops of a script. */
import type { NftCommand } from "../../src/effects/kernel/nft.ts";
import type { KernelOp, LinkSettings, PortSettings, RouteOp, Side } from "../../src/effects/kernel/op.ts";
import type { Step, Until } from "./host_script.ts";

type Create = Extract<KernelOp, { readonly op: "link.create" }>;

/** A bridge on the host. */
export const bridge = (name: string, more: Partial<Create> = {}): KernelOp => ({
  op: "link.create",
  on: "host",
  name,
  link: { kind: "bridge" },
  ...more,
});

/** A veth on the host whose peer is in the container, or on the given side. */
export const veth = (name: string, peer: string, more: Partial<Create> = {}, far: Side = "container"): KernelOp => ({
  op: "link.create",
  on: "host",
  name,
  link: { kind: "veth", peer: { on: far, name: peer } },
  ...more,
});

export const set = (on: Side, name: string, settings: LinkSettings): KernelOp => ({
  op: "link.set",
  on,
  name,
  set: settings,
});

export const port = (name: string, settings: PortSettings): KernelOp => ({
  op: "port.set",
  on: "host",
  name,
  set: settings,
});

export const remove = (on: Side, name: string): KernelOp => ({ op: "link.delete", on, name });

/** An address of "eth0" in the container, or of another link there. */
export const address = (what: string, link = "eth0"): KernelOp => ({
  op: "address.add",
  on: "container",
  link,
  address: what,
  noDad: true,
});

export const noAddress = (what: string, link = "eth0"): KernelOp => ({
  op: "address.remove",
  on: "container",
  link,
  address: what,
});

/** A route over "eth0" in the container. */
export const route = (dst: string, more: Partial<RouteOp> = {}): KernelOp => ({
  op: "route.add",
  on: "container",
  link: "eth0",
  dst,
  ...more,
});

export const noRoute = (dst: string, more: Partial<RouteOp> = {}): KernelOp => ({
  op: "route.remove",
  on: "container",
  link: "eth0",
  dst,
  ...more,
});

export const write = (key: string, value: string, on: Side = "container"): KernelOp => ({
  op: "sysctl.write",
  on,
  key,
  value,
});

export const batch = (...commands: readonly NftCommand[]): KernelOp => ({ op: "nft.apply", on: "host", commands });

/** Waits until the link has this operational state, or is "gone". */
export const until = (on: Side, name: string, state: string): Step => [
  `${name} comes to be ${state}`,
  { until: state, on, name } satisfies Until,
];

/** A container with "eth0", up at both ends. */
export const attached: readonly Step[] = [
  ["a veth that is up", veth("veth0", "eth0", { up: true })],
  ["its peer goes up", set("container", "eth0", { up: true })],
  until("container", "eth0", "up"),
];
