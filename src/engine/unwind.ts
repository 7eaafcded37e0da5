/** Popping the undo stack: what DEL, a failed ADD, garbage collection and recovery have in common. */
import * as Effect from "effect/Effect";
import { ABSENT, Host, Kernel } from "../effects/kernel/host.ts";
import { type Entry, residue } from "../machines/entry.ts";
import type { CniFailure } from "../spec/failure.ts";
import type { Call } from "./delegate.ts";
import { execute, type Hands, hands } from "./execute.ts";
import { toCniFailure } from "./failure.ts";
import type { Journal } from "./journal.ts";
import type { EffectError } from "./plugin.ts";

/**
 * Whether the error says that there is nothing to undo. A plugin whose ADD failed and that cannot be started has, but for
 * its removal in between, never run: to wait for it would keep the attachment from ever being detached.
 */
const isAbsent = (error: EffectError, { outcome }: Entry): boolean =>
  error._tag === "HostError"
    ? ABSENT.has(error.errno)
    : error._tag === "DelegateError" && outcome === "failed" && error.didNothing === true;

/** Undoes what is on the stack, last in, first out; goes on after a failure. Answers what could not be undone. */
export const unwind = (call: Call, journal: Journal) =>
  Effect.scoped(Effect.gen(function* () {
    const owed = residue(journal.snapshot.context.stack);
    if (owed.length === 0) return [];
    const kernel = yield* Kernel;
    const add = journal.snapshot.context.add;
    const opened = yield* Effect.result(kernel.open(add === null ? null : { recorded: add.netns }));
    if (opened._tag === "Failure") return [toCniFailure(opened.failure)];
    const services = yield* Effect.provideService(hands, Host, opened.success);
    const failures: CniFailure[] = [];
    for (const entry of owed) {
      const failure = yield* undoOne(services, call, journal, entry);
      if (failure !== null) failures.push(failure);
    }
    return failures;
  })).pipe(Effect.uninterruptible);

const undoOne = Effect.fnUntraced(function* (services: Hands, call: Call, journal: Journal, entry: Entry) {
  const { id, undo } = entry;
  if (undo === null) return null;
  const done = yield* Effect.result(execute(services, call, journal.snapshot, undo));
  if (done._tag === "Failure" && !isAbsent(done.failure, entry)) {
    const failure = toCniFailure(done.failure);
    journal.note({ type: "undo.failed", id, error: failure });
    return failure;
  }
  journal.note({ type: "undo.applied", id });
  return null;
});
