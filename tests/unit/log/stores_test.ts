/** What every event store does, on disk and in memory. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Fiber from "effect/Fiber";
import * as Scope from "effect/Scope";
import { EventStore, LogError } from "../../../src/effects/log/store.ts";
import type { AttachmentEvent } from "../../../src/machines/event.ts";
import type { StreamId } from "../../../src/spec/key.ts";
import { eventStores, origin, runOnLog, streamId } from "../../support/stores.ts";

const id = streamId();
const DEL: AttachmentEvent = { type: "DEL" };
const DONE: AttachmentEvent = { type: "del.succeeded" };

const append = (to: StreamId, ...events: readonly AttachmentEvent[]) =>
  Effect.scoped(Effect.gen(function* () {
    const stream = yield* (yield* EventStore).open(to);
    return yield* stream.append(events);
  }));

const read = (from: StreamId) => Effect.flatMap(EventStore, (store) => store.read(from));
const typesIn = (from: StreamId) => Effect.map(read(from), ({ records }) => records.map(({ event }) => event.type));
const list = (filter = {}) => Effect.flatMap(EventStore, (store) => store.list(filter));

const failure = <A, R>(effect: Effect.Effect<A, LogError, R>) => Effect.flip(effect);

for (const [kind, make] of eventStores) {
  Deno.test(`${kind}: an absent stream opens and reads without records, and opening leaves nothing behind`, async () => {
    using store = make();
    const seen = await runOnLog(
      store,
      Effect.gen(function* () {
        const stream = yield* (yield* EventStore).open(id);
        return [stream.records, stream.corruption, yield* read(id), yield* list()];
      }),
    );
    assert.deepEqual(seen, [[], null, { records: [], corruption: null }, []]);
    if (store.path !== null) assert.deepEqual(Array.from(Deno.readDirSync(store.path)), []);
  });

  Deno.test(`${kind}: appending nothing makes no stream`, async () => {
    using store = make();
    assert.deepEqual(await runOnLog(store, Effect.andThen(append(id), list())), []);
  });

  Deno.test(`${kind}: what is appended is answered, read and found at the next opening, numbered on`, async () => {
    using store = make();
    const first = await runOnLog(store, append(id, DEL, { type: "CHECK" }));
    const second = await runOnLog(store, append(id, DONE), origin({ pid: 2, boot: "boot-2" }));
    const [opened, seen] = await runOnLog(
      store,
      Effect.gen(function* () {
        return [(yield* (yield* EventStore).open(id)).records, (yield* read(id)).records];
      }),
    );
    assert.deepEqual(opened, [...first, ...second]);
    assert.deepEqual(seen, opened);
    assert.deepEqual(opened?.map(({ seq, pid, boot }) => [seq, pid, boot]), [
      [1, 4711, "boot-1"],
      [2, 4711, "boot-1"],
      [3, 2, "boot-2"],
    ]);
  });

  Deno.test(`${kind}: an open stream is busy for others until its scope closes, and can be read meanwhile`, async () => {
    using store = make();
    await runOnLog(store, append(id, DEL));
    const [error, types] = await runOnLog(
      store,
      Effect.gen(function* () {
        const log = yield* EventStore;
        yield* log.open(id);
        return [yield* failure(Effect.scoped(log.open(id, 5))), yield* typesIn(id)] as const;
      }),
    );
    assert.equal(error.message, 'Cannot lock log "net/c1/eth0/bridge": another process has held it for 5 ms');
    assert.deepEqual(types, ["DEL"]);
    await runOnLog(store, append(id, DONE));
  });

  Deno.test(`${kind}: whoever waits for a stream gets it with what was appended meanwhile`, async () => {
    using store = make();
    await runOnLog(store, append(id, DEL));
    const types = await runOnLog(
      store,
      Effect.gen(function* () {
        const log = yield* EventStore;
        const scope = yield* Scope.make();
        const first = yield* Scope.provide(log.open(id), scope);
        const waiting = Effect.map(log.open(id), ({ records }) => records.map(({ event }) => event.type));
        const second = yield* Effect.forkChild(Effect.scoped(waiting), { startImmediately: true });
        yield* first.append([DONE]);
        yield* Scope.close(scope, Exit.void);
        return yield* Fiber.join(second);
      }),
    );
    assert.deepEqual(types, ["DEL", "del.succeeded"]);
  });

  Deno.test(`${kind}: a waiting opener can be interrupted and leaves no lock`, async () => {
    using store = make();
    await runOnLog(store, append(id, DEL));
    await runOnLog(
      store,
      Effect.gen(function* () {
        const log = yield* EventStore;
        const scope = yield* Scope.make();
        yield* Scope.provide(log.open(id), scope);
        const second = yield* Effect.forkChild(Effect.scoped(log.open(id)), { startImmediately: true });
        yield* Fiber.interrupt(second);
        yield* Scope.close(scope, Exit.void);
        yield* Effect.scoped(log.open(id, 0));
      }),
    );
  });

  Deno.test(`${kind}: of two that found no stream the second to append has lost the race`, async () => {
    using store = make();
    const [error, types] = await runOnLog(
      store,
      Effect.gen(function* () {
        const log = yield* EventStore;
        const [one, other] = [yield* log.open(id), yield* log.open(id)];
        yield* one.append([DEL]);
        const lost = yield* failure(other.append([DONE]));
        yield* one.append([DONE]);
        return [lost, yield* typesIn(id)] as const;
      }),
    );
    assert.equal(error.reason, "raced");
    assert.deepEqual(types, ["DEL", "del.succeeded"]);
  });

  Deno.test(`${kind}: fibers that share a stream do not fork its chain`, async () => {
    using store = make();
    const { records, corruption } = await runOnLog(
      store,
      Effect.gen(function* () {
        const stream = yield* (yield* EventStore).open(id);
        const batches = Array.from({ length: 8 }, () => stream.append([DEL, DONE]));
        yield* Effect.all(batches, { concurrency: "unbounded" });
        return yield* read(id);
      }),
    );
    assert.equal(corruption, null);
    assert.deepEqual(records.map(({ event }) => event.type), Array(8).fill(["DEL", "del.succeeded"]).flat());
  });

  Deno.test(`${kind}: a closed stream refuses to be appended to`, async () => {
    using store = make();
    const error = await runOnLog(
      store,
      Effect.gen(function* () {
        const stream = yield* Effect.scoped(Effect.flatMap(EventStore, (log) => log.open(id)));
        return yield* failure(stream.append([DEL]));
      }),
    );
    assert.match(error.message, /the stream is closed/);
  });

  Deno.test(`${kind}: list sorts by name and keeps to every given part of the key`, async () => {
    using store = make();
    const other = [
      streamId({ containerId: "c2" }),
      streamId({ network: "a" }),
      streamId({ slot: "@chain" }),
      streamId({ ifName: "eth1", slot: "tuning#2" }),
    ];
    for (const each of [id, ...other]) await runOnLog(store, append(each, DEL));
    const names = async (filter: object) =>
      (await runOnLog(store, list(filter))).map((one) => `${one.network}/${one.containerId}/${one.ifName}/${one.slot}`);
    assert.deepEqual(await names({}), [
      "a/c1/eth0/bridge",
      "net/c1/eth0/@chain",
      "net/c1/eth0/bridge",
      "net/c1/eth1/tuning#2",
      "net/c2/eth0/bridge",
    ]);
    assert.deepEqual(await names({ containerId: "c1", ifName: "eth0" }), [
      "a/c1/eth0/bridge",
      "net/c1/eth0/@chain",
      "net/c1/eth0/bridge",
    ]);
    assert.deepEqual(await names({ network: "net", containerId: "c2", ifName: "eth0" }), ["net/c2/eth0/bridge"]);
    assert.deepEqual(await names({ network: "nowhere" }), []);
  });

  Deno.test(`${kind}: prune removes what was detached before a time, not what is attached, recent or in use`, async () => {
    using store = make();
    const at = (time: string) => origin({ now: () => time });
    const [old, recent, live, used] = ["old", "recent", "live", "used"].map((containerId) => streamId({ containerId }));
    assert(old && recent && live && used);
    await runOnLog(store, append(old, DEL, DONE), at("2026-01-01T00:00:00.000Z"));
    await runOnLog(store, append(recent, DEL, DONE), at("2026-01-03T00:00:00.000Z"));
    await runOnLog(store, append(live, DEL), at("2026-01-01T00:00:00.000Z"));
    await runOnLog(store, append(used, DEL, DONE), at("2026-01-01T00:00:00.000Z"));
    const [removed, left] = await runOnLog(
      store,
      Effect.gen(function* () {
        const log = yield* EventStore;
        yield* log.open(used);
        return [yield* log.prune("2026-01-02T00:00:00Z"), yield* log.list({})] as const;
      }),
    );
    assert.equal(removed, 1);
    assert.deepEqual(left.map(({ containerId }) => containerId), ["live", "recent", "used"]);
  });

  for (const part of ["", ".", "..", "a/b", "a\0b"]) {
    Deno.test(`${kind}: ${JSON.stringify(part)} is refused wherever it could become part of a path`, async () => {
      using store = make();
      const ids = [{ network: part }, { containerId: part }, { ifName: part }, { slot: part }].map(streamId);
      for (const bad of ids) {
        const opened = await runOnLog(
          store,
          Effect.scoped(failure(Effect.flatMap(EventStore, (log) => log.open(bad)))),
        );
        const seen = await runOnLog(store, failure(read(bad)));
        for (const error of [opened, seen]) {
          assert.equal(error.reason, "io");
          assert.match(error.detail, /cannot be part of a path/);
        }
      }
      assert.equal((await runOnLog(store, failure(list({ containerId: part })))).reason, "io");
    });
  }
}
