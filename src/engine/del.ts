/** DEL: unwind what the log knows; adopt what it does not. */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { ABSENT, Host, Kernel } from "../effects/kernel/host.ts";
import type { Op } from "../effects/kernel/op.ts";
import type { Snapshot } from "../machines/attachment.ts";
import type { Recorded } from "../machines/event.ts";
import type { CniFailure } from "../spec/failure.ts";
import { actFor } from "./act.ts";
import { type Command, decodeRequest } from "./command.ts";
import { execute, hands } from "./execute.ts";
import { combine, CommandFailed, toCniFailure } from "./failure.ts";
import type { Journal } from "./journal.ts";
import { notice } from "./notice.ts";
import { sparingOthers } from "./others.ts";
import type { EffectError, Plugin } from "./plugin.ts";
import { unwind } from "./unwind.ts";
import { View, viewFor } from "./view.ts";

/** Undoes an attachment the log knows. */
export const runDel = (command: Command, journal: Journal) =>
  Effect.uninterruptible(Effect.gen(function* () {
    journal.likeTheLog();
    yield* journal.record({ type: "DEL" });
    const owed = yield* unwind(command, journal);
    yield* conclude(journal, owed);
  }));

const conclude = (journal: Journal, owed: readonly CniFailure[]) =>
  Effect.gen(function* () {
    const [first, ...others] = owed;
    if (first === undefined) return yield* journal.record({ type: "del.succeeded" });
    yield* journal.record({ type: "del.failed", error: combine([first, ...others]) });
    yield* failWith(owed);
  });

const failWith = ([first, ...others]: readonly CniFailure[]): Effect.Effect<void, CommandFailed> =>
  first === undefined ? Effect.void : Effect.fail(new CommandFailed({ failure: combine([first, ...others]) }));

/**
 * Removes what another program, or a lost log, left for an attachment the log does not know. `earlier` are the records
 * of its past: a namespace that is not the one of its last ADD is a stranger's, whatever its path. `asked` are types of
 * plugins that have just been asked for their DEL.
 */
export const runAdopt = <C>(
  plugin: Plugin<C>,
  command: Command,
  journal: Journal,
  earlier: readonly Recorded[],
  asked: ReadonlySet<string> = new Set(),
) =>
  Effect.scoped(Effect.gen(function* () {
    const host = yield* openContainer(command, cookieOf(earlier));
    const found = yield* Effect.provideService(adoptedOps(plugin, command), Host, host);
    const unasked = found.filter((op) => op.op !== "plugin.invoke" || !asked.has(op.plugin));
    const ops = yield* sparingOthers(journal.id, host, unasked);
    journal.likeTheLog();
    const isGone = goneIn(journal.snapshot);
    const changesSomething = ops.some(({ op }) => op !== "plugin.invoke") || journal.snapshot.value === "failed";
    if (changesSomething) journal.note({ type: "DEL" });
    const failures = yield* Effect.provideService(performAll(command, journal, ops, isGone), Host, host);
    yield* changesSomething ? conclude(journal, failures) : failWith(failures);
  }));

/**
 * What counts as removed. A plugin that cannot be started has, where the log knows how the attachment ended, nothing left
 * to remove: everything was undone. Where the log knows nothing it is owed.
 */
const goneIn = ({ value }: Snapshot) => (error: EffectError): boolean =>
  error._tag === "HostError"
    ? ABSENT.has(error.errno)
    : error._tag === "DelegateError" && error.didNothing === true && value !== "absent";

/** The cookie of the namespace that the last ADD was given; null where there was none, or it was not opened. */
const cookieOf = (records: readonly Recorded[]): string | null => {
  const last = records.findLast(({ event }) => event.type === "ADD")?.event;
  return last?.type === "ADD" ? last.netns.cookie || null : null;
};

/** A DEL may name a namespace that is gone, or the host's own by mistake: then there is no container side. */
const openContainer = (command: Command, known: string | null) =>
  Effect.gen(function* () {
    const kernel = yield* Kernel;
    if (command.netns === "") return yield* kernel.open(null);
    const host = yield* Effect.catchTag(
      kernel.open({ path: command.netns, allowOwn: command.allowOwnNetns }),
      "NetnsError",
      () => kernel.open(null),
    );
    const isStranger = known !== null && host.netns !== null && host.netns.cookie !== known;
    return isStranger ? yield* kernel.open(null) : host;
  });

const adoptedOps = <C>(plugin: Plugin<C>, command: Command) =>
  Effect.gen(function* () {
    if (plugin.adopt === undefined) return [];
    const decoded = yield* Effect.exit(decodeRequest(plugin, command));
    if (Exit.isFailure(decoded)) {
      // The log knows nothing and the config cannot be understood: there is nothing DEL could do better than succeed.
      yield* notice(`Cannot look for leftovers of "${command.key.containerId}": its configuration is invalid`);
      return [];
    }
    const host = yield* Host;
    const view = yield* viewFor(command);
    return yield* Effect.provideService(plugin.adopt({ ...decoded.value, netns: host.netns }), View, view);
  });

/** Other plugins are asked, not recorded: each keeps a log of its own, and asking again is fine. */
const performAll = (
  command: Command,
  journal: Journal,
  ops: readonly Op[],
  isGone: (error: EffectError) => boolean,
) =>
  Effect.gen(function* () {
    const act = yield* actFor(command, journal, () => Effect.succeed(null)); // to remove is to undo
    const services = yield* hands;
    const failures: CniFailure[] = [];
    for (const op of ops) {
      // What was saved is needed until it has been put back.
      if (op.op === "backup.delete" && failures.length > 0) continue;
      const done = op.op === "plugin.invoke" ? execute(services, command, journal.snapshot, op) : act.perform(op);
      const failure = yield* Effect.match(done, {
        onSuccess: () => null,
        onFailure: (error) => isGone(error) ? null : toCniFailure(error),
      });
      if (failure !== null) failures.push(failure);
    }
    return failures;
  });
