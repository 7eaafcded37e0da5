/** What a container without a link of its own is judged by. */
import assert from "node:assert/strict";
import * as Exit from "effect/Exit";
import { collect } from "../../../src/runtime/recover.ts";
import type { JsonObject } from "../../../src/spec/json.ts";
import { commandOf, Machine } from "../../support/engine.ts";
import { ok } from "../../support/outcomes.ts";
import { LEASE, toy, toys, VETH } from "../../support/toy_plugins.ts";

const RESULT = { cniVersion: "1.1.0", ips: [{ address: "10.1.0.2/24" }] };

/** A container that only a plugin without a link of its own knows, whose namespace is gone. */
async function linkless(prevResult: JsonObject | null, prepare: (machine: Machine) => void = () => {}) {
  const plugin = toy({ ops: [LEASE] });
  const machine = new Machine(toys({ ops: [LEASE] }));
  machine.kernel.addNetns("/ns/c1");
  const raw = { cniVersion: "1.1.0", name: "net", type: "toy", ...(prevResult === null ? {} : { prevResult }) };
  ok(await machine.command(plugin, commandOf("ADD", raw)));
  machine.kernel.removeNetns("/ns/c1");
  prepare(machine);
  const exit = await machine.run(collect({ cacheDir: "/cache" }));
  assert.ok(Exit.isSuccess(exit), String(exit));
  return exit.value.map(({ attachment: { containerId }, verdict, why }) => `${containerId} ${verdict}: ${why}`).join();
}

Deno.test("without a link the path decides: it must be gone from a folder that is there", async () => {
  assert.match(await linkless(null), /^c1 unclear: there is no folder "\/ns" that could tell/);
  const beside = (machine: Machine) => void machine.files.set("/ns/other", "");
  assert.equal(await linkless(null, beside), 'c1 dead: its network namespace "/ns/c1" is gone');
  const still = (machine: Machine) => void machine.files.set("/ns/c1", "");
  assert.match(await linkless(null, still), /^c1 unclear: "\/ns\/c1" is not its network namespace any more/);
});

Deno.test("a link that an earlier plugin's result names on the host decides before the path does", async () => {
  const interfaces = [{ name: "cni0" }, { name: "veth1" }, { name: "eth0", sandbox: "/ns/c1" }];
  const result = { ...RESULT, interfaces };
  const bridge = { op: "link.create", on: "host", name: "cni0", link: { kind: "bridge" } } as const;
  const veth = { ...VETH, name: "veth1", link: { kind: "veth", peer: { on: "host", name: "far" } } } as const;
  const beside = (machine: Machine) => void machine.files.set("/ns/other", "");
  assert.equal(
    await linkless(result, (machine) => machine.kernel.drift(null, bridge)),
    'c1 dead: its network namespace is gone, and "veth1" with it',
  );
  assert.match(
    await linkless(result, (machine) => {
      beside(machine);
      machine.kernel.drift(null, bridge, veth);
    }),
    /^c1 alive: its link "veth1" is there, so somebody holds its network namespace$/,
  );
});
