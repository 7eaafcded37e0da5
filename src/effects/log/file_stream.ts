/** One open stream over its file. */
import * as Effect from "effect/Effect";
import { type StreamId, streamName } from "../../spec/key.ts";
import type { OriginShape } from "../origin.ts";
import { files } from "../libc/files.ts";
import { lockNew, removeFile, renameAside, writeAll } from "./file_handle.ts";
import type { Place } from "./file_paths.ts";
import { emptyTail, type Encoded, encodeEvents, type Tail, type Verified } from "./format.ts";
import type { Hash } from "../../spec/hash.ts";
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

/** The file of an open stream and where it stands. `fd` is null while the stream has no file. */
export interface OpenFile {
  fd: number | null;
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
  readonly place: Place;
  readonly origin: OriginShape;
  readonly sha256: Hash;
}

const createAndWrite = (open: OpenFile, { id, place }: StreamOf, bytes: Uint8Array<ArrayBuffer>): void => {
  const fd = lockNew(place);
  if (fd === null) {
    const detail = "another process has just made it";
    throw new LogError({ stream: streamName(id), reason: "raced", detail });
  }
  try {
    writeAll(fd, bytes, place.path);
  } catch (error) {
    try {
      removeFile(place);
    } finally {
      files.close(fd);
    }
    throw error;
  }
  open.fd = fd;
  open.length = bytes.length;
};

const cut = (open: OpenFile, fd: number, path: string): void => {
  open.torn = true;
  files.truncate(fd, open.length, path);
  open.torn = false;
};

const write = (open: OpenFile, fd: number, bytes: Uint8Array<ArrayBuffer>, path: string): void => {
  if (open.torn) cut(open, fd, path);
  try {
    writeAll(fd, bytes, path);
  } catch (error) {
    try {
      cut(open, fd, path);
    } catch {
      // the next append tries again, and until then whoever reads finds a torn line
    }
    throw error;
  }
  open.length += bytes.length;
};

/**
 * Appends all or nothing: n events are n hashes and one write. Writing is synchronous; where hashing is not, another fiber
 * may have appended meanwhile, and then the lines are made again: two fibers that share a stream cannot fork the chain.
 */
const append = (open: OpenFile, of: StreamOf): Stream["append"] => {
  const stream = streamName(of.id);
  const commit = ({ bytes, records, tail }: Encoded) =>
    attempt(stream, () => {
      if (open.fd === null) createAndWrite(open, of, bytes);
      else write(open, open.fd, bytes, of.place.path);
      open.tail = tail;
      return records;
    });
  const appendNow: Stream["append"] = (events) =>
    Effect.suspend(() => {
      if (events.length === 0) return Effect.succeed([]);
      if (open.refusal !== null) return Effect.fail(new LogError({ stream, ...open.refusal }));
      const { tail } = open;
      const encoded = encodeEvents(tail, events, of.origin, of.sha256);
      if (!(encoded instanceof Promise)) return commit(encoded);
      return Effect.uninterruptible(
        Effect.flatMap(Effect.promise(() => encoded), (late) => open.tail === tail ? commit(late) : appendNow(events)),
      );
    });
  return appendNow;
};

const setAside = (open: OpenFile, { id, place, origin }: StreamOf): Stream["setAside"] =>
  attempt(streamName(id), () => {
    if (open.fd === null) return;
    renameAside(place.path, origin.now());
    files.close(open.fd);
    Object.assign(open, { fd: null, length: 0, tail: emptyTail(id), refusal: null, torn: false });
  });

/** Closes the file, which gives up the lock; appends are refused from then on. */
export const closeFile = (open: OpenFile): void => {
  if (open.fd !== null) files.close(open.fd);
  open.fd = null;
  open.refusal = { reason: "io", detail: "the stream is closed" };
};

/** The stream over an open file. */
export const makeStream = (open: OpenFile, of: StreamOf, { records, corruption }: Verified): Stream => ({
  id: of.id,
  records,
  corruption,
  append: append(open, of),
  setAside: setAside(open, of),
});
