/**
 * The event store in files: `<state dir>/streams/<network>/<containerId>/<ifName>/<slot>.jsonl`, folders 0700, files
 * 0600. A stream's lock is flock(2) on its own file, so it ends with the process that held it.
 *
 * Nothing is synced to disk: what the log describes is kernel state, which a power failure ends as well; after a crash of
 * the process alone the page cache still has every write.
 */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { AttachmentKey, StreamId } from "../../spec/key.ts";
import { streamName } from "../../spec/key.ts";
import { Origin, type OriginShape } from "../origin.ts";
import { files } from "../libc/files.ts";
import { DEFAULT_WAIT_MS, takeTurn } from "../wait.ts";
import { lockExisting, readAll, readUnlocked } from "./file_handle.ts";
import { namesIn, placeOf, streamsFolder, SUFFIX } from "./file_paths.ts";
import { pruneFiles } from "./file_prune.ts";
import { attempt, closeFile, makeStream, type OpenFile, type StreamOf } from "./file_stream.ts";
import { emptyTail, type Verified, verifyLines } from "./format.ts";
import { checkParts, filterName } from "./part.ts";
import { type Hash, settled, Sha256 } from "../../spec/hash.ts";
import { EventStore, type EventStoreShape, LogError } from "./store.ts";

const busy = (stream: string, waitMs: number): LogError =>
  new LogError({ stream, reason: "busy", detail: `another process has held it for ${waitMs} ms` });

const unwritten = (id: StreamId): Verified => ({ records: [], corruption: null, goodLength: 0, tail: emptyTail(id) });

/** What the store works with. */
interface Base {
  readonly stateDir: string;
  readonly origin: OriginShape;
  readonly sha256: Hash;
}

/** Verifies a locked file and cuts off a torn last line. */
const verifyFile = (
  open: OpenFile,
  fd: number,
  { id, place, sha256 }: StreamOf,
): Effect.Effect<Verified, LogError> =>
  Effect.gen(function* () {
    const stream = streamName(id);
    const bytes = yield* attempt(stream, () => readAll(fd));
    const verified = yield* settled(() => verifyLines(bytes, id, sha256));
    const { corruption, goodLength, tail } = verified;
    open.tail = tail;
    open.length = goodLength;
    if (corruption !== null) {
      open.refusal = { reason: "corrupt", detail: `line ${corruption.line}: ${corruption.detail}` };
    } else if (goodLength < bytes.length && open.refusal === null) {
      yield* attempt(stream, () => files.truncate(fd, goodLength, place.path));
    }
    return verified;
  });

const openStream = (base: Base): EventStoreShape["open"] => (id, waitMs = DEFAULT_WAIT_MS) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const stream = streamName(id);
      const place = yield* attempt(stream, () => placeOf(base.stateDir, id));
      const locked = yield* takeTurn(attempt(stream, () => lockExisting(place)), waitMs, restore);
      if (locked === null) return yield* busy(stream, waitMs);
      const { fd, unwritable } = locked === "absent" ? { fd: null, unwritable: null } : locked;
      const refusal = unwritable === null ? null : { reason: "io", detail: unwritable } as const;
      const open: OpenFile = { fd, length: 0, tail: emptyTail(id), refusal, torn: false };
      yield* Effect.addFinalizer(() => Effect.sync(() => closeFile(open)));
      const of = { ...base, id, place };
      const verified = fd === null ? unwritten(id) : yield* verifyFile(open, fd, of);
      return makeStream(open, of, verified);
    })
  );

const readStream = ({ stateDir, sha256 }: Base): EventStoreShape["read"] => (id) =>
  Effect.gen(function* () {
    const bytes = yield* attempt(streamName(id), () => readUnlocked(placeOf(stateDir, id)));
    if (bytes === null) return { records: [], corruption: null };
    const { records, corruption } = yield* settled(() => verifyLines(bytes, id, sha256));
    return { records, corruption };
  });

/** The folders of one level that the filter leaves. */
const foldersIn = (folder: string, wanted: string | undefined): readonly string[] => {
  return wanted === undefined ? namesIn(folder, ({ isDirectory }) => isDirectory) : [wanted];
};

const findStreams = (stateDir: string, filter: Partial<AttachmentKey>): StreamId[] => {
  checkParts(filter);
  const root = streamsFolder(stateDir);
  const found: StreamId[] = [];
  for (const network of foldersIn(root, filter.network)) {
    for (const containerId of foldersIn(`${root}/${network}`, filter.containerId)) {
      for (const ifName of foldersIn(`${root}/${network}/${containerId}`, filter.ifName)) {
        const folder = `${root}/${network}/${containerId}/${ifName}`;
        const names = namesIn(folder, ({ isFile, name }) => isFile && name.endsWith(SUFFIX) && name !== SUFFIX);
        for (const name of names) found.push({ network, containerId, ifName, slot: name.slice(0, -SUFFIX.length) });
      }
    }
  }
  return found.sort((a, b) => streamName(a) < streamName(b) ? -1 : 1);
};

const listStreams = ({ stateDir }: Base): EventStoreShape["list"] => (filter) =>
  attempt(filterName(filter), () => findStreams(stateDir, filter));

/**
 * The event store below a state directory, which the first append makes if need be. Its effects end with `LogError`:
 * "io" also when a part of a stream's id would lead out of its folder, or a link lies where a file or folder should.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import * as Layer from "effect/Layer";
 * import { systemOrigin } from "../system.ts";
 * import { fileEventStore } from "./file.ts";
 * import { EventStore } from "./store.ts";
 * const stateDir = Deno.makeTempDirSync();
 * const id = { network: "net", containerId: "c1", ifName: "eth0", slot: "bridge" };
 * const script = Effect.gen(function* () {
 *   const store = yield* EventStore;
 *   yield* Effect.scoped(Effect.flatMap(store.open(id), (stream) => stream.append([{ type: "DEL" }])));
 *   return (yield* store.read(id)).records;
 * });
 * const layer = fileEventStore(stateDir).pipe(Layer.provide(systemOrigin("0.0.0")));
 * const records = await Effect.runPromise(Effect.provide(script, layer));
 * Deno.removeSync(stateDir, { recursive: true });
 * if (records[0]?.by !== "cleat 0.0.0") throw new Error("the record is not ours");
 * ```
 */
export const fileEventStore = (stateDir: string): Layer.Layer<EventStore, never, Origin> =>
  Layer.effect(
    EventStore,
    Effect.gen(function* () {
      const base: Base = { stateDir, origin: yield* Origin, sha256: yield* Sha256 };
      return EventStore.of({
        open: openStream(base),
        read: readStream(base),
        list: listStreams(base),
        prune: pruneFiles({ ...base, list: listStreams(base) }),
      });
    }),
  );
