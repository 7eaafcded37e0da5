/**
 * Whose turn it is on a network, as a service: verbs of different attachments go on side by side, verbs of one attachment
 * one after the other, and garbage collection alone (CNI spec 1.1.0, section 2, "GC", and section 3, "Lifecycle &
 * Ordering"). Taken by the runtime only, and before any lock of a stream. Implementations: `file.ts` and `memory.ts`.
 */
import * as Context from "effect/Context";
import * as Data from "effect/Data";
import type * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type { AttachmentKey } from "../../spec/key.ts";

/** It is not the caller's turn, or there is no telling. */
export class LockError extends Data.TaggedError("LockError")<{
  /** Name of the network. */
  readonly network: string;
  /** "busy" others have had their turn for too long; "io" the file system refused. */
  readonly reason: "busy" | "io";
  /** The system's words, or who was waited for how long. */
  readonly detail: string;
}> {
  /** Which network could not be locked, and why. */
  override get message(): string {
    return `Cannot lock network "${this.network}": ${this.detail}`;
  }
}

/** Turns last until the scope closes, and no longer than the process that has them. */
export interface NetworkLockShape {
  /**
   * For a verb of one attachment: there is no other verb of it meanwhile, and no GC of its network. Waits up to `waitMs`
   * milliseconds (default 60 000), then fails with "busy".
   */
  readonly attachment: (key: AttachmentKey, waitMs?: number) => Effect.Effect<void, LockError, Scope.Scope>;
  /**
   * For GC: there is no verb of any attachment meanwhile, and no other GC. Who comes later waits behind; who has a turn
   * already is waited for, up to `waitMs` milliseconds (default 60 000), and another GC as long before that.
   */
  readonly network: (network: string, waitMs?: number) => Effect.Effect<void, LockError, Scope.Scope>;
  /** Removes what is kept for networks that are not named and on which nobody has a turn; answers for how many. */
  readonly tidy: (kept: ReadonlySet<string>) => Effect.Effect<number, LockError>;
}

/** The order of verbs on one state directory, whatever the number of processes. */
export class NetworkLock extends Context.Service<NetworkLock, NetworkLockShape>()("cleat/NetworkLock") {}

/** The error of a turn that did not come. */
export const busy = (network: string, who: string, waitMs: number): LockError =>
  new LockError({ network, reason: "busy", detail: `${who} has not ended within ${waitMs} ms` });
