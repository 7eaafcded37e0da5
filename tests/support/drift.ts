import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { HostView } from "../../src/effects/kernel/host.ts";
import { holds } from "../../src/effects/kernel/holds.ts";
import type { NftCommand, NftElement } from "../../src/effects/kernel/nft.ts";
import type { KernelOp, LinkSettings, Op } from "../../src/effects/kernel/op.ts";
import { undoFor } from "../../src/effects/kernel/undo.ts";
import { Leases } from "../../src/effects/leases/leases.ts";
import { memoryLeases } from "../../src/effects/leases/memory.ts";
import { NETNS, newMachine, pair, up } from "./machine.ts";

const MAC = "0a:58:0a:01:00:02";
const TABLE = { family: "inet", table: "cleat" } as const;
const noLeases = Effect.runSync(Effect.provide(Leases, memoryLeases().layer));

const bridge = (name: string, more: { readonly vlanFiltering?: boolean; readonly up?: boolean } = {}): KernelOp => {
  const { vlanFiltering, ...rest } = more;
  return {
    op: "link.create",
    on: "host",
    name,
    link: { kind: "bridge", ...(vlanFiltering === undefined ? {} : { vlanFiltering }) },
    ...rest,
  };
};
const hostPair = (near: string, far: string): KernelOp => ({
  op: "link.create",
  on: "host",
  name: near,
  link: { kind: "veth", peer: { on: "host", name: far } },
});
const set = (name: string, settings: LinkSettings): KernelOp => ({
  op: "link.set",
  on: name.startsWith("eth") ? "container" : "host",
  name,
  set: settings,
});
const drop = (name: string): KernelOp => ({ op: "link.delete", on: "host", name });
const address = (text: string, link = "eth0"): KernelOp => ({
  op: "address.add",
  on: link.startsWith("eth") ? "container" : "host",
  link,
  address: text,
});
const noAddress = (text: string, link = "eth0"): KernelOp => ({ ...at(link), op: "address.remove", address: text });
const at = (link: string) => ({ on: link.startsWith("eth") ? "container" : "host", link }) as const;
type Via = { readonly gw?: string; readonly metric?: number; readonly table?: number };
const route = (dst: string, via: Via = {}, link = "eth0"): KernelOp => ({ op: "route.add", ...at(link), dst, ...via });
const noRoute = (dst: string, via: Via = {}): KernelOp => ({ op: "route.remove", ...at("eth0"), dst, ...via });
const neighbour = (mac: string): KernelOp => ({ op: "neighbour.add", ...at("eth0"), ip: "10.1.0.9", mac });
const sysctl = (on: "host" | "container", key: string, value: string): KernelOp => ({
  op: "sysctl.write",
  on,
  key,
  value,
});
const nft = (...commands: readonly NftCommand[]): KernelOp => ({ op: "nft.apply", on: "host", commands });
const forward = (target: string): NftElement => ({
  ...TABLE,
  set: "ports",
  key: [{ protocol: "tcp" }, { port: 80 }],
  value: [{ ip: target }, { port: 8080 }],
});
const jump = (chain: string): NftElement => ({
  ...TABLE,
  set: "owners",
  key: [{ ip: "10.1.0.2" }],
  value: { verdict: "goto", chain },
});
const MEMBER: NftElement = { ...TABLE, set: "members", key: [{ ip: "10.1.0.2" }] };
const VLAN = { op: "vlan.add", on: "host", name: "veth1" } as const;
const NO_VLAN = { ...VLAN, op: "vlan.delete" } as const;
const PORT = { op: "port.set", on: "host", name: "veth1" } as const;

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

type Change = (view: HostView) => HostView;

/** What holds of the op right after it was applied, which must be all of it, and what after the drift. */
const findingsAfter = (op: KernelOp, drift: readonly KernelOp[] | Change): readonly string[] => {
  const { kernel, host } = newMachine({ duplicates: ["fd00::dad"] });
  kernel.drift(
    NETNS,
    ...SETTING.filter((step) => step.op !== "link.create" || op.op !== step.op || step.name !== op.name),
    op,
  );
  assert.deepEqual(Effect.runSync(holds(op, host, noLeases)), [], "right after it was applied");
  if (typeof drift === "function") return Effect.runSync(holds(op, drift(host), noLeases));
  kernel.drift(NETNS, ...drift);
  return Effect.runSync(holds(op, host, noLeases));
};

