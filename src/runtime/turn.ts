/** Running verbs when it is their turn: see `effects/lock/network_lock.ts`. */
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { type LockError, NetworkLock } from "../effects/lock/network_lock.ts";
import type { Command } from "../engine/command.ts";
import { CommandFailed, toCniFailure } from "../engine/failure.ts";
import { notice } from "../engine/notice.ts";
import type { AttachmentKey } from "../spec/key.ts";
import type { Services } from "./services.ts";

const failed = (error: LockError): CommandFailed => new CommandFailed({ failure: toCniFailure(error) });

/** ADD needs the lock as it needs the log; what undoes or only looks goes on where the file system refuses it, and says so. */
const survived = (
  held: Effect.Effect<void, LockError, NetworkLock | Scope.Scope>,
): Effect.Effect<void, LockError, NetworkLock | Scope.Scope> =>
  Effect.catch(held, (error) => error.reason === "io" ? notice(`${error.message}; going on without it`) : error);

/** Runs the verb of a command, after every other verb of its attachment and every GC of its network that came before. */
export const inTurn = <A>(
  { verb, key }: Command,
  run: Effect.Effect<A, CommandFailed, Services>,
): Effect.Effect<A, CommandFailed, Services> => {
  const held = Effect.flatMap(NetworkLock, (lock) => lock.attachment(key));
  return Effect.scoped(Effect.andThen(Effect.mapError(verb === "ADD" ? held : survived(held), failed), run));
};

/** What `ifFree` answers: whether it was its turn, and then what came of it. */
export type IfFree<A> = { readonly ran: true; readonly value: A } | { readonly ran: false };

/** Runs as a verb of an attachment that undoes, unless a verb of it or a GC of its network is under way: it does not wait. */
export const ifFree = <A>(
  key: AttachmentKey,
  run: Effect.Effect<A, CommandFailed, Services>,
): Effect.Effect<IfFree<A>, CommandFailed, Services> =>
  Effect.scoped(Effect.gen(function* () {
    const lock = yield* NetworkLock;
    const turn = yield* Effect.result(survived(lock.attachment(key, 0)));
    if (turn._tag === "Failure") return { ran: false };
    return { ran: true, value: yield* run };
  }));

/** Runs a GC of a network when no verb of any attachment is under way; none begins before its end. */
export const alone = <A>(
  network: string,
  run: Effect.Effect<A, CommandFailed, Services>,
): Effect.Effect<A, CommandFailed, Services> => {
  const held = Effect.flatMap(NetworkLock, (lock) => lock.network(network));
  return Effect.scoped(Effect.andThen(Effect.mapError(held, failed), run));
};
