/** A stream of bytes between plugin and daemon. */
import * as Data from "effect/Data";
import type * as Effect from "effect/Effect";

/** The other end has gone, or the socket has failed. */
export class ConnectionError extends Data.TaggedError("ConnectionError")<{
  /** The system's words. */
  readonly detail: string;
}> {
  /** The same. */
  override get message(): string {
    return this.detail;
  }
}

/** One connection. */
export interface Connection {
  /** The next bytes; null when the other end has said all. */
  readonly read: Effect.Effect<Uint8Array | null, ConnectionError>;
  /** Writes all of them. */
  readonly write: (bytes: Uint8Array<ArrayBuffer>) => Effect.Effect<void, ConnectionError>;
}
