/** The log of the command under way: state and file move together. */
import * as Effect from "effect/Effect";
import type { LogError, Stream } from "../effects/log/store.ts";
import type { Snapshot } from "../machines/attachment.ts";
import type { AttachmentEvent } from "../machines/event.ts";
import { evolve } from "../machines/evolve.ts";
import type { StreamId } from "../spec/key.ts";
import { notice } from "./notice.ts";

/** How a journal treats a log that cannot be written: ADD needs it, DEL only likes it. */
export type Strictness = "needs the log" | "likes the log";

/** An open stream with the state it has reached. */
export class Journal {
  readonly #stream: Stream;
  #strictness: Strictness = "needs the log";
  #held: AttachmentEvent[] = [];
  #snapshot: Snapshot;
  #said = false;
  #raced: LogError | null = null;

  constructor(stream: Stream, snapshot: Snapshot) {
    this.#stream = stream;
    this.#snapshot = snapshot;
  }

  /** The name of the stream. */
  get id(): StreamId {
    return this.#stream.id;
  }

  /** The state after everything recorded and noted. */
  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** Whether the file is damaged: it is evidence then, and not written to. */
  get isDamaged(): boolean {
    return this.#stream.corruption !== null;
  }

  /** Why the verb must begin anew: another one has made the stream first, and nothing has been written or done here. */
  lostRace(): LogError | null {
    return this.#raced;
  }

  /** Whether an event of this type has been noted and not been written yet. */
  holdsBack(type: AttachmentEvent["type"]): boolean {
    return this.#held.some((event) => event.type === type);
  }

  /** From now on a failing write is announced and survived: undoing matters more than writing it down. */
  likeTheLog(): void {
    this.#strictness = "likes the log";
  }

  /** Moves the state at once; the record is written together with the next one. */
  note(event: AttachmentEvent): void {
    this.#snapshot = evolve(this.#snapshot, event);
    this.#held.push(event);
  }

  /** Writes what was noted and then this event, in one write, and moves the state. If the write fails, nothing has happened. */
  readonly record = (event: AttachmentEvent): Effect.Effect<void, LogError> =>
    Effect.suspend(() => {
      const next = evolve(this.#snapshot, event);
      return this.#write([...this.#held, event], next);
    });

  /** Writes what was noted. */
  readonly flush: Effect.Effect<void, LogError> = Effect.suspend(() =>
    this.#held.length === 0 ? Effect.void : this.#write(this.#held, this.#snapshot)
  );

  /** Writes, and only then moves to the state these events lead to. */
  readonly #write = (events: readonly AttachmentEvent[], next: Snapshot): Effect.Effect<void, LogError> => {
    const moved = () => {
      this.#held = [];
      this.#snapshot = next;
    };
    const done = this.isDamaged ? Effect.sync(moved) : Effect.map(this.#stream.append(events), moved);
    return Effect.catchTag(done, "LogError", (error) => {
      if (error.reason === "raced") this.#raced = error;
      else if (this.#strictness === "likes the log") return this.#survive(error, events, next);
      return Effect.fail(error);
    });
  };

  readonly #survive = (error: LogError, events: readonly AttachmentEvent[], next: Snapshot): Effect.Effect<void> =>
    Effect.suspend(() => {
      this.#held = [...events];
      this.#snapshot = next;
      if (this.#said) return Effect.void;
      this.#said = true;
      return notice(`${error.message}; going on from memory`);
    });
}
