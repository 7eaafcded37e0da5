/** The bandwidth plugin on a simulated machine, behind a veth pair as other plugins leave it for `c1`. */
import type { KernelOp } from "../../src/effects/kernel/op.ts";
import type { SimulatedOptions } from "../../src/effects/kernel/simulated.ts";
import { bandwidth } from "../../src/plugins/bandwidth.ts";
import type { JsonObject } from "../../src/spec/json.ts";
import { pluginMachine } from "./plugin_machine.ts";

/** Go's name for the ifb of `c1` on `net1`. */
export const IFB = "bwpc2d892b58e87";

/** A pair of the host with the container, up at both ends. */
export const pairOf = (near: string, far: string, more: { readonly mtu?: number } = {}): readonly KernelOp[] => [
  {
    op: "link.create",
    on: "host",
    name: near,
    link: { kind: "veth", peer: { on: "container", name: far, ...more } },
    up: true,
    ...more,
  },
  { op: "link.set", on: "container", name: far, set: { up: true } },
];

/** What the plugin before answered for pairs of these names. */
export const resultOf = (cniVersion: string, ...ends: readonly string[]): JsonObject => {
  const interfaces = [...ends.map((name) => ({ name })), { name: "eth0", sandbox: "/ns/c1" }];
  return { cniVersion, interfaces };
};

/** 8 Mbit/s in and 16 out. */
export const LIMITS = { ingressRate: 8_000_000, ingressBurst: 800_000, egressRate: 16_000_000, egressBurst: 400_000 };

/** A request config behind the pair `veth1`. */
export const bandwidthConf = (settings: JsonObject, cniVersion = "1.1.0"): JsonObject => ({
  cniVersion,
  name: "net1",
  type: "bandwidth",
  prevResult: resultOf(cniVersion, "cni0", "veth1"),
  ...settings,
});

/** A queueing discipline in a dump. */
export interface DumpedQdisc {
  readonly handle: string;
  readonly qdisc: { readonly kind: string; readonly rate?: number; readonly burst?: number; readonly limit?: number };
  readonly classes: Readonly<Record<string, { readonly rate: number; readonly burst: number }>>;
  readonly filters: readonly { readonly redirect: string | null; readonly flow: string; readonly match?: object }[];
}

/** The plugin on a machine with the pair `veth1` and `eth0`; `more` is there as well. */
export const bandwidthMachine = (more: readonly KernelOp[] = [], options: SimulatedOptions = {}) => {
  const made = pluginMachine(bandwidth, [...pairOf("veth1", "eth0", { mtu: 1_400 }), ...more], options);
  /** The queueing disciplines of a link of the host, by parents. */
  const queues = (link: string): Readonly<Record<string, DumpedQdisc>> => {
    const { links } = made.host() as unknown as { links: Record<string, { qdiscs?: Record<string, DumpedQdisc> }> };
    return links[link]?.qdiscs ?? {};
  };
  return { ...made, queues };
};
