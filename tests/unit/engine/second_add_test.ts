/** An ADD that is refused because somebody else's stands: nothing of that may be removed. */
import assert from "node:assert/strict";
import { registry } from "../../../src/plugins/registry.ts";
import type { Attachment } from "../../../src/runtime/attach.ts";
import { Machine, type Outcome } from "../../support/engine.ts";
import { listOf, nestedOf, oneByOne } from "../../support/one_by_one.ts";
import { failed, ok, streamOf } from "../../support/outcomes.ts";

const C1: Attachment = { containerId: "c1", netns: "/ns/c1", ifName: "eth0", cacheDir: "/cache" };
const LIST = listOf([
  { type: "bridge", ipam: { type: "host-local", subnet: "10.1.0.0/24", dataDir: "/leases" } },
  { type: "tuning", sysctl: { "net.core.somaxconn": "500" } },
]);

type Verb = "ADD" | "DEL" | "CHECK";

/** Ways to attach the same container to the same network, which share the plugins' streams but not the runtime's. */
const WAYS: Readonly<Record<string, (machine: Machine, verb: Verb) => Promise<Outcome>>> = {
  "the library": (machine, verb) => machine.network(verb, LIST, C1),
  "a `cleat` plugin": (machine, verb) => oneByOne(machine, nestedOf(LIST), verb, C1),
};

for (const [way, run] of Object.entries(WAYS)) {
  Deno.test(`an ADD by ${way} of what executables have attached is refused and removes nothing; its DEL removes all`, async () => {
    const machine = new Machine(registry);
    machine.kernel.addNetns("/ns/c1");
    ok(await oneByOne(machine, LIST, "ADD", C1));
    const attached = machine.dump();

    assert.match(failed(await run(machine, "ADD")).msg, /already attached/);
    assert.deepEqual(machine.dump(), attached);
    assert.equal(await machine.stateOf(streamOf("bridge")), "attached");

    ok(await run(machine, "DEL"));
    assert.equal(await machine.stateOf(streamOf("bridge")), "detached");
    assert.deepEqual(machine.dump(), await afterDetaching());
  });
}

/** What remains of a network after its last attachment: what all of them shared. */
async function afterDetaching(): Promise<unknown> {
  const machine = new Machine(registry);
  machine.kernel.addNetns("/ns/c1");
  ok(await oneByOne(machine, LIST, "ADD", C1));
  ok(await oneByOne(machine, LIST, "DEL", C1));
  return machine.dump();
}
