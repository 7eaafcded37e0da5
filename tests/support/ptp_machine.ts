/** The ptp plugin on a simulated machine with all plugins. */
import * as Effect from "effect/Effect";
import type { KernelOp } from "../../src/effects/kernel/op.ts";
import type { Command } from "../../src/engine/command.ts";
import { hostVethName } from "../../src/plugins/names.ts";
import { ptp } from "../../src/plugins/ptp.ts";
import { registry } from "../../src/plugins/registry.ts";
import type { JsonObject } from "../../src/spec/json.ts";
import type { CniResult } from "../../src/spec/result.ts";
import { commandOf, Machine } from "./engine.ts";

/** The network, without IPAM. */
export const NET = { cniVersion: "1.1.0", name: "p1", type: "ptp" } as const;
/** The host end of the attachment of `commandOf`. */
export const end = await Effect.runPromise(hostVethName({ network: "p1", containerId: "c1", ifName: "eth0" }));

/** host-local with one range set per subnet. */
export const ranges = (...subnets: string[]) => ({ type: "host-local", ranges: subnets.map((subnet) => [{ subnet }]) });
/** static with these addresses. */
export const fixed = (addresses: JsonObject[], more: JsonObject = {}) => ({ type: "static", addresses, ...more });
/** A default route of each family. */
export const DEFAULTS = [{ dst: "0.0.0.0/0" }, { dst: "::/0" }];
/** A masqueraded network of both families. */
export const DUAL = { ...NET, ipMasq: true, ipam: { ...ranges("10.9.9.0/24", "fd09::/64"), routes: DEFAULTS } };

/** A machine with a container, and the ops it carries out. */
export const ptpMachine = () => {
  const machine = new Machine(registry);
  machine.kernel.addNetns("/ns/c1");
  const ops: KernelOp[] = [];
  machine.kernel.onApply((op, phase) => void (phase === "after" && ops.push(op)));
  const run = (verb: Command["verb"], raw: JsonObject, change: Partial<Command> = {}) =>
    machine.command(ptp, commandOf(verb, raw, change));
  const drift = (...those: KernelOp[]) => machine.kernel.drift("/ns/c1", ...those);
  return { machine, run, ops, drift };
};

/** A result, or what a test has made of it, as `prevResult`. */
export const asPrevious = (made: CniResult): JsonObject => JSON.parse(JSON.stringify(made));
