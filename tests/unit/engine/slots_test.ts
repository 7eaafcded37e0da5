import assert from "node:assert/strict";
import type { Command } from "../../../src/engine/command.ts";
import { tuning } from "../../../src/plugins/tuning.ts";
import type { JsonObject } from "../../../src/spec/json.ts";
import { commandOf, Machine } from "../../support/engine.ts";
import { eventsOf, failed, ok, readingOf, streamOf, wordsOf } from "../../support/outcomes.ts";
import { LEASE, RAW, toy, toys, VETH } from "../../support/toy_plugins.ts";

const PREVIOUS = { cniVersion: "1.1.0", interfaces: [{ name: "eth0", sandbox: "/ns/c1" }] };
const conf = (mtu: number, somaxconn: string): JsonObject => ({
  cniVersion: "1.1.0",
  name: "net",
  type: "tuning",
  prevResult: PREVIOUS,
  mtu,
  sysctl: { "net.core.somaxconn": somaxconn },
});
const FIRST = conf(1400, "100");
const SECOND = conf(1300, "200");

function machineOf() {
  const machine = new Machine(toys());
  machine.kernel.addNetns("/ns/c1");
  machine.kernel.drift("/ns/c1", VETH);
  const run = (verb: Command["verb"], raw: JsonObject) => machine.command(tuning, commandOf(verb, raw));
  return { machine, run };
}

async function attachedTwice() {
  const { machine, run } = machineOf();
  const before = machine.dump();
  ok(await run("ADD", FIRST));
  const between = machine.dump();
  ok(await run("ADD", SECOND));
  return { machine, run, before, between };
}

Deno.test("[A27] a plugin that stands twice in a chain has two streams", async () => {
  const { machine } = await attachedTwice();
  assert.deepEqual(Object.keys(machine.log.dump()).sort(), ["net/c1/eth0/tuning", "net/c1/eth0/tuning#2"]);
  const adds = await Promise.all(["tuning", "tuning#2"].map(async (slot) => {
    const [first] = (await readingOf(machine, streamOf(slot))).records;
    return first?.event.type === "ADD" ? first.event.config.mtu : null;
  }));
  assert.deepEqual(adds, [1400, 1300]);
});

Deno.test("DEL pops the newest of two instances first, whatever config it comes with, back to the original values", async () => {
  for (const order of [[SECOND, FIRST], [FIRST, SECOND], [{ cniVersion: "1.1.0" }, { cniVersion: "1.1.0" }]]) {
    const { machine, run, before, between } = await attachedTwice();
    const [one, two] = order;
    assert.ok(one !== undefined && two !== undefined);
    ok(await run("DEL", { ...one, name: "net" }));
    assert.deepEqual(machine.dump(), between);
    ok(await run("DEL", { ...two, name: "net" }));
    assert.deepEqual(machine.dump(), before);
    ok(await run("DEL", { ...two, name: "net" }), "DEL can be repeated");
    assert.deepEqual(machine.dump(), before);
    assert.deepEqual([await machine.stateOf(streamOf("tuning")), await machine.stateOf(streamOf("tuning#2"))], [
      "detached",
      "detached",
    ]);
  }
});

Deno.test("CHECK finds the stream of its own config, and each drift is reported by the instance it concerns", async () => {
  const { machine, run } = await attachedTwice();
  ok(await run("CHECK", SECOND));
  const failure = failed(await run("CHECK", FIRST));
  assert.match(wordsOf(failure), /MTU 1400, found 1300/, "the second instance has changed what the first had set");
  assert.equal(await machine.stateOf(streamOf("tuning")), "drifted");
  assert.equal(await machine.stateOf(streamOf("tuning#2")), "attached");
});

Deno.test("a runtime that varies runtimeConfig and prevResult still means the same instance", async () => {
  const { run } = await attachedTwice();
  ok(await run("CHECK", { ...SECOND, runtimeConfig: { portMappings: [] }, prevResult: { ...PREVIOUS, dns: {} } }));
  assert.equal(failed(await run("ADD", { ...SECOND, runtimeConfig: { any: 1 } })).code, 100, "it is attached already");
});

Deno.test("whether a runtime strips `capabilities` or not, it means the same instance, on CHECK and on a repeated ADD", async () => {
  const withThem = (raw: JsonObject): JsonObject => ({ ...raw, capabilities: { mac: true } });
  const { run } = machineOf();
  ok(await run("ADD", withThem(FIRST)));
  ok(await run("ADD", SECOND));
  ok(await run("CHECK", withThem(SECOND)), "tuning#2");
  assert.match(wordsOf(failed(await run("CHECK", FIRST))), /MTU 1400, found 1300/, "tuning");
  assert.equal(failed(await run("ADD", FIRST)).code, 100, "attached already, without");
  assert.equal(failed(await run("ADD", withThem(SECOND))).code, 100, "attached already, with");
});

Deno.test("a newer instance that cannot be undone does not keep the older one from it, where no value is at stake", async () => {
  const machine = new Machine(toys());
  machine.kernel.addNetns("/ns/c1");
  const [one, two] = ["/leases/one", "/leases/two"].map((pool) => toy({ ops: [{ ...LEASE, pool }] }));
  assert.ok(one !== undefined && two !== undefined);
  const raw = (which: string): JsonObject => ({ ...RAW, which, prevResult: PREVIOUS });
  ok(await machine.command(one, commandOf("ADD", raw("one"))));
  ok(await machine.command(two, commandOf("ADD", raw("two"))));
  machine.leases.failApplies(1);
  const failure = failed(await machine.command(two, commandOf("DEL", raw("two"))));
  assert.match(failure.msg, /leases\/two/);
  assert.deepEqual([await machine.stateOf(streamOf("toy")), await machine.stateOf(streamOf("toy#2"))], [
    "detached",
    "failed",
  ]);
  ok(await machine.command(one, commandOf("DEL", raw("one"))), "the next DEL ends the newer one");
  assert.equal(await machine.stateOf(streamOf("toy#2")), "detached");
});

Deno.test("a failed DEL of the newer instance is finished before the older one is touched", async () => {
  const { machine, run, before, between } = await attachedTwice();
  machine.kernel.fail("link.set", "EBUSY");
  assert.match(failed(await run("DEL", SECOND)).msg, /EBUSY/);
  assert.equal(await machine.stateOf(streamOf("tuning")), "attached");
  ok(await run("DEL", FIRST));
  assert.deepEqual(machine.dump(), between);
  ok(await run("DEL", FIRST));
  assert.deepEqual(machine.dump(), before);
});

Deno.test("detached streams are used again, and their history stays", async () => {
  const { machine, run } = await attachedTwice();
  for (let i = 0; i < 2; i++) ok(await run("DEL", FIRST));
  ok(await run("ADD", SECOND));
  assert.equal(await machine.stateOf(streamOf("tuning")), "attached");
  assert.equal((await eventsOf(machine, streamOf("tuning"))).filter((type) => type === "ADD").length, 2);
  assert.equal(await machine.stateOf(streamOf("tuning#2")), "detached");
});

Deno.test("DEL finds the second stream also when the first was pruned or lost", async () => {
  const { machine, between } = await attachedTwice();
  const second = machine.log.dump()["net/c1/eth0/tuning#2"];
  assert.ok(second !== undefined);
  const later = machineOf();
  later.machine.log.put(streamOf("tuning#2"), second);
  later.machine.kernel.drift(
    "/ns/c1",
    { op: "sysctl.write", on: "container", key: "net/core/somaxconn", value: "200" },
    { op: "link.set", on: "container", name: "eth0", set: { mtu: 1300 } },
  );
  ok(await later.run("DEL", FIRST));
  assert.deepEqual(later.machine.dump(), between);
  assert.equal(await later.machine.stateOf(streamOf("tuning#2")), "detached");
});

Deno.test("DEL ends a second stream whose log says nothing any more, and does not take it for a free one", async () => {
  const { machine, run } = await attachedTwice();
  const second = machine.log.dump()["net/c1/eth0/tuning#2"];
  machine.log.put(streamOf("tuning#2"), `?${second}`);
  ok(await run("DEL", FIRST));
  assert.equal(machine.log.dump()["net/c1/eth0/tuning#2"], undefined, "set aside");
  assert.equal(await machine.stateOf(streamOf("tuning")), "attached");
  ok(await run("DEL", FIRST));
  assert.equal(await machine.stateOf(streamOf("tuning")), "detached");
});
