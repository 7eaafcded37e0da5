/** How long history is kept, and what that costs. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { fileNetworkLock } from "../../../src/effects/lock/file.ts";
import { NetworkLock } from "../../../src/effects/lock/network_lock.ts";
import { emptyTail, encodeEvents } from "../../../src/effects/log/format.ts";
import { fileEventStore } from "../../../src/effects/log/file.ts";
import { endOf } from "../../../src/effects/log/prune.ts";
import { EventStore } from "../../../src/effects/log/store.ts";
import { Origin } from "../../../src/effects/origin.ts";
import type { AttachmentEvent } from "../../../src/machines/event.ts";
import { prune, pruneNowAndThen, type PruneOptions } from "../../../src/runtime/prune.ts";
import { Machine } from "../../support/engine.ts";
import { streamOf } from "../../support/outcomes.ts";
import { eventStores, newFolder, origin, runOnLog } from "../../support/stores.ts";
import { watching } from "../../support/syscalls.ts";
import { toys } from "../../support/toy_plugins.ts";

const DEL: AttachmentEvent = { type: "DEL" }, DONE: AttachmentEvent = { type: "del.succeeded" };
const DAY = 24 * 3600 * 1000;
const NOW = Date.parse("2026-06-30T00:00:00.000Z");
const daysAgo = (days: number) => new Date(NOW - days * DAY).toISOString();

const append = (network: string, id: string, events: readonly AttachmentEvent[], slot = "bridge") =>
  Effect.scoped(Effect.gen(function* () {
    const stream = yield* (yield* EventStore).open(streamOf(slot, id, network));
    yield* stream.append(events);
  }));

const left = Effect.flatMap(EventStore, (store) =>
  Effect.map(
    store.list({}),
    (ids) => ids.map(({ network, containerId, slot }) => `${network}/${containerId}/${slot}`),
  ));

for (const [kind, make] of eventStores) {
  Deno.test(`${kind}: of each network the newest that are over stay; what lives does not count, and stays`, async () => {
    using store = make();
    for (const network of ["a", "b"]) {
      for (let day = 9; day >= 1; day--) {
        const at = origin({ now: () => daysAgo(day) });
        await runOnLog(store, append(network, `c${day}`, day % 3 === 0 ? [DEL] : [DEL, DONE]), at);
        await runOnLog(store, append(network, `c${day}`, [DEL, DONE], "tuning"), at);
      }
    }
    const limits = { keep: 2, network: "a" };
    const dry = await runOnLog(
      store,
      Effect.flatMap(EventStore, (log) => log.prune(daysAgo(30), { ...limits, dryRun: true })),
    );
    const removed = await runOnLog(store, Effect.flatMap(EventStore, (log) => log.prune(daysAgo(30), limits)));
    assert.deepEqual([dry, removed], [8, 8], "four attachments of two streams");
    const ofA = (await runOnLog(store, left)).filter((name) => name.startsWith("a/") && name.endsWith("/bridge"));
    assert.deepEqual(ofA, ["a/c1/bridge", "a/c2/bridge", "a/c3/bridge", "a/c6/bridge", "a/c9/bridge"]);
    assert.equal((await runOnLog(store, left)).filter((name) => name.startsWith("b/")).length, 18);
  });
}

Deno.test("what was detached more than 30 days ago goes unless told otherwise, and locks of networks that are gone", async () => {
  const machine = new Machine(toys());
  const put = async (id: string, events: readonly AttachmentEvent[], days: number) => {
    const stream = streamOf("toy", id);
    const at = new Date(Date.parse("2026-01-01T00:00:00.000Z") - days * DAY).toISOString();
    const { bytes } = await encodeEvents(emptyTail(stream), events, origin({ now: () => at }));
    machine.log.put(stream, new TextDecoder().decode(bytes));
  };
  const pruned = async (options?: PruneOptions) => {
    const exit = await machine.run(prune(options));
    assert.equal(exit._tag, "Success");
    return Object.keys(machine.log.dump());
  };
  await put("c1", [DEL, DONE], 31);
  await put("c2", [DEL, DONE], 29);
  await put("c3", [DEL], 99);
  assert.deepEqual(await pruned({ dryRun: true }), ["net/c1/eth0/toy", "net/c2/eth0/toy", "net/c3/eth0/toy"]);
  assert.deepEqual(await pruned(), ["net/c2/eth0/toy", "net/c3/eth0/toy"]);
  assert.deepEqual(await pruned({ olderThan: 20 * DAY }), ["net/c3/eth0/toy"]);
  assert.deepEqual(await pruned({ keep: 0 }), ["net/c3/eth0/toy"]);
});

Deno.test("the end of a log is told by its last line; a torn or foreign one is the end of nothing", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const line = (type: string) => `{"at":"2026","event":{"type":"${type}"}}\n`;
  const cases: readonly (readonly [string, ReturnType<typeof endOf>])[] = [
    ["", { at: "", isOver: true }],
    [line("del.succeeded"), { at: "2026", isOver: true }],
    [line("DEL") + line("del.succeeded"), { at: "2026", isOver: true }],
    [line("del.succeeded") + line("ADD"), { at: "2026", isOver: false }],
    [line("del.succeeded").trimEnd(), { at: "", isOver: false }],
    ["\n", { at: "", isOver: false }],
    ["null\n", { at: "", isOver: false }],
    ["[]\n", { at: "", isOver: false }],
  ];
  for (const [text, end] of cases) assert.deepEqual(endOf(bytes(text)), end, text);
});

Deno.test("a lock is tidied away unless its network is kept or somebody has a turn on it", async () => {
  using folder = newFolder();
  const locks = fileNetworkLock(folder.path);
  const run = <A, E>(effect: Effect.Effect<A, E, NetworkLock>) => Effect.runPromise(Effect.provide(effect, locks));
  const turn = (network: string) =>
    Effect.flatMap(NetworkLock, (lock) => lock.attachment({ network, containerId: "c1", ifName: "eth0" }, 0));
  const tidy = Effect.flatMap(NetworkLock, (lock) => lock.tidy(new Set(["kept"])));
  assert.equal(await run(tidy), 0, "there is no folder yet");
  for (const network of ["kept", "gone", "used"]) await run(Effect.scoped(turn(network)));
  assert.equal(await run(Effect.scoped(Effect.andThen(turn("used"), tidy))), 1);
  const names = Array.from(Deno.readDirSync(`${folder.path}/locks`), ({ name }) => name).sort();
  assert.deepEqual(names, ["kept.lock", "used.lock"]);
  await run(Effect.scoped(turn("gone")));
  assert.equal(await run(tidy), 2);
});

/** Puts past attachments of network `big` on disk, as they are after a DEL, without the time it takes to make them. */
async function fabricate(state: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const id = streamOf("bridge", `c${i}`, "big");
    const { bytes } = await encodeEvents(emptyTail(id), [DEL, DONE], origin({ now: () => daysAgo(1) }));
    const folder = `${state}/streams/big/c${i}/eth0`;
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
    Deno.writeFileSync(`${folder}/bridge.jsonl`, bytes, { mode: 0o600 });
  }
}

Deno.test("DELs alone keep the history of a network bounded, at a bounded cost each", async () => {
  using folder = newFolder();
  const facts = Layer.succeed(Origin)(origin({ now: () => new Date(NOW).toISOString() }));
  const services = fileEventStore(folder.path).pipe(Layer.provideMerge(facts));
  await fabricate(folder.path, 1120);
  const containers = () => Array.from(Deno.readDirSync(`${folder.path}/streams/big`)).length;
  const removed: number[] = [];
  for (let i = 0; i < 160; i++) {
    const before = containers();
    const key = { network: "big", containerId: `d${i}`, ifName: "eth0" };
    await Effect.runPromise(Effect.provide(pruneNowAndThen(key, "bridge"), services));
    const gone = before - containers();
    if (gone > 0) removed.push(gone);
  }
  assert.deepEqual(removed, [64, 56], "no more at once than 64, and none below 1 000");
});

Deno.test("finding and reading one container's log costs the same whatever the number of the others", async () => {
  const costs: number[] = [];
  for (const count of [1, 300]) {
    using folder = newFolder();
    await fabricate(folder.path, count);
    const services = fileEventStore(folder.path).pipe(Layer.provide(Layer.succeed(Origin)(origin())));
    const reading = Effect.gen(function* () {
      const store = yield* EventStore;
      const ids = yield* store.list({ network: "big", containerId: "c0" });
      return yield* Effect.forEach(ids, store.read);
    });
    let calls = 0;
    const found = await watching(() => void calls++, () => Effect.runPromise(Effect.provide(reading, services)));
    assert.equal(found.length, 1);
    costs.push(calls);
  }
  assert.equal(costs[0], costs[1]);
});
