/** The event store in memory: the twin of `file.ts`, down to the bytes, with places to let it fail. */
import * as Effect from "effect/Effect";
import { settled } from "../../spec/hash.ts";
import * as Layer from "effect/Layer";
import * as Semaphore from "effect/Semaphore";
import type { AttachmentEvent } from "../../machines/event.ts";
import { type AttachmentKey, attachmentName, type StreamId, streamName } from "../../spec/key.ts";
import { Origin, type OriginShape } from "../origin.ts";
import { DEFAULT_WAIT_MS, takeTurn } from "../wait.ts";
import { emptyTail, encodeEvents, type Tail, verifyLines } from "./format.ts";
import { checkParts, filterName } from "./part.ts";
import { deadlines, type Ending, endOf, isPrunable } from "./prune.ts";
import { type Corruption, EventStore, type EventStoreShape, LogError, type Stream } from "./store.ts";

/** Called around every append. What it throws is a defect, as if the process had died at that point. */
export interface MemoryLogHooks {
  onAppend?: (phase: "before" | "after", id: StreamId, events: readonly AttachmentEvent[]) => void;
}

/** An event store in memory, and what tests do to it. */
export interface MemoryEventStore {
  readonly layer: Layer.Layer<EventStore, never, Origin>;
  /** The text of every stream by name, as its file would hold it; what was set aside bears the name of its file. */
  readonly dump: () => Readonly<Record<string, string>>;
  /** Puts this text in the place of a stream, as if its file had been changed behind the store's back. */
  readonly put: (id: StreamId, text: string) => void;
  /** The next `count` appends fail with "io", and nothing is written. */
  readonly failAppends: (count: number) => void;
}

interface StoredStream {
  readonly id: StreamId;
  bytes: Uint8Array<ArrayBuffer>;
  locked: boolean;
}

interface Memory {
  readonly streams: Map<string, StoredStream>;
  readonly aside: Map<string, string>;
  readonly hooks: MemoryLogHooks;
  failures: number;
}

/** An open stream: what it stands on, null while there is nothing, and where it ends. */
interface Handle {
  stored: StoredStream | null;
  tail: Tail;
  corruption: Corruption | null;
  closed: boolean;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const io = (stream: string, detail: string): LogError => new LogError({ stream, reason: "io", detail });

const checked = (name: string, parts: Partial<StreamId>): Effect.Effect<void, LogError> =>
  Effect.try({
    try: () => checkParts(parts),
    catch: (error) => io(name, error instanceof Error ? error.message : String(error)),
  });

const concat = (a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> => {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
};

const unlock = (handle: Handle): void => {
  if (handle.stored !== null) handle.stored.locked = false;
  handle.stored = null;
};

/** Why an append fails, or null. */
const obstacle = (memory: Memory, handle: Handle, id: StreamId): LogError | null => {
  const stream = streamName(id);
  if (handle.closed) return io(stream, "the stream is closed");
  if (handle.corruption !== null) {
    const detail = `line ${handle.corruption.line}: ${handle.corruption.detail}`;
    return new LogError({ stream, reason: "corrupt", detail });
  }
  if (memory.failures > 0) {
    memory.failures--;
    return io(stream, "No space left on device (as the test wants it)");
  }
  if (handle.stored === null && memory.streams.has(stream)) {
    const detail = "another process has just made it";
    return new LogError({ stream, reason: "raced", detail });
  }
  return null;
};

const append = (memory: Memory, handle: Handle, id: StreamId, origin: OriginShape): Stream["append"] => (events) =>
  Effect.uninterruptible(Effect.gen(function* () {
    if (events.length === 0) return [];
    yield* Effect.sync(() => memory.hooks.onAppend?.("before", id, events));
    const encoded = yield* settled(() => encodeEvents(handle.tail, events, origin));
    const failure = obstacle(memory, handle, id);
    if (failure !== null) return yield* failure;
    handle.stored ??= { id, bytes: new Uint8Array(), locked: true };
    handle.stored.bytes = concat(handle.stored.bytes, encoded.bytes);
    handle.tail = encoded.tail;
    memory.streams.set(streamName(id), handle.stored);
    yield* Effect.sync(() => memory.hooks.onAppend?.("after", id, events));
    return encoded.records;
  }));

const setAside = (memory: Memory, handle: Handle, id: StreamId, origin: OriginShape): Stream["setAside"] =>
  Effect.sync(() => {
    if (handle.stored === null) return;
    const name = `${streamName(id)}.jsonl.corrupt-${origin.now()}`;
    let number = 1;
    while (memory.aside.has(number === 1 ? name : `${name}.${number}`)) number++;
    memory.aside.set(number === 1 ? name : `${name}.${number}`, decoder.decode(handle.stored.bytes));
    memory.streams.delete(streamName(id));
    unlock(handle);
    handle.tail = emptyTail(id);
    handle.corruption = null;
  });

/** Locks an existing stream: "absent" when there is none, null when another fiber has it at the moment. */
const lock = (memory: Memory, name: string): Effect.Effect<StoredStream | "absent" | null> =>
  Effect.sync(() => {
    const stored = memory.streams.get(name);
    if (stored === undefined) return "absent";
    if (stored.locked) return null;
    stored.locked = true;
    return stored;
  });

const openStream = (memory: Memory, origin: OriginShape): EventStoreShape["open"] => (id, waitMs = DEFAULT_WAIT_MS) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const name = streamName(id);
      yield* checked(name, id);
      const locked = yield* takeTurn(lock(memory, name), waitMs, restore);
      if (locked === null) {
        const detail = `another process has held it for ${waitMs} ms`;
        return yield* new LogError({ stream: name, reason: "busy", detail });
      }
      const stored = locked === "absent" ? null : locked;
      const handle: Handle = { stored, tail: emptyTail(id), corruption: null, closed: false };
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          unlock(handle);
          handle.closed = true;
        })
      );
      const bytes = stored?.bytes ?? new Uint8Array();
      const { records, corruption, goodLength, tail } = yield* settled(() => verifyLines(bytes, id));
      Object.assign(handle, { tail, corruption });
      if (stored !== null && corruption === null) stored.bytes = bytes.slice(0, goodLength);
      const turns = Semaphore.makeUnsafe(1);
      const appendNow = append(memory, handle, id, origin);
      return {
        id,
        records,
        corruption,
        append: (events) => Semaphore.withPermit(turns, appendNow(events)),
        setAside: Semaphore.withPermit(turns, setAside(memory, handle, id, origin)),
      };
    })
  );

const matches = (id: StreamId, { network, containerId, ifName }: Partial<AttachmentKey>): boolean =>
  (network ?? id.network) === id.network && (containerId ?? id.containerId) === id.containerId &&
  (ifName ?? id.ifName) === id.ifName;

const sortedIds = (memory: Memory): readonly StreamId[] =>
  [...memory.streams].sort(([a], [b]) => a < b ? -1 : 1).map(([, { id }]) => id);

/** An attachment with what is stored of it. */
interface Found extends Ending {
  readonly stored: readonly (readonly [name: string, stream: StoredStream])[];
}

const endings = (memory: Memory, network: string | undefined): readonly Found[] => {
  const wanted = [...memory.streams].filter(([, { id }]) => network === undefined || id.network === network);
  return [...Map.groupBy(wanted, ([, { id }]) => attachmentName(id)).values()].flatMap((stored) => {
    const key = stored[0]?.[1].id;
    return key === undefined ? [] : [{ key, stored, ends: stored.map(([, { bytes }]) => endOf(bytes)) }];
  });
};

const prune = (memory: Memory): EventStoreShape["prune"] => (before, limits = {}) =>
  Effect.gen(function* () {
    const found = endings(memory, limits.network);
    const until = deadlines(found, before, limits);
    let removed = 0, attachments = 0;
    for (const ending of found) {
      const earlier = removed;
      if (attachments === (limits.atMost ?? Infinity)) break;
      for (const [name, stored] of ending.stored) {
        const verified = yield* settled(() => verifyLines(stored.bytes, stored.id));
        if (stored.locked || !isPrunable(verified, until.get(ending) ?? before)) continue;
        if (!limits.dryRun) memory.streams.delete(name);
        removed++;
      }
      if (removed > earlier) attachments++;
    }
    return removed;
  });

const storeOver = (memory: Memory, origin: OriginShape): EventStoreShape => ({
  open: openStream(memory, origin),
  read: (id) =>
    Effect.gen(function* () {
      yield* checked(streamName(id), id);
      const bytes = memory.streams.get(streamName(id))?.bytes ?? new Uint8Array();
      const { records, corruption } = yield* settled(() => verifyLines(bytes, id));
      return { records, corruption };
    }),
  list: (filter) =>
    Effect.map(checked(filterName(filter), filter), () => sortedIds(memory).filter((id) => matches(id, filter))),
  prune: prune(memory),
});

/**
 * A new, empty store. Every use of its layer shares it, so one script may open it many times, as processes do with files.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import * as Layer from "effect/Layer";
 * import { Origin } from "../origin.ts";
 * import { memoryEventStore } from "./memory.ts";
 * import { EventStore } from "./store.ts";
 * const log = memoryEventStore();
 * const origin = Layer.succeed(Origin)({ boot: "b", pid: 1, by: "example", now: () => "2026-01-01T00:00:00.000Z" });
 * const id = { network: "net", containerId: "c1", ifName: "eth0", slot: "bridge" };
 * const write = Effect.gen(function* () {
 *   const stream = yield* (yield* EventStore).open(id);
 *   return yield* stream.append([{ type: "DEL" }]);
 * });
 * await Effect.runPromise(Effect.scoped(write).pipe(Effect.provide(log.layer), Effect.provide(origin)));
 * if (!log.dump()["net/c1/eth0/bridge"]?.endsWith("\n")) throw new Error("nothing was written");
 * ```
 */
export const memoryEventStore = (hooks: MemoryLogHooks = {}): MemoryEventStore => {
  const memory: Memory = { streams: new Map(), aside: new Map(), hooks, failures: 0 };
  return {
    layer: Layer.effect(EventStore, Effect.map(Origin, (origin) => storeOver(memory, origin))),
    dump: () => ({
      ...Object.fromEntries([...memory.streams].map(([name, { bytes }]) => [name, decoder.decode(bytes)])),
      ...Object.fromEntries(memory.aside),
    }),
    put: (id, text) => {
      const stored = memory.streams.get(streamName(id)) ?? { id, bytes: new Uint8Array(), locked: false };
      stored.bytes = encoder.encode(text);
      memory.streams.set(streamName(id), stored);
    },
    failAppends: (count) => {
      memory.failures = count;
    },
  };
};
