/** Disks that fail in the middle of a write, and files that vanish in the middle of an opening. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import { SystemError } from "../../../src/effects/libc/errno.ts";
import { files } from "../../../src/effects/libc/files.ts";
import { EventStore } from "../../../src/effects/log/store.ts";
import { append, DEL, DONE, failToAppend, id, newStore, open, typesNow } from "../../support/log_folder.ts";
import { runOnLog } from "../../support/stores.ts";
import { replacing } from "../../support/syscalls.ts";

const { write: realWrite, lock: realLock } = files;
const withWrite = <A>(write: typeof realWrite, run: () => Promise<A>) => replacing({ write }, run);
const full = () => new SystemError("ENOSPC", "write", "No space left on device");

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
        withWrite((fd, bytes, path) => {
          if (++writes > 1) throw full();
          return realWrite(fd, bytes.subarray(0, 20), path);
        }, () => Effect.runPromise(Effect.flip(stream.append([DONE]))))
      );
      assert.equal(error.message, 'Cannot write log "net/c1/eth0/bridge": write: No space left on device (ENOSPC)');
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
    (fd, bytes, path) => realWrite(fd, bytes.subarray(0, 7), path),
    () => runOnLog(store, append(DEL, DONE)),
  );
  assert.deepEqual(await runOnLog(store, typesNow), ["DEL", "del.succeeded"]);
});

Deno.test("all events of an append are one write", async () => {
  using store = newStore();
  let writes = 0;
  const count: typeof realWrite = (...args) => {
    writes++;
    return realWrite(...args);
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
    let locks = 0;
    const lock: typeof realLock = (...args) => {
      if (++locks === 1) {
        Deno.removeSync(store.file);
        if (replace) Deno.writeTextFileSync(store.file, "");
      }
      return realLock(...args);
    };
    await replacing({ lock }, () => runOnLog(store, append({ type: "CHECK" })));
    assert.deepEqual(await runOnLog(store, typesNow), ["CHECK"]);
  });
}

Deno.test("a file that another process wrote to between its making and its locking is theirs", async () => {
  using store = newStore();
  const lock: typeof realLock = (...args) => {
    Deno.writeTextFileSync(store.file, "theirs\n");
    return realLock(...args);
  };
  assert.equal((await replacing({ lock }, () => runOnLog(store, failToAppend(DEL)))).reason, "raced");
  assert.equal(Deno.readTextFileSync(store.file), "theirs\n");
});
