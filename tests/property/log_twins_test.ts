/** The event stores on disk and in memory tell the same story, whatever is done to them. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import { EventStore, type LogError, type Stream } from "../../src/effects/log/store.ts";
import type { AttachmentEvent } from "../../src/machines/event.ts";
import { type StreamId, streamName } from "../../src/spec/key.ts";
import { eventStores, origin, runOnLog, streamId } from "../support/stores.ts";
import { forSeeds } from "./seeds.ts";
import type { Random } from "./spec_random.ts";

type Step = (open: Map<string, Held>) => Effect.Effect<unknown, LogError, EventStore>;
interface Held {
  readonly stream: Stream;
  readonly scope: Scope.Closeable;
}

const ids: readonly [StreamId, ...StreamId[]] = [
  streamId(),
  streamId({ slot: "tuning#2" }),
  streamId({ containerId: "c2" }),
  streamId({ network: "other" }),
];
const EVENTS: readonly [AttachmentEvent, ...AttachmentEvent[]] = [
  { type: "DEL" },
  { type: "del.succeeded" },
  { type: "check.drifted", findings: ["é", "\n"] },
  { type: "effect.applied", id: 3 },
];

/** Opens under a handle, unless the handle is in use; what is seen is part of the story. */
const openAs = (handle: string, id: StreamId): Step => (open) =>
  Effect.gen(function* () {
    if (open.has(handle)) return "in use";
    const scope = yield* Scope.make();
    const result = yield* Effect.exit(Scope.provide((yield* EventStore).open(id, 0), scope));
    if (Exit.isFailure(result)) return yield* result;
    open.set(handle, { stream: result.value, scope });
    return [result.value.records, result.value.corruption];
  });

const withHandle = (handle: string, use: (held: Held) => Effect.Effect<unknown, LogError>): Step => (open) => {
  const held = open.get(handle);
  return held === undefined ? Effect.succeed("not open") : use(held);
};

const close = (handle: string): Step => (open) =>
  withHandle(handle, ({ scope }) => {
    open.delete(handle);
    return Scope.close(scope, Exit.void);
  })(open);

const inStore = (use: (store: EventStore["Service"]) => Effect.Effect<unknown, LogError>): Step => () =>
  Effect.flatMap(EventStore, use);

const randomStep = ({ list, pick }: Random): readonly [string, Step] => {
  const handle = pick(["a", "b", "c"]), id = pick(ids);
  const filter = pick<Partial<StreamId>>([{}, { containerId: "c1" }, { network: "other" }]);
  const events = list(3, () => pick(EVENTS));
  return pick<readonly [string, Step]>([
    [`open ${streamName(id)} as ${handle}`, openAs(handle, id)],
    [`append ${events.length} to ${handle}`, withHandle(handle, ({ stream }) => stream.append(events))],
    [`append ${events.length} to ${handle}`, withHandle(handle, ({ stream }) => stream.append(events))],
    [`set ${handle} aside`, withHandle(handle, ({ stream }) => stream.setAside)],
    [`close ${handle}`, close(handle)],
    [`read ${streamName(id)}`, inStore((store) => store.read(id))],
    ["list", inStore((store) => store.list(filter))],
    ["prune", inStore((store) => store.prune("2026-01-01T00:00:10.000Z"))],
  ]);
};

/** Every step and what came of it. */
const story = (steps: readonly (readonly [string, Step])[]) =>
  Effect.gen(function* () {
    const open = new Map<string, Held>();
    const told: unknown[] = [];
    for (const [name, step] of steps) {
      const result = yield* Effect.exit(step(open));
      if (Exit.isSuccess(result)) told.push([name, result.value]);
      else told.push([name, yield* Effect.flip(result)]);
    }
    for (const { scope } of open.values()) yield* Scope.close(scope, Exit.void);
    return told;
  });

const tick = () => {
  let seconds = 0;
  return origin({ now: () => new Date(Date.UTC(2026, 0, 1) + 1000 * seconds++).toISOString() });
};

Deno.test("files and memory agree on every answer of any sequence of operations", async () => {
  await forSeeds(40, async (random) => {
    const steps = Array.from({ length: 40 }, () => randomStep(random));
    const stories: unknown[][] = [];
    for (const [, make] of eventStores) {
      using store = make();
      stories.push(await runOnLog(store, story(steps), tick()));
    }
    assert.deepEqual(stories[0], stories[1]);
  });
});
