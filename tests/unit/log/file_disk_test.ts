/** Disks that fail in the middle of a write, and files that vanish in the middle of an opening. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import { EventStore } from "../../../src/effects/log/store.ts";
import { append, DEL, DONE, failToAppend, id, newStore, open, typesNow } from "../../support/log_folder.ts";
import { runOnLog } from "../../support/stores.ts";

/** Replaces FsFile's write while `run` runs. */
const withWrite = async <A>(write: (file: Deno.FsFile, bytes: Uint8Array) => number, run: () => Promise<A>) => {
  const { writeSync } = Deno.FsFile.prototype;
  Deno.FsFile.prototype.writeSync = function (bytes) {
    return write(this, bytes);
  };
  try {
    return await run();
  } finally {
    Deno.FsFile.prototype.writeSync = writeSync;
  }
};
const realWrite = Deno.FsFile.prototype.writeSync;
const full = () => new Error("No space left on device (os error 28)");

Deno.test("a write that fails half way is taken back, and the next one succeeds", async () => {
  using store = newStore();
  await runOnLog(store, append(DEL));
  const before = Deno.readTextFileSync(store.file);
  let writes = 0;
  const types = await runOnLog(
    store,
    Effect.gen(function* () {
      const stream = yield* open;
      const error = yield* Effect.promise(() =>
        withWrite((file, bytes) => {
          if (++writes > 1) throw full();
          return realWrite.call(file, bytes.subarray(0, 20));
        }, () => Effect.runPromise(Effect.flip(stream.append([DONE]))))
      );
      assert.equal(error.message, 'Cannot write log "net/c1/eth0/bridge": No space left on device (os error 28)');
      assert.equal(Deno.readTextFileSync(store.file), before);
      yield* stream.append([DONE]);
      return yield* Effect.map(
        Effect.flatMap(EventStore, (log) => log.read(id)),
        ({ records }) => records.map(({ event }) => event.type),
      );
    }),
  );
  assert.deepEqual(types, ["DEL", "del.succeeded"]);
});

Deno.test("a first write that fails leaves neither file nor folders, and may be tried again", async () => {
  using store = newStore();
  await runOnLog(
    store,
    Effect.gen(function* () {
      const stream = yield* open;
      const fail = () => Effect.runPromise(Effect.flip(stream.append([DEL])));
      yield* Effect.promise(() =>
        withWrite(() => {
          throw full();
        }, fail)
      );
      assert.deepEqual(Array.from(Deno.readDirSync(`${store.state}/streams`)), []);
      yield* stream.append([DEL]);
    }),
  );
  assert.deepEqual(await runOnLog(store, typesNow), ["DEL"]);
});

Deno.test("short writes are completed", async () => {
  using store = newStore();
  await withWrite(
    (file, bytes) => realWrite.call(file, bytes.subarray(0, 7)),
    () => runOnLog(store, append(DEL, DONE)),
  );
  assert.deepEqual(await runOnLog(store, typesNow), ["DEL", "del.succeeded"]);
});

Deno.test("all events of an append are one write", async () => {
  using store = newStore();
  let writes = 0;
  const count = (file: Deno.FsFile, bytes: Uint8Array) => {
    writes++;
    return realWrite.call(file, bytes);
  };
  await withWrite(count, () => runOnLog(store, append(DEL, { type: "CHECK" }, DONE)));
  assert.equal(writes, 1);
});

Deno.test("whoever waited for a stream that was pruned meanwhile finds it absent and makes a new one", async () => {
  using store = newStore();
  await runOnLog(store, append(DEL, DONE));
  await runOnLog(
    store,
    Effect.gen(function* () {
      const scope = yield* Scope.make();
      yield* Scope.provide(open, scope);
      const waiting = Effect.runPromise(
        Effect.scoped(Effect.gen(function* () {
          const stream = yield* (yield* EventStore).open(id);
          assert.deepEqual(stream.records, []);
          yield* stream.append([DEL]);
        })).pipe(Effect.provideService(EventStore, yield* EventStore)),
      );
      Deno.removeSync(store.file); // as prune does under the lock
      yield* Scope.close(scope, Exit.void);
      yield* Effect.promise(() => waiting);
    }),
  );
  assert.deepEqual(await runOnLog(store, typesNow), ["DEL"]);
});

for (const [what, replace] of [["pruned", false], ["pruned and made anew", true]] as const) {
  Deno.test(`a file that was ${what} between its opening and its locking is not written to`, async () => {
    using store = newStore();
    await runOnLog(store, append(DEL, DONE));
    const { tryLockSync } = Deno.FsFile.prototype;
    let locks = 0;
    Deno.FsFile.prototype.tryLockSync = function (exclusive) {
      if (++locks === 1) {
        Deno.removeSync(store.file);
        if (replace) Deno.writeTextFileSync(store.file, "");
      }
      return tryLockSync.call(this, exclusive);
    };
    try {
      await runOnLog(store, append({ type: "CHECK" }));
    } finally {
      Deno.FsFile.prototype.tryLockSync = tryLockSync;
    }
    assert.deepEqual(await runOnLog(store, typesNow), ["CHECK"]);
  });
}

Deno.test("a file that another process wrote to between its making and its locking is theirs", async () => {
  using store = newStore();
  const { tryLockSync } = Deno.FsFile.prototype;
  Deno.FsFile.prototype.tryLockSync = function (exclusive) {
    Deno.writeTextFileSync(store.file, "theirs\n");
    return tryLockSync.call(this, exclusive);
  };
  try {
    assert.equal((await runOnLog(store, failToAppend(DEL))).reason, "raced");
  } finally {
    Deno.FsFile.prototype.tryLockSync = tryLockSync;
  }
  assert.equal(Deno.readTextFileSync(store.file), "theirs\n");
});
