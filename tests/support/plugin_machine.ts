/** One plugin on a simulated machine, with all the others to delegate to. */
import type { KernelOp } from "../../src/effects/kernel/op.ts";
import type { SimulatedOptions } from "../../src/effects/kernel/simulated.ts";
import type { Command } from "../../src/engine/command.ts";
import type { Plugin } from "../../src/engine/plugin.ts";
import { runStatus } from "../../src/engine/run_status.ts";
import { registry } from "../../src/plugins/registry.ts";
import type { JsonObject } from "../../src/spec/json.ts";
import type { CniResult } from "../../src/spec/result.ts";
import { commandOf, Machine, outcomeOf } from "./engine.ts";

/** What a link looks like in a machine's dump. */
export interface DumpedLink {
  readonly kind: string | null;
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  readonly alias?: string;
  readonly over?: { readonly parent: string; readonly mode?: string; readonly id?: number };
  readonly addresses: readonly { readonly address: string }[];
}

/** The part of a dump these tests look into. */
export interface DumpedNetns {
  readonly links: Readonly<Record<string, DumpedLink>>;
  readonly routes: readonly { readonly dst: string; readonly gw: string | null; readonly link: string }[];
}

/** A configuration with the result of ADD in it, as a runtime asks for CHECK and DEL. */
export const withPrev = (raw: JsonObject, prevResult: CniResult): JsonObject => ({
  ...raw,
  prevResult: JSON.parse(JSON.stringify(prevResult)),
});

/** The plugin on a machine with the container `c1`; `before` are ops of the host, and of that container. */
export function pluginMachine<C>(plugin: Plugin<C>, before: readonly KernelOp[] = [], options: SimulatedOptions = {}) {
  const machine = new Machine(registry, options);
  machine.kernel.addNetns("/ns/c1");
  machine.kernel.drift("/ns/c1", ...before);
  const ops: KernelOp[] = [];
  machine.kernel.onApply((op, phase) => void (phase === "after" && ops.push(op)));
  const dump = () => machine.kernel.dump() as unknown as { host: DumpedNetns; netns: Record<string, DumpedNetns> };
  return {
    machine,
    /** What was carried out. */
    ops,
    run: (verb: Command["verb"], raw: JsonObject, change: Partial<Command> = {}) =>
      machine.command(plugin, commandOf(verb, raw, change)),
    status: async (raw: JsonObject) =>
      outcomeOf(await machine.run(runStatus(plugin, { raw, cniVersion: "1.1.0", path: "" }))),
    drift: (...more: readonly KernelOp[]) => machine.kernel.drift("/ns/c1", ...more),
    host: () => dump().host,
    container: () => dump().netns["/ns/c1"] ?? { links: {}, routes: [] },
    /** Everything but empty pools, and what round robin remembers by design: the address that was given last. */
    state: () => {
      const pools = Object.entries(machine.leases.dump()).map(([pool, files]) =>
        [pool, Object.entries(files).filter(([name]) => !name.startsWith("last_reserved_ip"))] as const
      );
      return { kernel: machine.kernel.dump(), leases: pools.filter(([, files]) => files.length > 0) };
    },
  };
}

/** A master on the host that has carrier, with an address and the default route. */
export const MASTER: readonly KernelOp[] = [
  {
    op: "link.create",
    on: "host",
    name: "ens5",
    link: { kind: "veth", peer: { on: "host", name: "wire" } },
    mtu: 1450,
  },
  { op: "link.set", on: "host", name: "wire", set: { up: true } },
  { op: "link.set", on: "host", name: "ens5", set: { up: true } },
  { op: "address.add", on: "host", link: "ens5", address: "192.0.2.7/24" },
  { op: "route.add", on: "host", link: "ens5", dst: "0.0.0.0/0", gw: "192.0.2.1", metric: 100 },
];

/** A pair of which `net0` is the container's, with the default route. */
export const INSIDE: readonly KernelOp[] = [
  {
    op: "link.create",
    on: "host",
    name: "far0",
    link: { kind: "veth", peer: { on: "container", name: "net0" } },
    up: true,
  },
  { op: "link.set", on: "container", name: "net0", set: { up: true } },
  { op: "address.add", on: "container", link: "net0", address: "198.51.100.2/24" },
  { op: "route.add", on: "container", link: "net0", dst: "0.0.0.0/0", gw: "198.51.100.1" },
];
