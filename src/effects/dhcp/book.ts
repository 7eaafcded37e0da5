/** What the daemon knows of its leases after it has been killed, as a service. Implementations: `book_system.ts` and `book_memory.ts`. */
import * as Context from "effect/Context";
import * as Data from "effect/Data";
import type * as Effect from "effect/Effect";
import type { DhcpEvent } from "../../machines/dhcp_event.ts";
import type { AttachmentKey } from "../../spec/key.ts";

/** The book could not be read or written. */
export class BookError extends Data.TaggedError("BookError")<{
  /** What could not be done. */
  readonly doing: "read" | "write";
  /** The file or folder. */
  readonly path: string;
  /** The system's words. */
  readonly detail: string;
}> {
  /** What could not be done with which file, and why. */
  override get message(): string {
    return `Cannot ${this.doing} leases in "${this.path}": ${this.detail}`;
  }
}

/** A lease as it stands in the book. */
export interface Booked {
  readonly key: AttachmentKey;
  /** What has happened to it, the oldest that still counts first. */
  readonly events: readonly DhcpEvent[];
}

/** The leases that are not over. */
export class LeaseBook extends Context.Service<LeaseBook, {
  /** All leases; what cannot be read of one is left out. */
  readonly read: Effect.Effect<readonly Booked[], BookError>;
  /** Writes what has happened; a lease that is over by that is crossed out. */
  readonly write: (key: AttachmentKey, event: DhcpEvent) => Effect.Effect<void, BookError>;
}>()("cleat/LeaseBook") {}
