import assert from "node:assert/strict";
import { registry } from "../../../src/plugins/registry.ts";
import type { JsonObject } from "../../../src/spec/json.ts";
import { commandOf, Machine } from "../../support/engine.ts";
import { failed, ok } from "../../support/outcomes.ts";
import { MASTER } from "../../support/plugin_machine.ts";

const KEY = { containerId: "c1", ifName: "eth0" };

/** A machine with a container, and the verbs of a plugin there for two networks. */
function twoNetworks(type: string, config: JsonObject) {
  const machine = new Machine(registry);
  machine.kernel.addNetns("/ns/c1");
  machine.kernel.drift("/ns/c1", ...MASTER);
  const recipe = registry.get(type) ?? assert.fail(type);
  const run = (network: string, verb: "ADD" | "CHECK" | "DEL") => {
    const raw = { cniVersion: "1.1.0", name: network, type, ...config };
    return recipe((plugin) => machine.command(plugin, commandOf(verb, raw, { key: { network, ...KEY } })));
  };
  return { machine, run };
}

const ipam = { type: "static", addresses: [{ address: "10.1.0.5/24" }] };

const CASES: readonly (readonly [string, JsonObject])[] = [
  ["macvlan", { master: "ens5" }],
  ["ipvlan", { master: "ens5", ipam }],
  ["vlan", { master: "ens5", vlanId: 7, ipam }],
  ["dummy", { ipam }],
  ["tap", {}],
  ["bridge", {}],
];

for (const [type, config] of CASES) {
  Deno.test(`DEL of ${type} after an ADD that was refused leaves the interface of another network its name`, async () => {
    const { machine, run } = twoNetworks(type, config);
    ok(await run("one", "ADD"));
    const attached = machine.kernel.dump();
    failed(await run("two", "ADD"));
    assert.deepEqual(machine.kernel.dump(), attached, "a refused ADD leaves nothing");
    for (let i = 0; i < 2; i++) ok(await run("two", "DEL"));
    assert.deepEqual(machine.kernel.dump(), attached, "the interface is the first network's");
    ok(await run("one", "DEL"));
    assert.notDeepEqual(machine.kernel.dump(), attached, "who made it takes it away");
  });
}

Deno.test("what no stream has made any more is adopted as before", async () => {
  const { machine, run } = twoNetworks("macvlan", { master: "ens5" });
  const empty = machine.kernel.dump();
  ok(await run("one", "ADD"));
  ok(await run("one", "DEL"));
  assert.deepEqual(machine.kernel.dump(), empty);
  machine.kernel.drift("/ns/c1", {
    op: "link.create",
    on: "container",
    name: "eth0",
    link: { kind: "macvlan", parent: { on: "host", name: "ens5" }, mode: "bridge" },
  });
  ok(await run("two", "DEL"));
  assert.deepEqual(machine.kernel.dump(), empty, "nobody's log has it");
});
