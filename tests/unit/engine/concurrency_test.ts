import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { runCommand } from "../../../src/engine/run_command.ts";
import { registry } from "../../../src/plugins/registry.ts";
import { attach, check, detach } from "../../../src/runtime/attach.ts";
import { container, dbnet } from "../../support/dbnet.ts";
import { commandOf, Machine } from "../../support/engine.ts";
import { nestedOf } from "../../support/one_by_one.ts";
import { eventsOf, ok, streamOf } from "../../support/outcomes.ts";
import { OPS, RAW, toy, toys } from "../../support/toy_plugins.ts";

const together = { concurrency: "unbounded" } as const;

Deno.test("[C2, C4] twenty containers attached at once all succeed, with twenty addresses, and detach at once to nothing", async () => {
  const machine = new Machine(registry);
  const first = container("first", 9000);
  machine.kernel.addNetns(first.netns);
  ok(await machine.network("ADD", dbnet, first));
  const all = Array.from({ length: 20 }, (_, i) => container(`c${i}`, 8000 + 2 * i));
  for (const { netns } of all) machine.kernel.addNetns(netns);
  const before = machine.kernel.dump();
  const attached = await machine.run(Effect.forEach(all, (each) => attach(dbnet, each), together));
  assert.ok(Exit.isSuccess(attached), String(attached));
  const addresses = attached.value.flatMap(({ ips }) => (ips ?? []).map(({ address }) => address));
  assert.equal(new Set(addresses).size, 20);
  for (const each of all) ok(await machine.network("CHECK", dbnet, each), each.containerId);
  const detached = await machine.run(Effect.forEach(all, (each) => detach(dbnet, each), together));
  assert.ok(Exit.isSuccess(detached), String(detached));
  assert.deepEqual(machine.kernel.dump(), before);
});

Deno.test("[C4] the first containers of a network may come all at once: one makes the bridge, the others find it", async () => {
  const machine = new Machine(registry);
  const all = Array.from({ length: 8 }, (_, i) => container(`c${i}`, 8000 + 2 * i));
  for (const { netns } of all) machine.kernel.addNetns(netns);
  const attached = await machine.run(Effect.forEach(all, (each) => attach(dbnet, each), together));
  assert.ok(Exit.isSuccess(attached), String(attached));
  for (const each of all) ok(await machine.network("CHECK", dbnet, each), each.containerId);
});

async function toyMachine() {
  const machine = new Machine(toys());
  machine.kernel.addNetns("/ns/c1");
  const plugin = toy({ ops: OPS });
  ok(await machine.command(plugin, commandOf("ADD", RAW)));
  return { machine, plugin };
}

Deno.test("[C2] two DELs of one attachment at once: the second waits, finds nothing to do, and both succeed", async () => {
  const { machine, plugin } = await toyMachine();
  const del = runCommand(plugin, commandOf("DEL", RAW));
  const exit = await machine.run(Effect.all([del, del], together));
  assert.ok(Exit.isSuccess(exit), String(exit));
  const events = await eventsOf(machine, streamOf("toy"));
  assert.equal(events.filter((type) => type === "DEL").length, 1);
  assert.equal(events.at(-1), "del.succeeded");
});

Deno.test("[C7] of several first ADDs at once that have opened the log before anybody has made it, one wins; no other sees a race", async () => {
  const machine = new Machine(toys());
  machine.kernel.addNetns("/ns/c1");
  const add = Effect.result(runCommand(toy({ ops: OPS }), commandOf("ADD", RAW)));
  const exit = await machine.run(Effect.all([add, add, add, add], together));
  assert.ok(Exit.isSuccess(exit), String(exit));
  const failures = exit.value.flatMap((ended) => ended._tag === "Failure" ? [ended.failure.failure] : []);
  assert.deepEqual(failures.map(({ code, msg }) => [code, /already attached$/.test(msg)]), [
    [100, true],
    [100, true],
    [100, true],
  ]);
  assert.deepEqual((await eventsOf(machine, streamOf("toy"))).filter((type) => type === "ADD"), ["ADD"]);
});

Deno.test("chains within chains, attached, checked and detached at once, never wait for each other in a circle", async () => {
  const machine = new Machine(registry);
  const all = Array.from({ length: 12 }, (_, i) => container(`c${i}`, 8000 + 2 * i));
  for (const { netns } of all) machine.kernel.addNetns(netns);
  const lists = [dbnet, nestedOf(dbnet)];
  const listOf = (at: number) => lists[at % 2] ?? dbnet;
  const attached = await machine.run(Effect.forEach(all, (each, at) => attach(listOf(at), each), together));
  assert.ok(Exit.isSuccess(attached), String(attached));
  const verbs = all.flatMap((
    each,
    at,
  ) => [check(listOf(at), each), detach(listOf(at), each), detach(listOf(at), each)]);
  const mixed = await machine.run(Effect.forEach(verbs, (verb) => Effect.result(verb), together));
  assert.ok(Exit.isSuccess(mixed), String(mixed));
  const failures = mixed.value.flatMap((ended) => ended._tag === "Failure" ? [ended.failure.failure.msg] : []);
  assert.deepEqual(failures.filter((msg) => !/detached|absent|Cannot confirm/.test(msg)), []);
  for (const { containerId } of all) {
    assert.doesNotMatch(JSON.stringify(machine.dump()), new RegExp(`/${containerId}/`));
  }
});

Deno.test("a DEL that finds leftovers while a first ADD begins waits for it, and takes it back", async () => {
  const machine = new Machine(toys());
  machine.kernel.addNetns("/ns/c1");
  const plugin = toy({ ops: OPS, adopt: [{ op: "link.delete", on: "host", name: "v1" }] });
  const add = Effect.result(runCommand(plugin, commandOf("ADD", RAW)));
  const del = Effect.result(runCommand(plugin, commandOf("DEL", RAW)));
  for (const verbs of [[add, del], [del, add]]) {
    const exit = await machine.run(Effect.all(verbs, together));
    assert.ok(Exit.isSuccess(exit), String(exit));
    assert.deepEqual(exit.value.map(({ _tag }) => _tag), ["Success", "Success"]);
    assert.deepEqual(machine.said, []);
    const [link] = /"v1"/.exec(JSON.stringify(machine.kernel.dump())) ?? [];
    assert.equal(await machine.stateOf(streamOf("toy")), link === undefined ? "detached" : "attached");
    ok(await machine.command(plugin, commandOf("DEL", RAW)));
  }
});

Deno.test("DEL and ADD of one attachment at once do not mix: the log is one legal history, and tells who was first", async () => {
  const { machine, plugin } = await toyMachine();
  const add = Effect.result(runCommand(plugin, commandOf("ADD", RAW)));
  const del = Effect.result(runCommand(plugin, commandOf("DEL", RAW)));
  const exit = await machine.run(Effect.all([del, add], together));
  assert.ok(Exit.isSuccess(exit), String(exit));
  assert.deepEqual(exit.value.map(({ _tag }) => _tag), ["Success", "Success"], "ADD waited for DEL");
  assert.equal(await machine.stateOf(streamOf("toy")), "attached");
  ok(await machine.command(plugin, commandOf("CHECK", RAW)));
});

Deno.test("[C7] two ADDs of one new attachment at once: exactly one succeeds, the other is told why, nothing is doubled", async () => {
  const machine = new Machine(registry);
  const blue = container("blue", 8080);
  machine.kernel.addNetns(blue.netns);
  const add = Effect.result(attach(dbnet, blue));
  const exit = await machine.run(Effect.all([add, add], together));
  assert.ok(Exit.isSuccess(exit), String(exit));
  const failures = exit.value.flatMap((ended) => ended._tag === "Failure" ? [ended.failure.failure] : []);
  assert.equal(failures.length, 1);
  assert.match(JSON.stringify(failures), /already attached; |already attached"/);
  assert.doesNotMatch(JSON.stringify(failures), /just made|again/);
  ok(await machine.network("CHECK", dbnet, blue));
  ok(await machine.network("DEL", dbnet, blue));
  assert.doesNotMatch(JSON.stringify(machine.dump()), /blue.{0,4}eth0/);
});
