/** Plugin executables in memory: environment and stdin in, stdout and stderr out, on a simulated machine. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Layer from "effect/Layer";
import { answer } from "../../src/cli/plugin_door.ts";
import type { KernelOp } from "../../src/effects/kernel/op.ts";
import type { Services } from "../../src/engine/command.ts";
import { registry } from "../../src/plugins/registry.ts";
import { Machine } from "./engine.ts";

/** What the bridge plugin leaves for `c1`: what chained plugins go on from. */
const BRIDGED: readonly KernelOp[] = [
  { op: "link.create", on: "host", name: "cni0", link: { kind: "bridge" }, up: true },
  {
    op: "link.create",
    on: "host",
    name: "v1",
    link: { kind: "veth", peer: { on: "container", name: "eth0" } },
    master: "cni0",
    up: true,
  },
  { op: "link.set", on: "container", name: "eth0", set: { up: true } },
  { op: "address.add", on: "host", link: "cni0", address: "10.1.0.1/24" },
];

/** Plugins that come after the one which made the interface, and those that want a link of the host to stand on. */
const CHAINED: ReadonlySet<string> = new Set(["tuning", "portmap", "firewall", "bandwidth"]);
const STANDING: ReadonlySet<string> = new Set(["macvlan", "ipvlan", "vlan"]);

/** A machine with the namespaces `/ns/c1` and `/ns/c2`; where the plugin is chained, `c1` is on a bridge. */
export function machineFor(type: string): Machine {
  const machine = new Machine(registry);
  machine.kernel.addNetns("/ns/c1");
  machine.kernel.addNetns("/ns/c2");
  if (CHAINED.has(type)) machine.kernel.drift("/ns/c1", ...BRIDGED);
  if (STANDING.has(type)) machine.kernel.drift("/ns/c1", ...BRIDGED.slice(0, 1));
  return machine;
}

/** How a plugin process ended: everything it printed. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: readonly string[];
}

/** Starts a plugin on the machine, as a process with this environment and stdin would run. Throws where it dies. */
export async function start(
  machine: Machine,
  type: string,
  env: Readonly<Record<string, string>>,
  stdin: string,
): Promise<Ended> {
  const said = machine.said.length;
  const exit = await machine.run(
    Effect.flatMap(
      Effect.context<Services>(),
      (context) => answer(type, { env, readIn: () => stdin, services: () => Layer.succeedContext(context) }),
    ),
  );
  assert(Exit.isSuccess(exit), "the door itself has failed");
  return { ...exit.value, stderr: machine.said.slice(said) };
}
