/** ADD: run the recipe; whatever fails, pop the stack. */
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { Host, Kernel, type NetnsIdentity } from "../effects/kernel/host.ts";
import type { AddEvent } from "../machines/event.ts";
import { CniCode, type CniFailure, type Refused } from "../spec/failure.ts";
import { Act, actFor } from "./act.ts";
import type { Command } from "./command.ts";
import { runDel } from "./del.ts";
import { combine, CommandFailed, failureOf, toCniFailure } from "./failure.ts";
import type { Journal } from "./journal.ts";
import type { EffectError, Plugin, Request } from "./plugin.ts";
import { unwind } from "./unwind.ts";
import { View, viewFor } from "./view.ts";

/** Runs the plugin's recipe in a settled stream and records how it ended. An interrupted ADD is rolled back too. */
export const runAdd = <C>(plugin: Plugin<C>, command: Command, decoded: Request<C>, journal: Journal) =>
  Effect.scoped(Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const kernel = yield* Kernel;
      const host = yield* kernel.open({ path: command.netns, allowOwn: command.allowOwnNetns });
      const netns = host.netns ?? { path: command.netns, cookie: "" };
      // Held back until the first op: a recipe that refuses before it acts leaves no trace in the log.
      journal.note(beginAdd(command, decoded, netns));
      const recipe = Effect.provideService(runRecipe(plugin, command, { ...decoded, netns }, journal), Host, host);
      const exit = yield* Effect.exit(restore(recipe));
      if (Exit.isFailure(exit)) {
        return yield* journal.lostRace() ?? rollBack(command, journal, failureFor(command, exit.cause));
      }
      const result = exit.value;
      const recorded = yield* Effect.exit(journal.record({ type: "add.succeeded", result }));
      const raced = journal.lostRace(); // the first write of a recipe that performs nothing
      if (raced !== null) return yield* raced;
      if (Exit.isFailure(recorded)) return yield* rollBack(command, journal, failureFor(command, recorded.cause));
      // Who interrupted while the last record was written gets no result, so nothing may stay.
      const late = yield* Effect.exit(restore(Effect.void));
      return Exit.isSuccess(late) ? result : yield* takeBack(command, journal, failureFor(command, late.cause));
    })
  ));

const runRecipe = <C>(plugin: Plugin<C>, command: Command, request: Request<C>, journal: Journal) =>
  Effect.gen(function* () {
    const view = yield* viewFor(command);
    const act = yield* actFor(command, journal);
    return yield* plugin.add(request).pipe(Effect.provideService(View, view), Effect.provideService(Act, act));
  });

function beginAdd(command: Command, { prevResult }: Request<unknown>, netns: NetnsIdentity): AddEvent {
  const { prevResult: _, ...config } = command.raw;
  return {
    type: "ADD",
    netns,
    config,
    prevResult,
    ...(command.args === "" ? {} : { args: command.args }),
    ...(command.path === "" ? {} : { path: command.path }),
    ...(command.allowOwnNetns ? { allowOwnNetns: true } : {}),
  };
}

/** Also defects and interruptions are told as failures, after what was done has been undone. */
const failureFor = (command: Command, cause: Cause.Cause<EffectError | Refused>): CniFailure =>
  failureOf(cause) ?? {
    code: CniCode.INTERNAL,
    msg: Cause.hasInterruptsOnly(cause)
      ? `Cannot attach "${command.key.containerId}": interrupted`
      : `Cannot attach "${command.key.containerId}": ${Cause.pretty(cause)}`,
  };

/** A finished ADD that nobody waits for any more is ended as DEL would end it. */
const takeBack = (command: Command, journal: Journal, failure: CniFailure) =>
  Effect.gen(function* () {
    const ended = yield* Effect.result(runDel(command, journal));
    const owed = ended._tag === "Failure" ? [toCniFailure(ended.failure)] : [];
    return yield* new CommandFailed({ failure: combine([failure, ...owed]) });
  });

/** Records the failure, pops the stack, and fails with what went wrong first. Where nothing was written, nothing is. */
const rollBack = (command: Command, journal: Journal, failure: CniFailure) =>
  Effect.gen(function* () {
    if (journal.holdsBack("ADD")) return yield* new CommandFailed({ failure, didNothing: true });
    journal.likeTheLog();
    yield* journal.record({ type: "add.failed", error: failure });
    const owed = yield* unwind(command, journal);
    yield* journal.flush;
    return yield* new CommandFailed({ failure: combine([failure, ...owed]) });
  });
