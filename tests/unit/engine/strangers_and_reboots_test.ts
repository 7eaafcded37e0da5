import assert from "node:assert/strict";
import { registry } from "../../../src/plugins/registry.ts";
import { container, dbnet } from "../../support/dbnet.ts";
import { commandOf, Machine } from "../../support/engine.ts";
import { foreign, printing } from "../../support/foreign.ts";
import { eventsOf, failed, ok, readingOf, streamOf, wordsOf } from "../../support/outcomes.ts";
import { OPS, POOL, RAW, toy, toys } from "../../support/toy_plugins.ts";

const STREAM = streamOf("toy");
const PLUGIN = toy({ ops: OPS, adopt: [{ op: "link.delete", on: "container", name: "eth0" }] });

/** What somebody else has in the namespace that took the place of the first. */
const STRANGERS = {
  op: "link.create",
  on: "host",
  name: "v9",
  link: { kind: "veth", peer: { on: "container", name: "eth0" } },
} as const;

async function attached(): Promise<Machine> {
  const machine = new Machine(toys());
  machine.kernel.addNetns("/ns/c1");
  ok(await machine.command(PLUGIN, commandOf("ADD", RAW)));
  return machine;
}

/** The namespace is gone, another one has its path and a link of the same name. */
async function replaced(): Promise<Machine> {
  const machine = await attached();
  machine.kernel.removeNetns("/ns/c1");
  machine.kernel.addNetns("/ns/c1");
  machine.kernel.drift("/ns/c1", STRANGERS, {
    op: "sysctl.write",
    on: "container",
    key: "net/core/somaxconn",
    value: "7",
  });
  return machine;
}

const leasesOf = (machine: Machine): Readonly<Record<string, string>> => machine.leases.dump()[POOL] ?? {};

Deno.test("DEL touches nothing in a namespace that has only the path of the one ADD was given", async () => {
  const machine = await replaced();
  const before = machine.kernel.dump();
  ok(await machine.command(PLUGIN, commandOf("DEL", RAW)));
  assert.deepEqual(machine.kernel.dump(), before);
  assert.equal(leasesOf(machine)["10.1.0.2"], undefined, "the lease is given back all the same");
  assert.equal(await machine.stateOf(STREAM), "detached");
});

Deno.test("a repeated DEL, which adopts, still touches nothing of the stranger", async () => {
  const machine = await replaced();
  const before = machine.kernel.dump();
  for (let i = 0; i < 3; i++) ok(await machine.command(PLUGIN, commandOf("DEL", RAW)), `DEL ${i}`);
  assert.deepEqual(machine.kernel.dump(), before);
});

Deno.test("a foreign plugin is told no namespace on DEL where the recorded one is gone, and the path where it is not", async () => {
  const others = foreign({ them: printing({ cniVersion: "1.1.0" }) });
  const invoke = { op: "plugin.invoke", plugin: "them", command: "ADD", config: { ...RAW, type: "them" } } as const;
  for (const [change, expected] of [["none", "/ns/c1"], ["removed", ""], ["replaced", ""]] as const) {
    const machine = new Machine(toys(), {}, others.layer);
    machine.kernel.addNetns("/ns/c1");
    ok(await machine.command(toy({ ops: [invoke] }), commandOf("ADD", RAW)));
    if (change !== "none") machine.kernel.removeNetns("/ns/c1");
    if (change === "replaced") machine.kernel.addNetns("/ns/c1");
    ok(await machine.command(PLUGIN, commandOf("DEL", RAW)));
    const { CNI_COMMAND, CNI_NETNS } = others.runs.at(-1)?.environment ?? {};
    assert.deepEqual([CNI_COMMAND, CNI_NETNS], ["DEL", expected], change);
  }
});

Deno.test("CHECK says that another namespace has the path", async () => {
  const machine = await replaced();
  const { code, msg } = failed(await machine.command(PLUGIN, commandOf("CHECK", RAW)));
  assert.equal(code, 101);
  assert.match(msg, /network namespace "\/ns\/c1": expected the one ADD was given, found another under the same path/);
});

Deno.test("ADD for the stranger is refused until DEL has ended the old attachment, then works", async () => {
  const machine = await replaced();
  machine.kernel.drift("/ns/c1", { op: "link.delete", on: "container", name: "eth0" });
  assert.equal(failed(await machine.command(PLUGIN, commandOf("ADD", RAW))).code, 100);
  ok(await machine.command(PLUGIN, commandOf("DEL", RAW)));
  ok(await machine.command(PLUGIN, commandOf("ADD", RAW)));
  ok(await machine.command(PLUGIN, commandOf("CHECK", RAW)));
});

Deno.test("DEL works after the namespace has gone", async () => {
  const machine = await attached();
  machine.kernel.removeNetns("/ns/c1");
  ok(await machine.command(PLUGIN, commandOf("DEL", RAW, { netns: "" })));
  assert.equal(leasesOf(machine)["10.1.0.2"], undefined);
  assert.equal(await machine.stateOf(STREAM), "detached");
});

async function rebooted(): Promise<Machine> {
  const machine = await attached();
  machine.reboot();
  machine.kernel.addNetns("/ns/c1");
  machine.kernel.drift("/ns/c1", STRANGERS);
  return machine;
}

Deno.test("after a reboot DEL gives the lease back and touches no kernel state of the new boot", async () => {
  const machine = await rebooted();
  machine.kernel.drift(null, { op: "link.create", on: "host", name: "v1", link: { kind: "bridge" } });
  const before = machine.kernel.dump();
  assert.ok(leasesOf(machine)["10.1.0.2"]);
  ok(await machine.command(PLUGIN, commandOf("DEL", RAW)));
  assert.deepEqual(machine.kernel.dump(), before);
  assert.equal(leasesOf(machine)["10.1.0.2"], undefined);
  const { records } = await readingOf(machine, STREAM);
  const reboot = records.map(({ event }) => event).find(({ type }) => type === "host.rebooted");
  assert.deepEqual(reboot, { type: "host.rebooted", from: "boot-1", to: "boot-2" });
});

Deno.test("after a reboot CHECK is refused and says why", async () => {
  const machine = await rebooted();
  const failure = failed(await machine.command(PLUGIN, commandOf("CHECK", RAW)));
  assert.equal(failure.code, 100);
  assert.match(failure.msg, /the host has been rebooted since/);
});

Deno.test("after a reboot ADD works without a DEL, and holds one lease", async () => {
  const machine = await rebooted();
  machine.kernel.drift("/ns/c1", { op: "link.delete", on: "container", name: "eth0" });
  ok(await machine.command(PLUGIN, commandOf("ADD", RAW)));
  ok(await machine.command(PLUGIN, commandOf("CHECK", RAW)));
  const addresses = Object.keys(leasesOf(machine)).filter((name) => !name.startsWith("last_reserved_ip"));
  assert.deepEqual(addresses, ["10.1.0.3"]);
});

Deno.test("a reboot in the middle of an ADD or a DEL is found by the next command, and leaves no lease", async () => {
  for (const [verb, at] of [["ADD", 16], ["DEL", 3]] as const) {
    const machine = verb === "DEL" ? await attached() : new Machine(toys());
    if (verb === "ADD") machine.kernel.addNetns("/ns/c1");
    assert.equal((await machine.command(PLUGIN, commandOf(verb, RAW), { at })).ended, "died");
    machine.reboot();
    machine.kernel.addNetns("/ns/c1");
    const before = machine.kernel.dump();
    ok(await machine.command(PLUGIN, commandOf("DEL", RAW)), verb);
    assert.deepEqual(machine.kernel.dump(), before, verb);
    assert.equal(leasesOf(machine)["10.1.0.2"], undefined, verb);
    assert.ok((await eventsOf(machine, STREAM)).includes("host.rebooted"), verb);
  }
});

Deno.test("a whole network survives a reboot: CHECK is refused by name, ADD works, DEL leaves nothing", async () => {
  const machine = new Machine(registry);
  const blue = container("blue", 8080);
  machine.kernel.addNetns(blue.netns);
  ok(await machine.network("ADD", dbnet, blue));
  machine.reboot();
  machine.kernel.addNetns(blue.netns);
  assert.match(wordsOf(failed(await machine.network("CHECK", dbnet, blue))), /rebooted/);
  ok(await machine.network("ADD", dbnet, blue), "ADD");
  ok(await machine.network("CHECK", dbnet, blue), "CHECK");
  machine.reboot();
  const before = machine.kernel.dump();
  ok(await machine.network("DEL", dbnet, blue), "DEL");
  assert.deepEqual(machine.kernel.dump(), before);
  assert.doesNotMatch(JSON.stringify(machine.leases.dump()), /blue/);
});
