/** One verb on one stream: open, settle the past, decide, drive. */
import * as Effect from "effect/Effect";
import type { LogError } from "../effects/log/store.ts";
import { Origin } from "../effects/origin.ts";
import { decide } from "../machines/decide.ts";
import { residue } from "../machines/entry.ts";
import { initialSnapshot } from "../machines/evolve.ts";
import { CniCode, type Refused } from "../spec/failure.ts";
import type { CniResult } from "../spec/result.ts";
import { runAdd } from "./add.ts";
import { runCheck } from "./check.ts";
import { type Command, decodeRequest, type Services } from "./command.ts";
import { runAdopt, runDel } from "./del.ts";
import { CommandFailed, toCniFailure } from "./failure.ts";
import { Journal } from "./journal.ts";
import type { Plugin } from "./plugin.ts";
import { type OpenStream, openStream } from "./slot.ts";
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
    Effect.scoped(run(plugin, command)),
    (error) => error._tag === "CommandFailed" ? error : new CommandFailed({ failure: toCniFailure(error) }),
  );

const run = <C>(plugin: Plugin<C>, command: Command) =>
  Effect.gen(function* () {
    // Every fault of the input is refused here, before the log or the kernel is touched. DEL needs no config.
    const decoded = command.verb === "DEL" ? null : yield* Effect.mapError(decodeRequest(plugin, command), refusal);
    const opened = yield* Effect.mapError(openStream(plugin.type, command), refusal);
    const journal = new Journal(opened.stream, opened.snapshot);
    yield* settle(command, journal, opened);
    const decision = decide(journal.snapshot, command.verb, quoted(command));
    if (decision.decision === "refuse") return yield* refusal(new CommandFailed({ failure: decision.failure }));
    if (decoded === null) {
      yield* decision.decision === "adopt"
        ? runAdopt(plugin, command, journal, opened.stream.records)
        : runDel(command, journal);
      return yield* Effect.as(setAsideIfCorrupt(plugin, command, opened, decision.decision === "accept"), null);
    }
    if (command.verb === "CHECK") return yield* Effect.as(runCheck(plugin, command, decoded, journal), null);
    return yield* runAdd(plugin, command, decoded, journal);
  });

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
