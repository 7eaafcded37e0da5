/** One verb on one stream: open, settle the past, decide, drive. */
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type { NetnsError } from "../effects/kernel/host.ts";
import type { LogError } from "../effects/log/store.ts";
import { Origin } from "../effects/origin.ts";
import { decide } from "../machines/decide.ts";
import { owesValues, residue } from "../machines/entry.ts";
import { initialSnapshot } from "../machines/evolve.ts";
import type { AddEvent } from "../machines/event.ts";
import { CniCode, type Refused } from "../spec/failure.ts";
import type { JsonObject } from "../spec/json.ts";
import { renderResult } from "../spec/render_result.ts";
import type { CniResult } from "../spec/result.ts";
import { runAdd } from "./add.ts";
import { runCheck } from "./check.ts";
import { type Command, decodeRequest, type Services } from "./command.ts";
import { runAdopt, runDel } from "./del.ts";
import { combine, CommandFailed, toCniFailure } from "./failure.ts";
import { Journal } from "./journal.ts";
import type { EffectError, Plugin } from "./plugin.ts";
import { instanceOf, type OpenStream, openStream } from "./slot.ts";
import { unwind } from "./unwind.ts";

/**
 * Runs ADD, CHECK or DEL of a plugin for one attachment. Answers the result of ADD, null otherwise.
 * Ends with `CommandFailed`, whose failure is what the plugin prints.
 */
export const runCommand = <C>(
  plugin: Plugin<C>,
  command: Command,
): Effect.Effect<CniResult | null, CommandFailed, Services> =>
  Effect.mapError(
    untilDecided(plugin, command),
    (error) => error._tag === "CommandFailed" ? error : new CommandFailed({ failure: toCniFailure(error) }),
  );

/** All that a verb ends with inside the engine. */
type Fault = EffectError | Refused | NetnsError | CommandFailed;

/** How often a verb may find that its stream has been made meanwhile. Once is what happens; more needs a prune in between. */
const MAX_RACES = 8;

/** Of two first verbs of an attachment, one makes the stream; the other begins anew, and finds what the first has done. */
const untilDecided = Effect.fnUntraced(function* <C>(plugin: Plugin<C>, command: Command) {
  for (let races = 1;; races++) {
    const ended = yield* Effect.result(Effect.scoped(run(plugin, command)));
    if (ended._tag === "Success") return ended.success;
    const error = ended.failure;
    if (error._tag !== "LogError" || error.reason !== "raced" || races === MAX_RACES) return yield* Effect.fail(error);
  }
});

/** `below`: for a DEL that goes on with the earlier instances of a plugin that stands several times in the chain. */
const run = <C>(
  plugin: Plugin<C>,
  command: Command,
  below = Infinity,
): Effect.Effect<CniResult | null, Fault, Services | Scope.Scope> =>
  Effect.gen(function* () {
    // Every fault of the input is refused here, before the log or the kernel is touched. DEL needs no config.
    const decoded = command.verb === "DEL" ? null : yield* Effect.mapError(decodeRequest(plugin, command), refusal);
    const opened = yield* Effect.mapError(openStream(plugin.type, command, below), refusal);
    if (isLater(command, opened)) return null;
    const journal = new Journal(opened.stream, opened.snapshot);
    yield* settle(command, journal, opened);
    const decision = decide(journal.snapshot, command.verb, quoted(command));
    if (decision.decision === "refuse") return yield* refusal(new CommandFailed({ failure: decision.failure }));
    if (decoded === null) {
      const ended = yield* Effect.result(end(plugin, command, journal, opened, decision.decision === "adopt"));
      return ended._tag === "Success" ? null : yield* endEarlier(plugin, command, journal, opened, ended.failure);
    }
    if (command.verb === "CHECK") {
      const { records } = opened.stream;
      return yield* Effect.as(runCheck(plugin, command, decoded, { journal, records }), null);
    }
    return yield* runAdd(plugin, command, decoded, journal);
  });

const end = <C>(plugin: Plugin<C>, command: Command, journal: Journal, opened: OpenStream, isUnknown: boolean) =>
  Effect.gen(function* () {
    yield* isUnknown ? runAdopt(plugin, command, journal, opened.stream.records) : runDel(command, journal);
    yield* lookBeyond(plugin, command, journal, opened);
    yield* setAsideIfCorrupt(plugin, command, opened, !isUnknown);
  });

/**
 * A log that ends within an ADD is that of a process that died there, or one whose end is lost: the two look alike, so
 * after what is written has been undone, what may have stood behind it is looked for, as for a log that is lost. Plugins
 * that were asked to undo are not asked again.
 */
const lookBeyond = <C>(plugin: Plugin<C>, command: Command, journal: Journal, { stream, snapshot }: OpenStream) => {
  const { value, context: { add, stack } } = snapshot;
  if (value !== "attaching" || add === null || stream.corruption !== null) return Effect.void;
  const asked = new Set(stack.flatMap(({ op }) => op.op === "plugin.invoke" ? [op.plugin] : []));
  return Effect.flatMap(
    requestOf(add),
    (raw) => runAdopt(plugin, { ...command, raw }, journal, stream.records, asked),
  );
};

/** The request config of an ADD, as the log has it: the result of the plugin before is kept beside it. */
const requestOf = ({ config, prevResult }: AddEvent): Effect.Effect<JsonObject> =>
  prevResult === null ? Effect.succeed(config) : Effect.match(renderResult(prevResult, prevResult.cniVersion), {
    onSuccess: (rendered) => ({ ...config, prevResult: rendered }),
    onFailure: () => config,
  }).pipe(Effect.catchDefect(() => Effect.succeed(config)));

/**
 * What cannot be undone of one instance does not keep the earlier ones in the chain from being undone. Only values wait:
 * the older one must be put back after the newer. Fails with `error`, and with what failed besides.
 */
const endEarlier = <C, E extends Fault>(
  plugin: Plugin<C>,
  command: Command,
  journal: Journal,
  { stream }: OpenStream,
  error: E,
) =>
  Effect.gen(function* () {
    const instance = instanceOf(stream.id.slot);
    if (instance === 1 || journal.lostRace() !== null || owesValues(journal.snapshot.context.stack)) {
      return yield* Effect.fail(error);
    }
    const rest = yield* Effect.result(Effect.scoped(run(plugin, command, instance)));
    if (rest._tag === "Success") return yield* Effect.fail(error);
    return yield* new CommandFailed({ failure: combine([toCniFailure(error), toCniFailure(rest.failure)]) });
  });

/** Whether the stream has lived on since the command was decided from it. */
const isLater = ({ asOf }: Command, { stream: { id, records } }: OpenStream): boolean =>
  asOf !== undefined && (asOf.get(id.slot) ?? 0) !== (records.at(-1)?.seq ?? 0);

/** What ends a verb before it has changed anything. */
const refusal = (error: Refused | LogError | CommandFailed): CommandFailed =>
  new CommandFailed({ failure: toCniFailure(error), didNothing: true });

const quoted = ({ key }: Command): string => `"${key.containerId}" (interface "${key.ifName}" on "${key.network}")`;

/** Brings a stream whose past ended badly into a state that decides: reboots, dead writers, stacks half popped. */
const settle = (command: Command, journal: Journal, { stream }: OpenStream) =>
  Effect.gen(function* () {
    if (stream.corruption !== null && command.verb === "ADD") {
      return yield* new CommandFailed({
        failure: {
          code: CniCode.IO_FAILURE,
          msg:
            `Cannot attach "${command.key.containerId}": its log is damaged at line ${stream.corruption.line}: ${stream.corruption.detail}`,
          details: "run DEL first: it undoes what can be read and sets the damaged file aside",
        },
      });
    }
    if (command.verb !== "ADD") journal.likeTheLog();
    const last = stream.records.at(-1);
    if (last === undefined) return;
    const origin = yield* Origin;
    if (
      last.boot !== origin.boot && journal.snapshot.can({ type: "host.rebooted", from: last.boot, to: origin.boot })
    ) {
      journal.note({ type: "host.rebooted", from: last.boot, to: origin.boot });
    } else if (journal.snapshot.hasTag("busy")) {
      journal.note({ type: "command.abandoned", pid: last.pid });
    }
    const { value, context } = journal.snapshot;
    if (command.verb === "ADD" && value === "failed" && residue(context.stack).length > 0) {
      yield* journal.flush;
      yield* unwind(command, journal);
      yield* journal.flush;
    }
  });

/** After DEL has undone the good part of a damaged log, what the damage hides is adopted and the file is kept aside. */
const setAsideIfCorrupt = <C>(plugin: Plugin<C>, command: Command, { stream }: OpenStream, unwound: boolean) =>
  Effect.gen(function* () {
    if (stream.corruption === null) return;
    if (unwound) {
      const blank: OpenStream["stream"] = { ...stream, records: [] };
      yield* runAdopt(plugin, command, new Journal(blank, initialSnapshot), stream.records);
    }
    yield* stream.setAside;
  });
