/** Recovery and collection on a simulated node: what is reclaimed, what is left alone, and what is said of it. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { EventStore } from "../../../src/effects/log/store.ts";
import { runCommand } from "../../../src/engine/run_command.ts";
import { registry } from "../../../src/plugins/registry.ts";
import { collect, type Reclaimed, type ReclaimOptions, recover } from "../../../src/runtime/recover.ts";
import { container, dbnet } from "../../support/dbnet.ts";
import { commandOf, Machine, outcomeOf } from "../../support/engine.ts";
import { foreign, printing } from "../../support/foreign.ts";
import { listOf } from "../../support/lists.ts";
import { eventsOf, ok, streamOf } from "../../support/outcomes.ts";
import { LEASE, POOL, SYSCTL, toy, toys, VETH } from "../../support/toy_plugins.ts";

const RESULT = { cniVersion: "1.1.0", ips: [{ address: "10.1.0.2/24" }] };
const OPTIONS = { cacheDir: "/cache" };

const run = async (machine: Machine, how: typeof recover, options: ReclaimOptions = OPTIONS) => {
  const exit = await machine.run(how(options));
  assert.ok(Exit.isSuccess(exit), String(exit));
  return exit.value;
};

const said = (found: readonly Reclaimed[]) =>
  found.map(({ attachment: { containerId }, verdict, why }) => `${containerId} ${verdict}: ${why}`);

/** A node on which these containers are attached to dbnet. */
async function dbnetNode(...ids: readonly string[]) {
  const machine = new Machine(registry);
  for (const [i, id] of ids.entries()) {
    machine.kernel.addNetns(`/ns/${id}`);
    ok(await machine.network("ADD", dbnet, { ...container(id, 8000 + 2 * i), ...OPTIONS }));
  }
  return machine;
}

const states = async (machine: Machine, id: string) =>
  await Promise.all(["@chain", "bridge", "host-local"].map((slot) => machine.stateOf(streamOf(slot, id, "dbnet"))));

Deno.test("after a reboot recovery releases every lease, settles every stream and empties the cache", async () => {
  const machine = await dbnetNode("c1", "c2");
  machine.reboot();
  const found = await run(machine, recover);
  const why = "the host has been rebooted since";
  assert.deepEqual(said(found), [`c1 dead: ${why}`, `c2 dead: ${why}`]);
  assert.deepEqual(found.map(({ failure }) => failure), [null, null]);
  assert.match(found[0]?.undone.join() ?? "", /^release what c1\/eth0 holds in [^,]*dbnet$/, "kernel state is void");
  assert.deepEqual(await states(machine, "c1"), ["detached", "detached", "detached"]);
  assert.doesNotMatch(JSON.stringify(machine.dump()), /c[12]/);
  assert.deepEqual([...machine.files.keys()], []);
  assert.deepEqual(await run(machine, recover), []);
});

Deno.test("without a reboot, recovery leaves what is attached as it is, whatever has become of its namespace", async () => {
  const machine = await dbnetNode("c1");
  const before = [machine.dump(), machine.log.dump()];
  machine.kernel.removeNetns("/ns/c1");
  assert.deepEqual(said(await run(machine, recover)), [
    "c1 alive: it was used in this boot, and nobody has ended it",
  ]);
  assert.deepEqual(machine.log.dump(), before[1]);
});

Deno.test("collection undoes what is attached to a namespace that is gone, and nothing else", async () => {
  const machine = await dbnetNode("c1", "c2");
  machine.kernel.removeNetns("/ns/c1");
  const [c1, c2] = await run(machine, collect);
  assert.match(
    said(c1 ? [c1] : [])[0] ?? "",
    /^c1 dead: its network namespace is gone, and "veth[0-9a-f]{11}" with it$/,
  );
  assert.deepEqual(said(c2 ? [c2] : []), ['c2 alive: its network namespace "/ns/c2" is there']);
  assert.equal(c1?.failure, null);
  assert.deepEqual(await states(machine, "c1"), ["detached", "detached", "detached"]);
  assert.doesNotMatch(JSON.stringify(machine.dump()), /c1/);
  ok(await machine.network("CHECK", dbnet, { ...container("c2", 8002), ...OPTIONS }));
  assert.deepEqual([...machine.files.keys()], ["/cache/results/dbnet-c2-eth0"]);
});

Deno.test("a dry run says what would be undone, and changes nothing", async () => {
  const machine = await dbnetNode("c1");
  machine.kernel.removeNetns("/ns/c1");
  const before = [machine.dump(), machine.log.dump(), [...machine.files]];
  const [found] = await run(machine, collect, { ...OPTIONS, dryRun: true });
  assert.equal(found?.verdict, "dead");
  assert.match(found?.undone.join("\n") ?? "", /^delete link veth.*on the host$/m);
  assert.match(found?.undone.join("\n") ?? "", /^release what c1\/eth0 holds/m);
  assert.doesNotMatch(found?.undone.join("\n") ?? "", /run DEL/, "each plugin speaks for itself");
  assert.deepEqual([machine.dump(), machine.log.dump(), [...machine.files]], before);
});

Deno.test("an ADD that died is undone while its container lives, at whatever point it died", async () => {
  const probe = await dbnetNode();
  probe.kernel.addNetns("/ns/c1");
  const attachment = { ...container("c1", 8000), ...OPTIONS };
  ok(await probe.network("ADD", dbnet, attachment));
  const { points } = probe;
  for (let at = 1; at <= points; at += 3) {
    const machine = await dbnetNode();
    machine.kernel.addNetns("/ns/c0");
    machine.kernel.addNetns("/ns/c1");
    ok(await machine.network("ADD", dbnet, { ...container("c0", 9000), ...OPTIONS }));
    const before = machine.dump();
    if ((await machine.network("ADD", dbnet, attachment, { at })).ended === "ok") {
      assert.ok(at > points / 2, `only ${at} points`); // what another container has made is made once
      break;
    }
    const found = (await run(machine, recover)).filter(({ attachment: { containerId } }) => containerId === "c1");
    for (const { verdict, failure, why } of found) {
      assert.deepEqual([verdict, failure], ["leftover", null], `point ${at}`);
      assert.match(why, /^process 4711 died while "@chain" was attaching/);
    }
    assert.doesNotMatch(JSON.stringify(machine.dump()), /c1\/eth0|"c1"/, `point ${at}`);
    assert.equal(JSON.stringify(machine.dump()).length, JSON.stringify(before).length, `point ${at}`);
    ok(await machine.network("ADD", dbnet, attachment), `point ${at}`);
  }
});

Deno.test("one plugin's ADD that died is undone alone: the plugins before it are in use", async () => {
  const machine = new Machine(toys({ type: "first", ops: [VETH, LEASE] }, { type: "second", ops: [SYSCTL] }));
  machine.kernel.addNetns("/ns/c1");
  const [first, second] = [toy({ type: "first", ops: [VETH, LEASE] }), toy({ type: "second", ops: [SYSCTL] })];
  const raw = (type: string) => ({ cniVersion: "1.1.0", name: "net", type });
  ok(await machine.command(first, commandOf("ADD", raw("first"))));
  const before = machine.dump();
  assert.equal((await machine.command(second, commandOf("ADD", raw("second")), { at: 4 })).ended, "died");
  for (const how of [recover, collect]) {
    const found = await run(machine, how);
    if (how === recover) {
      assert.deepEqual(found.map(({ verdict, slots }) => [verdict, slots]), [["leftover", ["second"]]]);
    }
    assert.deepEqual(machine.dump(), before);
    assert.equal(await machine.stateOf(streamOf("first")), "attached");
    assert.equal(await machine.stateOf(streamOf("second")), "detached");
  }
});

Deno.test("what was attached in this boot keeps streams of an earlier one from being undone", async () => {
  const machine = new Machine(toys({ type: "first", ops: [VETH] }, { type: "second", ops: [LEASE] }));
  machine.kernel.addNetns("/ns/c1");
  const first = toy({ type: "first", ops: [VETH] }), second = toy({ type: "second", ops: [LEASE] });
  const raw = (type: string) => ({ cniVersion: "1.1.0", name: "net", type });
  ok(await machine.command(second, commandOf("ADD", raw("second"))));
  machine.reboot();
  machine.kernel.addNetns("/ns/c1");
  ok(await machine.command(first, commandOf("ADD", raw("first"))));
  const before = [machine.dump(), machine.log.dump()];
  assert.deepEqual((await run(machine, recover)).map(({ verdict }) => verdict), ["alive"]);
  assert.deepEqual([machine.dump(), machine.log.dump()], before);
});

Deno.test("what could not be undone is owed, named, and tried again by the next recovery", async () => {
  let broken = true;
  const { layer, runs } = foreign({
    them: (call) =>
      broken && call.environment.CNI_COMMAND === "DEL"
        ? { code: 1, stdout: '{"code":103,"msg":"no DEL today"}' }
        : printing(RESULT)(call),
  });
  const machine = new Machine(toys({ ops: [VETH] }), {}, layer);
  machine.kernel.addNetns("/ns/c1");
  const list = listOf("1.1.0", "toy", "them");
  const attachment = { containerId: "c1", netns: "/ns/c1", ifName: "eth0", cniPath: "/opt/foreign", ...OPTIONS };
  ok(await machine.network("ADD", list, attachment));
  machine.reboot();
  const [found] = await run(machine, recover);
  assert.deepEqual([found?.verdict, found?.failure?.msg, found?.undone], ["dead", "no DEL today", []]);
  assert.equal(machine.files.size, 1, "the entry stays as long as something is owed");
  broken = false;
  const [again] = await run(machine, recover);
  assert.deepEqual([again?.verdict, again?.failure, again?.undone], ["leftover", null, ["run DEL of them"]]);
  assert.match(again?.why ?? "", /^"@chain" could not be undone: no DEL today$/);
  assert.equal(runs.at(-1)?.environment.CNI_PATH, "/opt/foreign", "the log knows where it was");
  assert.deepEqual(await run(machine, recover), []);
  assert.equal(machine.files.size, 0);
});

Deno.test("a damaged log is named and left for DEL", async () => {
  const machine = await dbnetNode("c1");
  const id = streamOf("bridge", "c1", "dbnet");
  const text = machine.log.dump()["dbnet/c1/eth0/bridge"] ?? "";
  machine.log.put(id, text.replace("10.1.0", "10.9.9"));
  machine.reboot();
  const found = await run(machine, recover);
  assert.deepEqual(found.map(({ verdict, slots }) => [verdict, verdict === "damaged" ? slots : []]), [
    ["damaged", ["bridge"]],
    ["dead", []],
  ]);
  assert.match(found[0]?.why ?? "", /the log of "bridge" cannot be trusted: line \d+/);
  assert.ok("dbnet/c1/eth0/bridge" in machine.log.dump(), "it was not set aside");
});

Deno.test("an attachment that a verb is at work on is left alone, and the pass does not wait for it", async () => {
  const machine = await dbnetNode("c1");
  machine.reboot();
  const exit = await machine.run(Effect.scoped(Effect.gen(function* () {
    yield* (yield* EventStore).open(streamOf("@chain", "c1", "dbnet"));
    return yield* recover(OPTIONS);
  })));
  assert.ok(Exit.isSuccess(exit));
  assert.deepEqual(said(exit.value), ['c1 held: process 4711 is at work on "@chain"']);
});

Deno.test("progress is told before each attachment that is undone, and at the end", async () => {
  const machine = await dbnetNode("c1", "c2");
  machine.reboot();
  const steps: string[] = [];
  await run(machine, recover, { ...OPTIONS, onProgress: (done, total) => void steps.push(`${done}/${total}`) });
  assert.deepEqual(steps, ["0/2", "1/2", "2/2"]);
});

Deno.test("a DEL that was decided from the log does nothing to what was attached since", async () => {
  const plugin = toy({ ops: [VETH] });
  const machine = new Machine(toys({ ops: [VETH] }));
  machine.kernel.addNetns("/ns/c1");
  const raw = { cniVersion: "1.1.0", name: "net", type: "toy" };
  ok(await machine.command(plugin, commandOf("ADD", raw)));
  const seq = (await eventsOf(machine, streamOf("toy"))).length;
  ok(await machine.command(plugin, commandOf("DEL", raw)));
  ok(await machine.command(plugin, commandOf("ADD", raw)));
  const before = [machine.dump(), machine.log.dump()];
  for (const asOf of [new Map([["toy", seq]]), new Map()]) {
    ok(outcomeOf(await machine.run(runCommand(plugin, commandOf("DEL", raw, { asOf })))));
    assert.deepEqual([machine.dump(), machine.log.dump()], before);
  }
  const now = (await eventsOf(machine, streamOf("toy"))).length;
  ok(await machine.command(plugin, commandOf("DEL", raw, { asOf: new Map([["toy", now]]) })));
  assert.equal(await machine.stateOf(streamOf("toy")), "detached");
  assert.equal(POOL, LEASE.pool);
});

Deno.test("of a plugin that stands twice in a chain, the one whose ADD died is undone, and not its namesake", async () => {
  const plugin = toy({ ops: [SYSCTL] });
  const machine = new Machine(toys({ ops: [SYSCTL] }));
  machine.kernel.addNetns("/ns/c1");
  const raw = (which: number) => ({ cniVersion: "1.1.0", name: "net", type: "toy", which, prevResult: RESULT });
  ok(await machine.command(plugin, commandOf("ADD", raw(1))));
  const before = machine.dump();
  assert.equal((await machine.command(plugin, commandOf("ADD", raw(2)), { at: 4 })).ended, "died");
  const found = await run(machine, recover);
  assert.deepEqual(found.map(({ verdict, slots }) => [verdict, slots]), [["leftover", ["toy#2"]]]);
  assert.deepEqual(machine.dump(), before);
  assert.deepEqual(await Promise.all(["toy", "toy#2"].map((slot) => machine.stateOf(streamOf(slot)))), [
    "attached",
    "detached",
  ]);
});

Deno.test("a recovery that dies at any point is finished by the next one", async () => {
  const probe = await dbnetNode("c1", "c2");
  probe.reboot();
  await run(probe, recover);
  const clean = JSON.stringify(probe.dump());
  const { points } = probe;
  assert.ok(points > 10, `${points} points`);
  for (let at = 1; at <= points; at += 2) {
    const machine = await dbnetNode("c1", "c2");
    machine.reboot();
    const exit = await machine.run(recover(OPTIONS), { at });
    assert.ok(Exit.isFailure(exit), `point ${at}`);
    for (const { failure } of await run(machine, recover)) assert.equal(failure, null, `point ${at}`);
    assert.equal(JSON.stringify(machine.dump()), clean, `point ${at}`);
    assert.deepEqual(await run(machine, recover), [], `point ${at}`);
  }
});
