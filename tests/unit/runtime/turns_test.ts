/** Verbs in order: those of one attachment one after the other, GC alone, everything else side by side. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Layer from "effect/Layer";
import { ExecError, Executables } from "../../../src/effects/exec.ts";
import { LockError, NetworkLock } from "../../../src/effects/lock/network_lock.ts";
import { registry } from "../../../src/plugins/registry.ts";
import { attach, type Attachment, check, detach } from "../../../src/runtime/attach.ts";
import { gc, type ValidAttachment } from "../../../src/runtime/gc.ts";
import type { NetworkList } from "../../../src/spec/network_list.ts";
import { container, dbnet } from "../../support/dbnet.ts";
import { Machine, type Outcome, outcomeOf } from "../../support/engine.ts";
import { eventsOf, failed, ok, streamOf } from "../../support/outcomes.ts";
import { listOf } from "../../support/lists.ts";
import { OPS, toys } from "../../support/toy_plugins.ts";

const RESULT = JSON.stringify({ cniVersion: "1.1.0", ips: [{ address: "10.1.0.2/24" }] });
const LIST = listOf("1.1.0", "slow", "toy");
const C1: Attachment = { containerId: "c1", netns: "/ns/c1", ifName: "eth0", cacheDir: "/cache" };
const C2: Attachment = { ...C1, containerId: "c2", netns: "/ns/c2" };

/** A plugin `slow` whose ADD of `c1` begins, and then goes on when the test says so. */
function slowMachine() {
  const begun = Promise.withResolvers<void>(), go = Promise.withResolvers<void>();
  const calls: string[] = [];
  const layer = Layer.succeed(Executables)({
    find: (plugin, _path, known) => {
      if (plugin === "slow") return Effect.succeed({ ours: false, file: "/opt/slow" });
      return known
        ? Effect.succeed({ ours: true })
        : Effect.fail(new ExecError({ plugin, reason: "not found", detail: "no" }));
    },
    run: (_file, { CNI_COMMAND = "", CNI_CONTAINERID = "" }) =>
      Effect.promise(async () => {
        calls.push(`${CNI_COMMAND} ${CNI_CONTAINERID}`.trim());
        if (CNI_COMMAND === "ADD" && CNI_CONTAINERID === "c1") {
          begun.resolve();
          await go.promise;
        }
        return { code: 0, signal: null, stdout: CNI_COMMAND === "ADD" ? RESULT : "", stderr: "" };
      }),
  });
  const machine = new Machine(toys({ ops: OPS }), {}, layer);
  for (const netns of ["/ns/c1", "/ns/c2"]) machine.kernel.addNetns(netns);
  return { machine, calls, begun: begun.promise, go: go.resolve };
}

/** Turns of the event loop in which a verb that need not wait would have ended long ago. */
const aWhile = async (machine: Machine): Promise<void> => {
  for (let i = 0; i < 3; i++) {
    ok(await machine.network("ADD", LIST, C2));
    ok(await machine.network("DEL", LIST, C2));
  }
};

/** A verb under way, which says when it has ended. */
const begin = (name: string, verb: Promise<Outcome>, ended: string[]): Promise<Outcome> =>
  verb.then((outcome) => {
    ended.push(name);
    return outcome;
  });

const collect = async (machine: Machine, list: NetworkList, valid: readonly ValidAttachment[] | null) =>
  outcomeOf(await machine.run(gc(list, valid, { cacheDir: "/cache" })));

/** Resolves when a GC is waiting: a verb of an attachment that nobody knows would have to wait behind it. */
const gcWaits = async (machine: Machine, { name: network }: NetworkList): Promise<void> => {
  const key = { network, containerId: "nobody", ifName: "eth0" };
  const turn = Effect.scoped(Effect.flatMap(NetworkLock, (lock) => lock.attachment(key, 0)));
  while (Exit.isSuccess(await machine.run(turn))) await new Promise((done) => setTimeout(done, 0)); // a turn for the others
};

Deno.test("[C7] a second ADD of an attachment waits for the first, is then refused, and runs no plugin", async () => {
  const { machine, calls, begun, go } = slowMachine();
  const ended: string[] = [];
  const first = begin("first", machine.network("ADD", LIST, C1), ended);
  await begun;
  const second = begin("second", machine.network("ADD", LIST, C1), ended);
  await aWhile(machine);
  assert.deepEqual(ended, []);
  go();
  ok(await first);
  const failure = failed(await second);
  assert.match(failure.msg, /already attached/);
  assert.equal(failure.code, 100);
  assert.deepEqual(ended, ["first", "second"]);
  assert.deepEqual(calls.filter((call) => call.endsWith("c1")), ["ADD c1"]);
  ok(await machine.network("CHECK", LIST, C1));
});

Deno.test("[C2] a DEL and a CHECK during an ADD wait for its end, while another container's verbs go on", async () => {
  const { machine, calls, begun, go } = slowMachine();
  const ended: string[] = [];
  const add = begin("ADD", machine.network("ADD", LIST, C1), ended);
  await begun;
  const check = begin("CHECK", machine.network("CHECK", LIST, C1), ended);
  await aWhile(machine);
  assert.deepEqual(ended, []);
  go();
  ok(await add);
  ok(await check);
  ok(await begin("DEL", machine.network("DEL", LIST, C1), ended));
  assert.deepEqual(ended, ["ADD", "CHECK", "DEL"]);
  assert.deepEqual(calls.filter((call) => call.endsWith("c1")), ["ADD c1", "CHECK c1", "DEL c1"]);

  const again = slowMachine();
  const order: string[] = [];
  const adding = begin("ADD", again.machine.network("ADD", LIST, C1), order);
  await again.begun;
  const deleting = begin("DEL", again.machine.network("DEL", LIST, C1), order);
  await aWhile(again.machine);
  again.go();
  ok(await adding);
  ok(await deleting);
  assert.deepEqual(order, ["ADD", "DEL"]);
  assert.equal(await again.machine.stateOf(streamOf("@chain")), "detached");
  assert.equal(await again.machine.stateOf(streamOf("toy")), "detached");
});

Deno.test("a DEL that comes in the same moment as an ADD is before it or after it, and mixes with none of its plugins", async () => {
  for (let round = 0; round < 20; round++) {
    const machine = new Machine(registry);
    const blue = container("blue", 8080);
    machine.kernel.addNetns(blue.netns);
    const verbs = round % 2 === 0
      ? [attach(dbnet, blue), detach(dbnet, blue)]
      : [detach(dbnet, blue), attach(dbnet, blue)];
    const exit = await machine.run(Effect.all(verbs, { concurrency: "unbounded" }));
    assert.ok(Exit.isSuccess(exit), String(exit));
    const states = await Promise.all(
      ["@chain", "bridge", "host-local", "tuning", "portmap"].map((slot) =>
        machine.stateOf(streamOf(slot, "blue", "dbnet"))
      ),
    );
    const [state] = states;
    assert.ok(states.every((each) => each === state), `round ${round}: ${states}`);
    if (state === "attached") assert.ok(Exit.isSuccess(await machine.run(check(dbnet, blue))), `round ${round}`);
    else assert.doesNotMatch(JSON.stringify(machine.dump()), /blue.{0,4}eth0/, `round ${round}`);
  }
});

Deno.test("[C3] GC waits for an ADD, an ADD waits for GC, and what was attached meanwhile is told to the plugins as valid", async () => {
  const { machine, calls, begun, go } = slowMachine();
  const list = listOf("1.1.0", "slow");
  ok(await machine.network("ADD", list, C2));
  const ended: string[] = [];
  const add = begin("ADD", machine.network("ADD", list, C1), ended);
  await begun;
  const collected = begin("GC", collect(machine, list, null), ended);
  await gcWaits(machine, list);
  const late = begin("late DEL", machine.network("DEL", list, C2), ended);
  assert.deepEqual(calls, ["ADD c2", "ADD c1"]);
  go();
  ok(await add);
  ok(await collected);
  ok(await late);
  assert.deepEqual(calls, ["ADD c2", "ADD c1", "DEL c2", "GC", "DEL c2"], "c1 lives; the late DEL comes last");
  assert.equal(ended[0], "ADD");
  assert.equal(await machine.stateOf(streamOf("@chain")), "attached");
  ok(await machine.network("CHECK", list, C1));
  ok(await collect(machine, list, null), "the next GC knows it, and whoever asked for it");
  assert.equal(await machine.stateOf(streamOf("@chain")), "detached");
});

Deno.test("[C3] GC in the middle of ADDs removes none that is living, and every one that is dead", async () => {
  const machine = new Machine(registry);
  const newcomers = Array.from({ length: 12 }, (_, i) => container(`new${i}`, 9000 + 2 * i));
  const dead = Array.from({ length: 4 }, (_, i) => container(`dead${i}`, 7000 + 2 * i));
  const old = container("old", 6000);
  for (const { netns } of [...newcomers, ...dead, old]) machine.kernel.addNetns(netns);
  const list = { ...dbnet, cniVersion: "1.1.0" };
  for (const each of [...dead, old]) ok(await machine.network("ADD", list, each));
  const valid = [{ containerId: "old", ifName: "eth0" }];
  const all = [
    ...newcomers.slice(0, 6).map((each) => Effect.asVoid(attach(list, each))),
    gc(list, valid),
    ...newcomers.slice(6).map((each) => Effect.asVoid(attach(list, each))),
  ];
  const exit = await machine.run(Effect.all(all, { concurrency: "unbounded" }));
  assert.ok(Exit.isSuccess(exit), String(exit));
  for (const each of [...newcomers, old]) ok(await machine.network("CHECK", list, each), each.containerId);
  assert.doesNotMatch(JSON.stringify(machine.dump()), /dead\d.{0,4}eth0/);
  for (const { containerId } of dead) {
    assert.equal(await machine.stateOf(streamOf("@chain", containerId, "dbnet")), "detached");
  }
});

Deno.test("a verb that is interrupted while it waits changes nothing, and leaves its place to the next", async () => {
  const { machine, calls, begun, go } = slowMachine();
  const first = machine.network("ADD", LIST, C1);
  await begun;
  const waiting = new AbortController();
  const layer = machine.run(Effect.raceFirst(
    attach(LIST, C1),
    Effect.callback<never>((resume) => waiting.signal.addEventListener("abort", () => resume(Effect.interrupt))),
  ));
  waiting.abort();
  assert.ok(Exit.hasInterrupts(await layer));
  go();
  ok(await first);
  ok(await machine.network("DEL", LIST, C1));
  assert.deepEqual(calls, ["ADD c1", "DEL c1"]);
});

const broken = (reason: LockError["reason"]) => {
  const fail = () => Effect.fail(new LockError({ network: "net", reason, detail: "as the test wants it" }));
  return Layer.succeed(NetworkLock)({ attachment: fail, network: fail, tidy: fail });
};

Deno.test("where locks cannot be made, ADD and GC fail with code 5, and DEL and CHECK go on and say so", async () => {
  const machine = new Machine(toys({ ops: OPS }));
  machine.kernel.addNetns("/ns/c1");
  const list = listOf("1.1.0", "toy");
  const lockless = <A, E, R>(effect: Effect.Effect<A, E, R | NetworkLock>) => Effect.provide(effect, broken("io"));
  for (const verb of [Effect.asVoid(attach(list, C1)), gc(list, [], { cacheDir: "/cache" })]) {
    const failure = failed(outcomeOf(await machine.run(lockless(verb))));
    assert.deepEqual([failure.code, failure.msg], [5, 'Cannot lock network "net": as the test wants it']);
  }
  assert.deepEqual(machine.log.dump(), {});
  ok(await machine.network("ADD", list, C1));
  for (const verb of [check(list, C1), detach(list, C1)]) {
    ok(outcomeOf(await machine.run(lockless(verb))));
    assert.deepEqual(machine.said.splice(0), ['Cannot lock network "net": as the test wants it; going on without it']);
  }
  assert.equal(await machine.stateOf(streamOf("toy")), "detached");
});

Deno.test("[B78] whose turn does not come fails with code 11, try again later, whatever the verb", async () => {
  const machine = new Machine(toys({ ops: OPS }));
  machine.kernel.addNetns("/ns/c1");
  const list = listOf("1.1.0", "toy");
  const verbs = [
    Effect.asVoid(attach(list, C1)),
    check(list, C1),
    detach(list, C1),
    gc(list, [], { cacheDir: "/cache" }),
  ];
  for (const verb of verbs) {
    const failure = failed(outcomeOf(await machine.run(Effect.provide(verb, broken("busy")))));
    assert.equal(failure.code, 11);
  }
  assert.deepEqual([machine.said, machine.log.dump(), await eventsOf(machine, streamOf("toy"))], [[], {}, []]);
});
