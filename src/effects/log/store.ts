/**
 * The append-only event log as a service. One stream, one file, one writer at a time.
 * Implementations: `file.ts` and `memory.ts`.
 */
import * as Context from "effect/Context";
import * as Data from "effect/Data";
import type * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type { AttachmentEvent, Recorded } from "../../machines/event.ts";
import type { AttachmentKey, StreamId } from "../../spec/key.ts";

/** The log cannot be read or written. */
export class LogError extends Data.TaggedError("LogError")<{
  /** Name of the stream; of the attachments that were asked for, where the log was to be listed. */
  readonly stream: string;
  /**
   * "io" the file system refused; "busy" another process holds the stream; "corrupt" a line in the middle is damaged;
   * "raced" another process made the stream first: nothing was written, and who opens it again finds what the other has done.
   */
  readonly reason: "io" | "busy" | "corrupt" | "raced";
  /** What is true instead: the system's words, the line, the holder. */
  readonly detail: string;
}> {
  /** What could not be done with which log, and why. */
  override get message(): string {
    const doing = this.reason === "corrupt" ? "read" : this.reason === "io" ? "write" : "lock";
    return `Cannot ${doing} log "${this.stream}": ${this.detail}`;
  }
}

/** Where a damaged log stops being trustworthy. */
export interface Corruption {
  /** The first bad line, from 1. */
  readonly line: number;
  /** What is wrong with it. */
  readonly detail: string;
}

/** An open stream, locked until the scope closes. */
export interface Stream {
  /** Its name. */
  readonly id: StreamId;
  /** The records at the time of opening: all of them, or the good prefix of a corrupt log. */
  readonly records: readonly Recorded[];
  /** Where the good prefix ends; null when the log is whole. */
  readonly corruption: Corruption | null;
  /** Appends all events in one write, or none. The first append of a new stream makes its file ("raced" if another did). */
  readonly append: (events: readonly AttachmentEvent[]) => Effect.Effect<readonly Recorded[], LogError>;
  /** Renames a corrupt file out of the way, keeping it for people; the next append starts a new stream. */
  readonly setAside: Effect.Effect<void, LogError>;
}

/** A stream as it lies on disk, read without a lock. */
export interface Reading {
  /** All of them, or the good prefix of a corrupt log. */
  readonly records: readonly Recorded[];
  /** Where the good prefix ends; null when the log is whole. */
  readonly corruption: Corruption | null;
}

/** What is pruned besides what is old. */
export interface PruneLimits {
  /** Only streams of this network. */
  readonly network?: string;
  /** Of each network so many attachments that are over are kept, the newest, and no more. By default all of them. */
  readonly keep?: number;
  /**
   * At most so many of the network's containers are looked at, so that the cost is bounded: those whose folders say, by
   * their age, that they may go. What counts as newest is then what was made last, and the living count as well.
   */
  readonly atMost?: number;
  /** Where among those that are likely to go the look begins: from 0 up to 1. */
  readonly start?: number;
  /** Only counts. */
  readonly dryRun?: boolean;
}

/** The store of all streams. */
export interface EventStoreShape {
  /** Opens and locks; waits up to `waitMs` milliseconds (default 60 000) for another writer, then fails with "busy". */
  readonly open: (id: StreamId, waitMs?: number) => Effect.Effect<Stream, LogError, Scope.Scope>;
  /** Reads without locking, verifying the chain; an absent stream reads as no records. */
  readonly read: (id: StreamId) => Effect.Effect<Reading, LogError>;
  /** The streams whose key agrees with every given part, sorted by name. */
  readonly list: (filter: Partial<AttachmentKey>) => Effect.Effect<readonly StreamId[], LogError>;
  /**
   * Removes streams that were detached before `before` (ISO 8601), and those of attachments beyond the limits that are
   * over, except ones in use; answers how many.
   */
  readonly prune: (before: string, limits?: PruneLimits) => Effect.Effect<number, LogError>;
}

/** The log of everything that was done to the host. */
export class EventStore extends Context.Service<EventStore, EventStoreShape>()("cleat/EventStore") {}
