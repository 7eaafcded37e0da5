/** Popping the undo stack: what DEL, a failed ADD, garbage collection and recovery have in common. */
import * as Effect from "effect/Effect";
import { belongs } from "../effects/kernel/belongs.ts";
import { Host, type HostView, Kernel } from "../effects/kernel/host.ts";
import type { Op } from "../effects/kernel/op.ts";
import { isUndone } from "../effects/kernel/undo_routes.ts";
import { type Entry, residue } from "../machines/entry.ts";
import { CniCode, type CniFailure } from "../spec/failure.ts";
import type { AttachmentKey } from "../spec/key.ts";
import type { Call } from "./delegate.ts";
import { execute, type Hands, hands } from "./execute.ts";
import { toCniFailure } from "./failure.ts";
import type { Journal } from "./journal.ts";
import { notice } from "./notice.ts";
import type { EffectError } from "./plugin.ts";

/**
 * Whether the error says that there is nothing to undo. A plugin whose ADD failed and that cannot be started has, but for
 * its removal in between, never run: to wait for it would keep the attachment from ever being detached.
 */
const isAbsent = (error: EffectError, { outcome }: Entry, undo: Op): boolean =>
  error._tag === "HostError"
    ? isUndone(undo, error.errno)
    : error._tag === "DelegateError" && outcome === "failed" && error.didNothing === true;

/** Undoes what is on the stack, last in, first out; goes on after a failure. Answers what could not be undone. */
export const unwind = (call: Call, journal: Journal) =>
  Effect.scoped(Effect.gen(function* () {
    const owed = residue(journal.snapshot.context.stack);
    if (owed.length === 0) return [];
    const kernel = yield* Kernel;
    const add = journal.snapshot.context.add;
    const refuseOwn = add?.allowOwnNetns !== true;
    const opened = yield* Effect.result(kernel.open(add === null ? null : { recorded: add.netns, refuseOwn }));
    // A namespace that may be there and cannot be opened: what is in it is owed, all else can be undone.
    const closed = opened._tag === "Failure" ? toCniFailure(opened.failure) : null;
    const host = opened._tag === "Failure" ? yield* Effect.result(kernel.open(null)) : opened;
    if (host._tag === "Failure") return [toCniFailure(host.failure)];
    const services = yield* Effect.provideService(hands, Host, host.success);
    const failures: CniFailure[] = [];
    for (const entry of owed) {
      const failure = yield* undoOne(services, call, journal, entry, isInContainer(entry.undo) ? closed : null);
      if (failure !== null) failures.push(failure);
    }
    return failures;
  })).pipe(Effect.uninterruptible);

const isInContainer = (op: Op): boolean =>
  ("on" in op && op.on === "container") || (op.op === "link.return" && op.from.on === "container");

const undoOne = Effect.fnUntraced(
  function* (services: Hands, call: Call, journal: Journal, entry: Entry, closed: CniFailure | null) {
    const { id, undo } = entry;
    if (undo === null) return null;
    const refusal = yield* Effect.catchDefect(
      refusalOf(services.host, call.key, entry),
      () => Effect.succeed(refuse(call.key, entry, `its record of "${entry.op.op}" makes no sense to this version`)),
    );
    if (refusal !== null && journal.isDamaged) {
      // The line before a damaged one may be the one that was changed. What it hides is adopted when this is done.
      yield* notice(`${refusal.msg}; ${refusal.details}`);
      journal.note({ type: "undo.applied", id });
      return null;
    }
    const failure = closed ?? refusal ?? (yield* attemptUndo(services, call, journal, entry, undo));
    journal.note(failure === null ? { type: "undo.applied", id } : { type: "undo.failed", id, error: failure });
    return failure;
  },
);

const attemptUndo = (services: Hands, call: Call, journal: Journal, entry: Entry, undo: Op) =>
  Effect.match(Effect.suspend(() => execute(services, call, journal.snapshot, undo)), {
    onSuccess: () => null,
    onFailure: (error) => isAbsent(error, entry, undo) ? null : toCniFailure(error),
  }).pipe(Effect.catchDefect((defect) =>
    // Whatever one step comes to, the others are undone.
    Effect.succeed(refuse(call.key, entry, defect instanceof Error ? defect.message : String(defect)))
  ));

/**
 * Why an undo is not carried out: it does not belong to its op, or the link that it is about is none that the op could have
 * made, or added a queue to. Null for all that the engine has written itself.
 */
const refusalOf = Effect.fnUntraced(function* (host: HostView, key: AttachmentKey, entry: Entry) {
  const { op, undo } = entry;
  if (undo === null) return null;
  const why = !belongs(key, op, undo)
    ? `its undo "${undo.op}" does not belong to "${op.op}"`
    : op.op === "link.create" && (yield* isAnother(host, op))
    ? `"${op.name}" is not the ${op.link.kind} that was made`
    : op.op === "qdisc.add" && (yield* isHardware(host, op))
    ? `"${op.link}" is no virtual link`
    : null;
  return why === null ? null : refuse(key, entry, why);
});

const refuse = ({ containerId }: AttachmentKey, { id }: Entry, why: string): CniFailure => ({
  code: CniCode.WRONG_STATE,
  msg: `Cannot undo effect ${id} of "${containerId}": ${why}`,
  details: "the log may have been edited; nothing was done",
});

/** Whether a link of the host has the name and is of another kind; what cannot be looked at is left to the deletion. */
const isAnother = ({ link }: HostView, op: Extract<Op, { readonly op: "link.create" }>) =>
  op.on === "container" ? Effect.succeed(false) : Effect.match(link(op.on, op.name), {
    onSuccess: (found) => found !== null && found.kind !== op.link.kind,
    onFailure: () => false,
  });

/** Whether it is a link of the host that no program has made, whose queues are everybody's. */
const isHardware = ({ link }: HostView, op: Extract<Op, { readonly op: "qdisc.add" }>) =>
  op.on === "container" ? Effect.succeed(false) : Effect.match(link(op.on, op.link), {
    onSuccess: (found) => found !== null && found.kind === null,
    onFailure: () => false,
  });
