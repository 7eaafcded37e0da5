/** How the store in memory fails on demand, and what its crashes leave. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { memoryEventStore, type MemoryLogHooks } from "../../../src/effects/log/memory.ts";
import { EventStore } from "../../../src/effects/log/store.ts";
import type { AttachmentEvent } from "../../../src/machines/event.ts";
import { runOnLog, streamId } from "../../support/stores.ts";

const id = streamId();
const DEL: AttachmentEvent = { type: "DEL" };
const append = (...events: readonly AttachmentEvent[]) =>
  Effect.scoped(
    Effect.flatMap(EventStore, (log) => Effect.flatMap(log.open(id, 0), (stream) => stream.append(events))),
  );
const linesIn = (text: string | undefined): number => (text ?? "").split("\n").length - 1;

for (const [phase, written] of [["before", 1], ["after", 2]] as const) {
  Deno.test(`a crash ${phase} an append leaves ${written} of 2 lines and no lock`, async () => {
    const hooks: MemoryLogHooks = {};
    const log = memoryEventStore(hooks);
    await runOnLog(log, append(DEL));
    hooks.onAppend = (at, of, events) => {
      assert.deepEqual([of, events], [id, [{ type: "CHECK" }]]);
      if (at === phase) throw new Error("crash");
    };
    await assert.rejects(runOnLog(log, append({ type: "CHECK" })), { message: "crash" });
    hooks.onAppend = () => {};
    assert.equal(linesIn(log.dump()["net/c1/eth0/bridge"]), written);
    await runOnLog(log, append({ type: "del.succeeded" }));
    assert.equal(linesIn(log.dump()["net/c1/eth0/bridge"]), written + 1);
  });
}

Deno.test("as many appends fail as were asked for, and write nothing", async () => {
  const log = memoryEventStore();
  log.failAppends(2);
  for (let time = 0; time < 2; time++) {
    assert.equal((await runOnLog(log, Effect.flip(append(DEL)))).reason, "io");
    assert.deepEqual(log.dump(), {});
  }
  await runOnLog(log, append(DEL));
  assert.equal(linesIn(log.dump()["net/c1/eth0/bridge"]), 1);
});

Deno.test("damage put into a stream is found, and set aside like a file", async () => {
  const log = memoryEventStore();
  await runOnLog(log, append(DEL));
  const good = log.dump()["net/c1/eth0/bridge"] ?? "";
  log.put(id, `${good}damage\n`);
  const script = Effect.gen(function* () {
    const stream = yield* (yield* EventStore).open(id);
    const refused = yield* Effect.flip(stream.append([DEL]));
    yield* stream.setAside;
    yield* stream.append([DEL]);
    return [stream.records.length, stream.corruption, refused.reason] as const;
  });
  assert.deepEqual(await runOnLog(log, script), [1, { line: 2, detail: "it is not JSON" }, "corrupt"]);
  assert.deepEqual(log.dump(), {
    "net/c1/eth0/bridge": good,
    "net/c1/eth0/bridge.jsonl.corrupt-2026-01-01T00:00:00.000Z": `${good}damage\n`,
  });
});

Deno.test("a torn line put into a stream is cut when it is opened", async () => {
  const log = memoryEventStore();
  await runOnLog(log, append(DEL));
  const good = log.dump()["net/c1/eth0/bridge"] ?? "";
  log.put(id, `${good}{"v":1,`);
  await runOnLog(log, Effect.flatMap(EventStore, (store) => store.open(id)));
  assert.deepEqual(log.dump(), { "net/c1/eth0/bridge": good });
});
