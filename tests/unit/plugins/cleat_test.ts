/** What `cleat` does for a chain is what its plugins do one by one: results, streams, requests, failures. */
import assert from "node:assert/strict";
import type { KernelOp } from "../../../src/effects/kernel/op.ts";
import { registry } from "../../../src/plugins/registry.ts";
import type { NetworkList } from "../../../src/spec/network_list.ts";
import { container, dbnet } from "../../support/dbnet.ts";
import { Machine } from "../../support/engine.ts";
import { listOf, nestedOf, oneByOne } from "../../support/one_by_one.ts";
import { failed, ok, readingOf, streamOf } from "../../support/outcomes.ts";

const SLOTS = ["bridge", "host-local", "tuning", "portmap"];
const blue = container("blue", 8080);
const bare = { cniVersion: "1.0.0", name: "dbnet", type: "cleat" };

const machineOf = (): Machine => {
  const machine = new Machine(registry);
  for (const id of ["blue", "green"]) machine.kernel.addNetns(`/ns/${id}`);
  return machine;
};

/** Whether a container has an interface, an address, or a host port. */
const holds = (machine: Machine, id: string): boolean => {
  const text = JSON.stringify(machine.dump());
  return text.includes(`"/ns/${id} eth0"`) || text.includes(`"${id}\\r\\n`) || text.includes(`dbnet/${id}/`);
};

/** The events of the streams that the plugins themselves write. */
const streamsOf = async (machine: Machine) =>
  Object.fromEntries(
    await Promise.all(SLOTS.map(async (slot) => {
      const { records } = await readingOf(machine, streamOf(slot, "blue", "dbnet"));
      return [slot, records.map(({ event }) => event)] as const;
    })),
  );

const statesOf = (machine: Machine, ...slots: readonly string[]) =>
  Promise.all(slots.map((slot) => machine.stateOf(streamOf(slot, "blue", "dbnet"))));

const inVersion = (cniVersion: string): NetworkList =>
  listOf(dbnet.plugins.map(({ raw }) => raw), { cniVersion, name: "dbnet" });

Deno.test("[C18, C19, C27] ADD by cleat has the result, the changes and the streams of its plugins one by one, in every version", async () => {
  for (const version of ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]) {
    const [apart, together] = [machineOf(), machineOf()];
    const list = inVersion(version);
    const expected = ok(await oneByOne(apart, list, "ADD", blue), version);
    assert.deepEqual(ok(await oneByOne(together, nestedOf(list), "ADD", blue), version), expected, version);
    assert.equal(expected?.cniVersion, version);
    assert.deepEqual(together.dump(), apart.dump(), version);
    assert.deepEqual(await streamsOf(together), await streamsOf(apart), version);
  }
});

for (
  const [how, adding, deleting] of [["cleat", nestedOf(dbnet), dbnet], ["its plugins", dbnet, nestedOf(dbnet)]] as const
) {
  Deno.test(`what ${how} attached, CHECK confirms and DEL removes the other way, with a prevResult and without`, async () => {
    for (const told of [true, false]) {
      const machine = machineOf();
      const shared = machineOf();
      for (const verb of ["ADD", "DEL"] as const) ok(await oneByOne(shared, dbnet, verb, blue));
      const prevResult = ok(await oneByOne(machine, adding, "ADD", blue));
      ok(await oneByOne(machine, deleting, "CHECK", blue, { prevResult }));
      for (const _ of [1, 2]) ok(await oneByOne(machine, deleting, "DEL", blue, told ? { prevResult } : {}));
      assert.deepEqual(machine.dump(), shared.dump());
      assert.deepEqual(await statesOf(machine, ...SLOTS), SLOTS.map(() => "detached"));
      ok(await oneByOne(machine, adding, "DEL", blue), "and DEL by who added is fine");
      assert.deepEqual(machine.dump(), shared.dump());
    }
  });
}

Deno.test("[C34] DEL by cleat needs neither its plugins, nor a prevResult, nor the namespace", async () => {
  for (const netns of ["", "/ns/gone", "/ns/blue"]) {
    const [machine, expected] = [machineOf(), machineOf()];
    for (const verb of ["ADD", "DEL"] as const) ok(await oneByOne(expected, dbnet, verb, blue));
    ok(await oneByOne(machine, nestedOf(dbnet), "ADD", blue));
    ok(await oneByOne(machine, nestedOf(dbnet), "DEL", { ...blue, netns }, { config: bare }));
    assert.deepEqual(machine.dump(), expected.dump(), netns);
    assert.deepEqual(await statesOf(machine, ...SLOTS, "cleat"), [...SLOTS, "cleat"].map(() => "detached"));
  }
});

Deno.test("[C33] DEL by cleat of what was never attached succeeds and leaves nothing", async () => {
  const machine = machineOf();
  const before = machine.dump();
  for (const said of [{}, { config: bare }]) ok(await oneByOne(machine, nestedOf(dbnet), "DEL", blue, said));
  assert.deepEqual([machine.dump(), machine.log.dump()], [before, {}]);
});

const DRIFTS: readonly (readonly [what: string, drift: KernelOp])[] = [
  ["a sysctl that tuning wrote", { op: "sysctl.write", on: "container", key: "net/core/somaxconn", value: "7" }],
  ["the MAC that tuning set", { op: "link.set", on: "container", name: "eth0", set: { mac: "02:00:00:00:00:42" } }],
  ["the interface", { op: "link.delete", on: "container", name: "eth0" }],
  ["the bridge", { op: "link.delete", on: "host", name: "cni0" }],
];

for (const [what, drift] of DRIFTS) {
  Deno.test(`CHECK by cleat fails in the words of its plugins when ${what} has changed`, async () => {
    const machine = machineOf();
    const prevResult = ok(await oneByOne(machine, nestedOf(dbnet), "ADD", blue));
    machine.kernel.drift("/ns/blue", drift);
    const expected = failed(await oneByOne(machine, dbnet, "CHECK", blue, { prevResult }));
    assert.deepEqual(failed(await oneByOne(machine, nestedOf(dbnet), "CHECK", blue, { prevResult })), expected);
  });
}

const greedy = {
  ...container("blue", 8080),
  capabilityArgs: { portMappings: [{ hostPort: 9090, containerPort: 1, protocol: "tcp" }] },
};
const plugins = dbnet.plugins.map(({ raw }) => raw);
const at = (index: number, change: object): NetworkList =>
  listOf(plugins.map((raw, i) => i === index ? { ...raw, ...change } : raw), { name: "dbnet" });

const FAILING: readonly (readonly [why: string, list: NetworkList, attachment: typeof blue])[] = [
  ["the host port of the last is taken", inVersion("1.0.0"), greedy],
  ["the configuration of the second is wrong", at(1, { mtu: "big" }), blue],
  ["the configuration of the first is wrong", at(0, { ipam: { type: "host-local" } }), blue],
  ["a sysctl of the second does not exist", at(1, { sysctl: { "net.no.such": "1" } }), blue],
  ["the last is nowhere", at(2, { type: "missing" }), blue],
  ["there is no namespace", dbnet, { ...blue, netns: "/ns/gone" }],
  ["the version is unknown", inVersion("9.9.9"), blue],
  ["the arguments are no pairs", dbnet, { ...blue, args: [["a", "b=c"]] }],
];

for (const [why, list, attachment] of FAILING) {
  Deno.test(`ADD by cleat fails as its plugins do, and leaves nothing, when ${why}`, async () => {
    const [apart, together] = [machineOf(), machineOf()];
    for (const machine of [apart, together]) ok(await oneByOne(machine, dbnet, "ADD", container("green", 9090)));
    const expected = failed(await oneByOne(apart, list, "ADD", attachment));
    assert.deepEqual(failed(await oneByOne(together, nestedOf(list), "ADD", attachment)), expected);
    ok(await oneByOne(apart, dbnet, "DEL", attachment));
    assert.deepEqual(together.dump(), apart.dump());
    assert.equal(holds(together, "blue"), false);
  });
}

Deno.test("a second ADD by cleat is refused as its first plugin would refuse it, and changes nothing", async () => {
  const machine = machineOf();
  ok(await oneByOne(machine, nestedOf(dbnet), "ADD", blue));
  const before = [machine.dump(), machine.log.dump()];
  const refused = failed(await oneByOne(machine, nestedOf(dbnet), "ADD", blue));
  assert.deepEqual(refused, failed(await oneByOne(machine, dbnet, "ADD", blue)));
  assert.deepEqual([machine.dump(), machine.log.dump()], before);
});

Deno.test("GC by cleat removes what either way attached, and keeps what is valid", async () => {
  const machine = machineOf();
  machine.kernel.addNetns("/ns/red");
  ok(await oneByOne(machine, nestedOf(dbnet), "ADD", blue));
  ok(await oneByOne(machine, dbnet, "ADD", container("green", 9090)));
  ok(await oneByOne(machine, nestedOf(dbnet), "ADD", container("red", 7070)));
  const list = nestedOf(inVersion("1.1.0"));
  const valid = [{ containerId: "red", ifName: "eth0" }];
  ok(await oneByOne(machine, list, "GC", blue, { valid }));
  assert.deepEqual(["blue", "green", "red"].filter((id) => holds(machine, id)), ["red"]);
  assert.deepEqual(await statesOf(machine, "cleat", "bridge"), ["detached", "detached"]);
  ok(await oneByOne(machine, list, "GC", blue));
  assert.equal(holds(machine, "red"), false, "no list of valid ones means that there are none");
});

Deno.test("an ADD by cleat that is interrupted at any point leaves nothing", async () => {
  const reference = machineOf();
  ok(await oneByOne(reference, nestedOf(dbnet), "ADD", blue));
  assert.equal(holds(reference, "blue"), true);
  for (let point = 2; point <= reference.points; point += 3) {
    const machine = machineOf();
    const crash = { at: point, interrupt: true };
    assert.notEqual((await oneByOne(machine, nestedOf(dbnet), "ADD", blue, { crash })).ended, "ok", `point ${point}`);
    assert.equal(holds(machine, "blue"), false, `point ${point}`);
  }
});
