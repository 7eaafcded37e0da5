/** The streams that are not history: what GC looks at. */
import * as Effect from "effect/Effect";
import { EventStore, type LogError } from "../effects/log/store.ts";
import type { AddEvent } from "../machines/event.ts";
import { foldLegal } from "../machines/evolve.ts";
import type { AttachmentKey, StreamId } from "../spec/key.ts";

/** A stream that a DEL would do something for. */
export interface LiveStream {
  /** Its name. */
  readonly id: StreamId;
  /** The ADD that is to be undone; null where none is known. */
  readonly add: AddEvent | null;
  /** Number of the last record; 0 where none can be read. */
  readonly seq: number;
  /** When that was written (ISO 8601); empty where it cannot be read. */
  readonly at: string;
}

/** What cannot be read counts as live: DEL will say why it cannot be undone. */
const liveStream = (id: StreamId) =>
  Effect.gen(function* () {
    const store = yield* EventStore;
    const read = yield* Effect.option(store.read(id));
    if (read._tag === "None") return { id, add: null, seq: 0, at: "" };
    const { records, corruption } = read.value;
    const { snapshot, illegal } = foldLegal(records, id);
    // A DEL of what is detached would only make its history longer, and so keep it from being pruned.
    if (snapshot.value === "detached" && corruption === null && illegal === null) return null;
    const last = records.at(-1);
    return { id, add: snapshot.context.add, seq: last?.seq ?? 0, at: last?.at ?? "" };
  });

/** The live streams whose attachment agrees with every given part and passes `wanted`, sorted by name. */
export const liveStreams = (
  filter: Partial<AttachmentKey>,
  wanted: (id: StreamId) => boolean = () => true,
): Effect.Effect<readonly LiveStream[], LogError, EventStore> =>
  Effect.gen(function* () {
    const store = yield* EventStore;
    const live: LiveStream[] = [];
    for (const id of yield* store.list(filter)) {
      const found = wanted(id) ? yield* liveStream(id) : null;
      if (found !== null) live.push(found);
    }
    return live;
  });
