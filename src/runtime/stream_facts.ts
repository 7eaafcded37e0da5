/** Reading the streams of an attachment for judging them. */
import * as Effect from "effect/Effect";
import { EventStore } from "../effects/log/store.ts";
import { foldLegal } from "../machines/evolve.ts";
import type { Slot, StreamId } from "../spec/key.ts";
import type { StreamFacts } from "./judge.ts";

/** States in which it matters whether the process that wrote them still lives. */
const MAYBE_HELD: ReadonlySet<string> = new Set(["attaching", "detaching", "failed"]);

/** A stream is locked as long as a command on it is under way, and no longer than its process lives. */
const isHeld = (id: StreamId): Effect.Effect<boolean, never, EventStore> =>
  Effect.gen(function* () {
    const store = yield* EventStore;
    const opened = yield* Effect.result(Effect.scoped(store.open(id, 0)));
    return opened._tag === "Failure" && opened.failure.reason === "busy";
  });

const unreadable = (id: StreamId, damage: string): StreamFacts => ({
  id,
  state: "absent",
  add: null,
  result: null,
  stack: [],
  seq: 0,
  at: "",
  boot: "",
  pid: 0,
  damage,
  held: false,
});

/** One stream as it is now. */
const factsOf = (id: StreamId, isDoomed: boolean): Effect.Effect<StreamFacts, never, EventStore> =>
  Effect.gen(function* () {
    const store = yield* EventStore;
    const read = yield* Effect.result(store.read(id));
    if (read._tag === "Failure") return unreadable(id, read.failure.message);
    const { corruption } = read.success;
    const { snapshot: { value, context: { add, result, stack } }, records, illegal } = foldLegal(
      read.success.records,
      id,
    );
    const last = records.at(-1);
    const damage = corruption === null ? illegal?.message ?? null : `line ${corruption.line}: ${corruption.detail}`;
    const held = (isDoomed || MAYBE_HELD.has(value)) && (yield* isHeld(id));
    const { seq = 0, at = "", boot = "", pid = 0 } = last ?? {};
    return { id, state: value, add, result, stack, seq, at, boot, pid, damage, held };
  });

/** The streams of an attachment as they are now. `isDoomed`: they are about to be undone, so whoever is at work counts. */
export const factsOfStreams = (
  ids: readonly StreamId[],
  isDoomed: boolean,
): Effect.Effect<readonly StreamFacts[], never, EventStore> => Effect.forEach(ids, (id) => factsOf(id, isDoomed));

/** The numbers of the last records, for a DEL that is decided from these facts. */
export const asOf = (streams: readonly StreamFacts[]): ReadonlyMap<Slot, number> =>
  new Map(streams.map(({ id: { slot }, seq }) => [slot, seq]));
