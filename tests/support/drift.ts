/** Ops in few words, a machine to apply them to, and the question what still holds after something drifted. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { HostView } from "../../src/effects/kernel/host.ts";
import { holds } from "../../src/effects/kernel/holds.ts";
import type { NftCommand, NftElement } from "../../src/effects/kernel/nft.ts";
import type { KernelOp, LinkSettings } from "../../src/effects/kernel/op.ts";
import { Leases } from "../../src/effects/leases/leases.ts";
import { memoryLeases } from "../../src/effects/leases/memory.ts";
import { NETNS, newMachine, pair } from "./machine.ts";

/** A MAC that tests choose. */
export const MAC = "0a:58:0a:01:00:02";
/** The table of nf_tables in the machine. */
export const TABLE = { family: "inet", table: "cleat" } as const;
/** Pools without a lease. */
export const noLeases = Effect.runSync(Effect.provide(Leases, memoryLeases().layer));

/** A new bridge on the host. */
export const bridge = (
  name: string,
  more: { readonly vlanFiltering?: boolean; readonly up?: boolean } = {},
): KernelOp => {
  const { vlanFiltering, ...rest } = more;
  return {
    op: "link.create",
    on: "host",
    name,
    link: { kind: "bridge", ...(vlanFiltering === undefined ? {} : { vlanFiltering }) },
    ...rest,
  };
};
/** A veth pair with both ends on the host. */
export const hostPair = (near: string, far: string): KernelOp => ({
  op: "link.create",
  on: "host",
  name: near,
  link: { kind: "veth", peer: { on: "host", name: far } },
});
/** A link and its side: `eth…` is in the container. */
export const at = (link: string) => ({ on: link.startsWith("eth") ? "container" : "host", link }) as const;
/** Changes a link; here and below, a link `eth…` is in the container. */
export const set = (name: string, settings: LinkSettings): KernelOp => ({
  op: "link.set",
  on: at(name).on,
  name,
  set: settings,
});
/** Deletes a link of the host. */
export const drop = (name: string): KernelOp => ({ op: "link.delete", on: "host", name });
/** Adds an address. */
export const address = (text: string, link = "eth0"): KernelOp => ({ op: "address.add", ...at(link), address: text });
/** Removes an address. */
export const noAddress = (text: string, link = "eth0"): KernelOp => ({
  op: "address.remove",
  ...at(link),
  address: text,
});
type Via = { readonly gw?: string; readonly metric?: number; readonly table?: number };
/** Adds a route. */
export const route = (dst: string, via: Via = {}, link = "eth0"): KernelOp => ({
  op: "route.add",
  ...at(link),
  dst,
  ...via,
});
/** Removes a route. */
export const noRoute = (dst: string, via: Via = {}): KernelOp => ({ op: "route.remove", ...at("eth0"), dst, ...via });
/** Adds the neighbour 10.1.0.9 of eth0. */
export const neighbour = (mac: string): KernelOp => ({ op: "neighbour.add", ...at("eth0"), ip: "10.1.0.9", mac });
/** Writes a sysctl. */
export const sysctl = (on: "host" | "container", key: string, value: string): KernelOp => ({
  op: "sysctl.write",
  on,
  key,
  value,
});
/** One batch on the host. */
export const nft = (...commands: readonly NftCommand[]): KernelOp => ({ op: "nft.apply", on: "host", commands });
/** An element of the map `ports`: tcp port 80 leads to port 8080 of the target. */
export const forward = (target: string): NftElement => ({
  ...TABLE,
  set: "ports",
  key: [{ protocol: "tcp" }, { port: 80 }],
  value: [{ ip: target }, { port: 8080 }],
});
/** An element of the verdict map `owners`. */
export const jump = (chain: string): NftElement => ({
  ...TABLE,
  set: "owners",
  key: [{ ip: "10.1.0.2" }],
  value: { verdict: "goto", chain },
});
/** An element of the set `members`. */
export const MEMBER: NftElement = { ...TABLE, set: "members", key: [{ ip: "10.1.0.2" }] };
/** Adds VLANs to veth1. */
export const VLAN = { op: "vlan.add", on: "host", name: "veth1" } as const;
/** Removes VLANs from veth1. */
export const NO_VLAN = { ...VLAN, op: "vlan.delete" } as const;
/** Sets port flags of veth1. */
export const PORT = { op: "port.set", on: "host", name: "veth1" } as const;

/** Two bridges, a pair whose near end is a port, a second one in the container, and nf_tables with three sets. */
const SETTING: readonly KernelOp[] = [
  bridge("cni0", { vlanFiltering: true, up: true }),
  bridge("cni1", { up: true }),
  pair(),
  pair("veth2", "eth1"),
  set("veth1", { up: true, master: "cni0" }),
  set("veth2", { up: true }),
  set("eth0", { up: true }),
  set("eth1", { up: true }),
  address("10.1.0.1/24"),
  address("10.2.0.1/24", "eth1"),
  nft(
    { add: "table", ...TABLE },
    { add: "chain", ...TABLE, chain: "masq" },
    { add: "chain", ...TABLE, chain: "other" },
    { add: "set", ...TABLE, set: "ports", key: ["inet_proto", "inet_service"], value: ["ipv4_addr", "inet_service"] },
    { add: "set", ...TABLE, set: "owners", key: ["ipv4_addr"], value: "verdict" },
    { add: "set", ...TABLE, set: "members", key: ["ipv4_addr"] },
  ),
];

/** What an op drifts by: other ops behind its back, or another view where no op could do it. */
export type Drift = readonly KernelOp[] | ((view: HostView) => HostView);

/** What holds of an op that was just applied, which must be all of it, and then after the drift. */
export const findingsAfter = (op: KernelOp, drift: Drift): readonly string[] => {
  const { kernel, host } = newMachine();
  kernel.drift(NETNS, ...SETTING, op);
  assert.deepEqual(Effect.runSync(holds(op, host, noLeases)), [], "right after it was applied");
  if (typeof drift === "function") return Effect.runSync(holds(op, drift(host), noLeases));
  kernel.drift(NETNS, ...drift);
  return Effect.runSync(holds(op, host, noLeases));
};

/** What drifted; the op; the drift; the one finding. */
export type Case = readonly [what: string, op: KernelOp, drift: Drift, finding: string];

/** One test for each drift: the finding names it, and there is no other. */
export const testDrifts = (cases: readonly Case[]): void => {
  for (const [what, op, drift, finding] of cases) {
    Deno.test(`one finding says what drifted: ${what}`, () => assert.deepEqual(findingsAfter(op, drift), [finding]));
  }
};
