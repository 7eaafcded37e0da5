/** One open stream over its file. */
import * as Effect from "effect/Effect";
import * as Semaphore from "effect/Semaphore";
import { type StreamId, streamName } from "../../spec/key.ts";
import type { OriginShape } from "../origin.ts";
import { lockNew, removeFile, renameAside, writeAll } from "./file_handle.ts";
import type { Place } from "./file_paths.ts";
import { emptyTail, encodeEvents, type Tail, type Verified } from "./format.ts";
import { type Hash, settled } from "../../spec/hash.ts";
import { LogError, type Stream } from "./store.ts";

/** Runs file system calls; what they throw becomes a `LogError` "io", a `LogError` stays what it is. */
export const attempt = <A>(stream: string, run: () => A): Effect.Effect<A, LogError> =>
  Effect.try({
    try: run,
    catch: (error) =>
      error instanceof LogError
        ? error
        : new LogError({ stream, reason: "io", detail: error instanceof Error ? error.message : String(error) }),
  });

/** The file of an open stream and where it stands. `file` is null while the stream has no file. */
export interface OpenFile {
  file: Deno.FsFile | null;
  length: number;
  tail: Tail;
  /** Null, or why nothing may be appended. */
  refusal: { readonly reason: "corrupt" | "io"; readonly detail: string } | null;
  /** A failed write may have left bytes after `length` that could not be cut off. */
  torn: boolean;
}

/** What a stream is made from. */
export interface StreamOf {
  readonly id: StreamId;
  readonly stateDir: string;
  readonly place: Place;
  readonly origin: OriginShape;
  readonly sha256: Hash;
}

const createAndWrite = (open: OpenFile, { id, stateDir, place }: StreamOf, bytes: Uint8Array): void => {
  const file = lockNew(stateDir, place);
  if (file === null) {
    const detail = "another process has just made it; run the command again";
    throw new LogError({ stream: streamName(id), reason: "raced", detail });
  }
  try {
    writeAll(file, bytes);
  } catch (error) {
    try {
      removeFile(place);
    } finally {
      file.close();
    }
    throw error;
  }
  open.file = file;
  open.length = bytes.length;
};

const cut = (open: OpenFile, file: Deno.FsFile): void => {
  open.torn = true;
  file.truncateSync(open.length);
  open.torn = false;
};

const write = (open: OpenFile, file: Deno.FsFile, bytes: Uint8Array): void => {
  if (open.torn) cut(open, file);
  try {
    writeAll(file, bytes);
  } catch (error) {
    try {
      cut(open, file);
    } catch {
      // the next append tries again, and until then whoever reads finds a torn line
    }
    throw error;
  }
  open.length += bytes.length;
};

/** Appends all or nothing: n events are n hashes and one write. */
const append = (open: OpenFile, of: StreamOf): Stream["append"] => (events) =>
  Effect.uninterruptible(Effect.gen(function* () {
    if (events.length === 0) return [];
    const stream = streamName(of.id);
    if (open.refusal !== null) return yield* new LogError({ stream, ...open.refusal });
    const encoded = yield* settled(() => encodeEvents(open.tail, events, of.origin, of.sha256));
    yield* attempt(stream, () => {
      if (open.file === null) createAndWrite(open, of, encoded.bytes);
      else write(open, open.file, encoded.bytes);
    });
    open.tail = encoded.tail;
    return encoded.records;
  }));

const setAside = (open: OpenFile, { id, place, origin }: StreamOf): Stream["setAside"] =>
  attempt(streamName(id), () => {
    if (open.file === null) return;
    renameAside(place.path, origin.now());
    open.file.close();
    Object.assign(open, { file: null, length: 0, tail: emptyTail(id), refusal: null, torn: false });
  });

/** Closes the file, which gives up the lock; appends are refused from then on. */
export const closeFile = (open: OpenFile): void => {
  open.file?.close();
  open.file = null;
  open.refusal = { reason: "io", detail: "the stream is closed" };
};

/** The stream over an open file. Its writes take turns, so that fibers sharing it cannot fork the chain. */
export const makeStream = (open: OpenFile, of: StreamOf, { records, corruption }: Verified): Stream => {
  const turns = Semaphore.makeUnsafe(1);
  const appendNow = append(open, of);
  return {
    id: of.id,
    records,
    corruption,
    append: (events) => Semaphore.withPermit(turns, appendNow(events)),
    setAside: Semaphore.withPermit(turns, setAside(open, of)),
  };
};
