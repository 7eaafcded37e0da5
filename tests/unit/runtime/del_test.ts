/** DEL of a chain: backwards, past every failure, and until nothing is owed. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { AnyPlugin } from "../../../src/engine/plugin.ts";
import { attach, type Attachment } from "../../../src/runtime/attach.ts";
import { gc } from "../../../src/runtime/gc.ts";
import { Machine, outcomeOf } from "../../support/engine.ts";
import { type Answer, foreign, printing, type Run } from "../../support/foreign.ts";
import { listOf } from "../../support/lists.ts";
import { failed, ok, streamOf, wordsOf } from "../../support/outcomes.ts";
import { ADDRESS, LEASE, POOL, SYSCTL, toys, VETH } from "../../support/toy_plugins.ts";

const RESULT = { cniVersion: "1.1.0", ips: [{ address: "10.1.0.2/24" }] };
const C1: Attachment = { containerId: "c1", netns: "/ns/c1", ifName: "eth0", cacheDir: "/cache" };
const CACHE = "/cache/results/net-c1-eth0";

/** Foreign plugins whose DEL fails for as long as they are in `broken`. */
function chainOf(registry: ReadonlyMap<string, AnyPlugin>, names: readonly string[]) {
  const broken = new Set(names);
  const del = (name: string): Answer => (run) =>
    run.environment.CNI_COMMAND === "DEL" && broken.has(name)
      ? { code: 1, stdout: JSON.stringify({ code: 11, msg: `${name} is busy` }) }
      : printing(RESULT)(run);
  const answers = Object.fromEntries(names.map((name) => [name, del(name)]));
  const { layer, runs } = foreign(answers);
  const machine = new Machine(registry, {}, layer);
  machine.kernel.addNetns("/ns/c1");
  return { machine, runs, broken, layer };
}

const ours = toys(
  { type: "leaser", ops: [LEASE], adopt: [{ op: "lease.release", pool: POOL, owner: LEASE.owner }] },
  { type: "linker", ops: [VETH, ADDRESS], adopt: [{ op: "link.delete", on: "host", name: VETH.name }] },
  { type: "setter", ops: [SYSCTL] },
);
const MIXED = listOf("1.1.0", "leaser", "one", "linker", "two", "setter");

const dels = (runs: readonly Run[]): string =>
  runs.filter(({ environment }) => environment.CNI_COMMAND === "DEL").map(({ file }) => file.slice(13)).join(" ");

const hasLease = (machine: Machine): boolean => JSON.stringify(machine.leases.dump()).includes("c1");

Deno.test("[C13, C35, I26] a DEL in which plugins fail takes back what all others did, tells every failure, and stays owed", async () => {
  const { machine, runs, broken } = chainOf(ours, ["one", "two"]);
  const before = machine.kernel.dump();
  ok(await machine.network("ADD", MIXED, C1));
  assert.ok(hasLease(machine));
  const failure = failed(await machine.network("DEL", MIXED, C1));
  assert.equal(failure.code, 11, "the code of the first");
  assert.equal(wordsOf(failure), "two is busy; one is busy");
  assert.equal(dels(runs), "two one", "backwards");
  assert.deepEqual(machine.kernel.dump(), before);
  assert.equal(hasLease(machine), false, "the first plugin of the chain has given its lease back");
  for (const slot of ["leaser", "linker", "setter"]) assert.equal(await machine.stateOf(streamOf(slot)), "detached");
  assert.ok(machine.files.has(CACHE), "[C38] the cache entry stays");

  broken.delete("two");
  assert.equal(wordsOf(failed(await machine.network("DEL", MIXED, C1))), "one is busy");
  assert.match(wordsOf(failed(await machine.network("ADD", MIXED, C1))), /one is busy; run DEL until it succeeds/);
  broken.clear();
  runs.length = 0;
  ok(await machine.network("DEL", MIXED, C1));
  assert.equal(dels(runs), "one", "only what failed is asked again");
  assert.equal(machine.files.has(CACHE), false, "[C38] the cache entry is gone");
  ok(await machine.network("ADD", MIXED, C1));
});

Deno.test("[C13, I26] where the log is lost, a DEL in which plugins fail still asks all others, and the next one all of them", async () => {
  const first = chainOf(ours, ["one", "two"]);
  ok(await first.machine.network("ADD", MIXED, C1));
  const { machine, runs, broken } = chainOf(ours, ["one", "two"]);
  Object.assign(machine, { kernel: first.machine.kernel, leases: first.machine.leases, files: first.machine.files });
  assert.equal(wordsOf(failed(await machine.network("DEL", MIXED, C1))), "two is busy; one is busy");
  assert.equal(hasLease(machine), false);
  assert.doesNotMatch(JSON.stringify(machine.kernel.dump()), /"v1"/);
  assert.ok(machine.files.has(CACHE));
  broken.clear();
  ok(await machine.network("DEL", MIXED, C1));
  assert.equal(dels(runs), "two one two one");
  assert.equal(machine.files.has(CACHE), false);
});

for (const finish of ["DEL", "GC"] as const) {
  Deno.test(`a lease that could not be given back is not stranded: the next ${finish} gives it back`, async () => {
    const { machine } = chainOf(ours, ["one"]);
    const list = listOf("1.1.0", "leaser", "linker");
    const before = machine.kernel.dump();
    ok(await machine.network("ADD", list, C1));
    machine.leases.failApplies(1);
    assert.match(wordsOf(failed(await machine.network("DEL", list, C1))), /No space left/);
    assert.deepEqual(machine.kernel.dump(), before, "the link is gone all the same");
    assert.ok(hasLease(machine));
    if (finish === "DEL") ok(await machine.network("DEL", list, C1));
    else ok(outcomeOf(await machine.run(gc(list, null, { cacheDir: "/cache" }))));
    assert.equal(hasLease(machine), false);
    assert.equal(machine.files.has(CACHE), false);
  });
}

Deno.test("[C16] a plugin whose executable has gone is named by DEL, which undoes the rest and waits for its return", async () => {
  const { machine, broken } = chainOf(ours, ["one"]);
  broken.clear();
  const list = listOf("1.1.0", "leaser", "one", "setter");
  ok(await machine.network("ADD", list, C1));
  const without = Object.assign(new Machine(ours), {
    kernel: machine.kernel,
    leases: machine.leases,
    log: machine.log,
    files: machine.files,
  });
  assert.match(failed(await without.network("DEL", list, C1)).msg, /Cannot find plugin "one"/);
  assert.equal(hasLease(machine), false);
  ok(await machine.network("DEL", list, C1));
});

Deno.test("[C31, C33] DEL after a failed ADD, and DEL again and again, succeed", async () => {
  const { layer, runs } = foreign({
    one: printing(RESULT),
    two: (run) => run.environment.CNI_COMMAND === "ADD" ? { code: 1, stdout: '{"code":100,"msg":"no"}' } : {},
  });
  const machine = new Machine(ours, {}, layer);
  machine.kernel.addNetns("/ns/c1");
  const list = listOf("1.1.0", "leaser", "one", "two", "setter");
  assert.equal(failed(await machine.network("ADD", list, C1)).msg, "no");
  assert.equal(dels(runs), "two one", "[C31] who never ran has nothing to undo");
  assert.equal(hasLease(machine), false);
  for (let times = 1; times <= 3; times++) ok(await machine.network("DEL", list, C1), `DEL ${times}`);
  assert.equal(await machine.stateOf(streamOf("@chain")), "detached");
  assert.equal(machine.files.size, 0);
});

Deno.test("an ADD that was killed leaves no lease after the next DEL, wherever it was killed", async () => {
  const list = listOf("1.1.0", "leaser", "linker", "setter");
  for (let at = 1;; at++) {
    const { machine } = chainOf(ours, []);
    const before = machine.kernel.dump();
    const { ended } = await machine.network("ADD", list, C1, { at });
    if (machine.points < at) {
      assert.ok(at > 20, `${at - 1} points`);
      assert.equal(ended, "ok");
      break;
    }
    ok(await machine.network("DEL", list, C1), `killed at ${at}`);
    assert.equal(hasLease(machine), false, `killed at ${at}`);
    assert.deepEqual(machine.kernel.dump(), before, `killed at ${at}`);
  }
});

Deno.test("an attach that is interrupted anywhere leaves nothing: no lease, no link, no entry in the cache", async () => {
  const list = listOf("1.1.0", "leaser", "linker", "setter");
  for (let at = 1;; at++) {
    const { machine } = chainOf(ours, []);
    const before = machine.kernel.dump();
    const { ended } = await machine.network("ADD", list, C1, { at, interrupt: true });
    if (machine.points < at) {
      assert.equal(ended, "ok");
      break;
    }
    assert.notEqual(ended, "ok", `interrupted at ${at}`);
    assert.deepEqual([machine.kernel.dump(), hasLease(machine), machine.files.size], [before, false, 0], `${at}`);
  }
});

Deno.test("who interrupts while the cache is written gets no result, and nothing stays", async () => {
  const { machine } = chainOf(ours, []);
  const list = listOf("1.1.0", "leaser", "linker");
  const before = machine.kernel.dump();
  const controller = new AbortController();
  const write = machine.files.set.bind(machine.files);
  machine.files.set = (path, text) => {
    controller.abort();
    return write(path, text);
  };
  const aborted = Effect.callback<never>((resume) =>
    controller.signal.addEventListener("abort", () => resume(Effect.interrupt))
  );
  const ended = outcomeOf(await machine.run(Effect.raceFirst(aborted, attach(list, C1))));
  assert.equal(ended.ended, "interrupted");
  assert.deepEqual([machine.kernel.dump(), hasLease(machine), machine.files.size], [before, false, 0]);
});
