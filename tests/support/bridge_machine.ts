/** The bridge plugin on a simulated machine, with host-local and an IPAM plugin that answers what it is told. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type { KernelOp } from "../../src/effects/kernel/op.ts";
import type { Command } from "../../src/engine/command.ts";
import { anyPlugin, type Plugin } from "../../src/engine/plugin.ts";
import { bridge } from "../../src/plugins/bridge.ts";
import { hostLocal } from "../../src/plugins/host_local.ts";
import { hostVethName } from "../../src/plugins/names.ts";
import type { CniFailure } from "../../src/spec/failure.ts";
import type { JsonObject } from "../../src/spec/json.ts";
import type { CniResult } from "../../src/spec/result.ts";
import { commandOf, Machine, type Outcome } from "./engine.ts";

/** An IPAM plugin that answers whatever its configuration says. */
const Echo = Schema.Struct({ ipam: Schema.Struct({ answer: Schema.Any }) });
const echo: Plugin<typeof Echo.Type> = {
  type: "echo",
  versions: bridge.versions,
  config: Echo,
  add: ({ config, cniVersion }) => Effect.succeed({ cniVersion, ...config.ipam.answer }),
};

/** The attachment of `commandOf`. */
export const key = { network: "net1", containerId: "c1", ifName: "eth0" };
/** The host end of its pair. */
export const port = await Effect.runPromise(hostVethName(key));

/** A machine with a container, and the ops it carries out. */
export const machineOf = () => {
  const machine = new Machine(new Map([[hostLocal.type, anyPlugin(hostLocal)], [echo.type, anyPlugin(echo)]]));
  machine.kernel.addNetns("/ns/c1");
  const ops: KernelOp[] = [];
  machine.kernel.onApply((op, phase) => void (phase === "after" && ops.push(op)));
  const run = (verb: Command["verb"], raw: JsonObject, change: Partial<Command> = {}) =>
    machine.command(bridge, commandOf(verb, raw, change));
  return { ...machine, machine, ops, run, kernel: machine.kernel, leases: machine.leases };
};

/** Layer 2 on `br1`. */
export const NET = { cniVersion: "1.1.0", name: "net1", type: "bridge", bridge: "br1" } as const;
/** host-local with one range set per subnet. */
export const ranges = (...subnets: string[]) => ({ type: "host-local", ranges: subnets.map((subnet) => [{ subnet }]) });
/** A masqueraded IPv4 network. */
export const IPV4 = { ...NET, isDefaultGateway: true, ipMasq: true, ipam: ranges("10.1.0.0/24") };
/** A network of both families. */
export const DUAL = { ...NET, isDefaultGateway: true, ipam: ranges("10.1.0.0/24", "fd01::/64") };
/** IPAM that answers this. */
export const echoing = (answer: JsonObject, more: JsonObject = {}) => ({
  ...NET,
  ...more,
  ipam: { type: "echo", answer },
});

/** The result of an ADD that succeeded. */
export const result = (outcome: Outcome): CniResult => {
  assert.ok(outcome.ended === "ok" && outcome.result !== null, JSON.stringify(outcome));
  return outcome.result;
};
/** Checks that a verb succeeded. */
export const done = (outcome: Outcome) => assert.equal(outcome.ended, "ok", JSON.stringify(outcome));
/** The failure of a verb that failed. */
export const failure = (outcome: Outcome): CniFailure => {
  assert.ok(outcome.ended === "failed", JSON.stringify(outcome));
  return outcome.failure;
};

/** A machine's dump as far as these tests look into it. */
interface Dumped {
  readonly links: Record<
    string,
    { mac: string; up: boolean; promisc: boolean; addresses: { address: string }[]; vlans: unknown; port: unknown }
  >;
  readonly routes: unknown[];
}
/** The host. */
export const hostOf = (machine: Machine) => machine.kernel.dump().host as unknown as Dumped;
/** The container. */
export const containerOf = (machine: Machine) =>
  (machine.kernel.dump().netns as unknown as Record<string, Dumped>)["/ns/c1"] ?? assert.fail("no container");
/** Addresses of a link; undefined without it. */
export const addressesOf = ({ links }: Dumped, name: string) => links[name]?.addresses.map(({ address }) => address);
/** Addresses that are leased, in all pools. */
export const leaseFiles = (machine: Machine) =>
  Object.values(machine.leases.dump()).flatMap((pool) => Object.keys(pool)).filter((file) => !file.startsWith("last"));

/** An attachment as Go's bridge makes it: a random host end, a lease in the shared folder, nothing in our log. */
export const byGo = (master = "br1", name = "veth0a1b2c3d") => {
  const made = machineOf();
  const peer = { on: "container", name: "eth0" } as const;
  made.kernel.drift(
    "/ns/c1",
    { op: "link.create", on: "host", name: master, link: { kind: "bridge" }, up: true },
    { op: "link.create", on: "host", name, link: { kind: "veth", peer }, master, up: true },
  );
  made.leases.put("/var/lib/cni/networks/net1", "10.1.0.2", "c1\r\neth0");
  return made;
};
