/** `cleat replay`: re-folds a log through the machine and shows each step. */
import * as Effect from "effect/Effect";
import { settled } from "../../spec/hash.ts";
import { verifyLines } from "../../effects/log/format.ts";
import type { Entry } from "../../machines/entry.ts";
import { describeEvent, describeOp } from "../../machines/describe.ts";
import { IllegalHistory, replay, type ReplayStep } from "../../machines/evolve.ts";
import { printableLine } from "../../spec/printable.ts";
import { type Answer, ExitCode, Failure, type Parsed, type Subcommand, UsageError } from "./command.ts";
import { type Found, idOfFile, namedStreams, streamName } from "./streams.ts";

const readFile = (path: string) =>
  Effect.gen(function* () {
    const id = idOfFile(path);
    if (id === null) {
      const msg = `Cannot replay "${path}": its path must end in <network>/<container>/<ifname>/<slot>.jsonl`;
      return yield* Effect.fail(new Failure(msg));
    }
    const bytes = yield* Effect.try({
      try: () => Deno.readFileSync(path),
      catch: (error) => new Failure(`Cannot read "${path}": ${error instanceof Error ? error.message : error}`),
    });
    const { records, corruption } = yield* settled(() => verifyLines(bytes, id));
    const found: Found = { id, records, corruption };
    return [found];
  });

const isFile = (name: string): boolean => name.endsWith(".jsonl");

function lastSeq({ strings }: Parsed): number {
  const to = strings.to;
  if (to === undefined) return Infinity;
  const seq = Number(to);
  if (!Number.isInteger(seq) || seq < 1) throw new UsageError(`Cannot use --to "${to}": it is not a record number`);
  return seq;
}

/** What the log says is on the host: everything performed and not yet undone. */
const present = (stack: readonly Entry[]): readonly string[] =>
  stack.map(({ op, outcome }) => printableLine(`${describeOp(op)}${outcome === "applied" ? "" : ` (${outcome})`}`));

const stepText = ({ record, before, after }: ReplayStep): string => {
  const states = before.value === after.value ? before.value : `${before.value} → ${after.value}`;
  const host = present(after.context.stack).map((line) => `        | ${line}\n`).join("");
  const seq = String(record.seq).padStart(5);
  return `${seq}  ${printableLine(record.at)}  ${states}\n        ${
    printableLine(describeEvent(record.event))
  }\n${host}`;
};

const stepJson = ({ record, before, after }: ReplayStep) => ({
  ...record,
  before: before.value,
  after: after.value,
  host: present(after.context.stack),
});

function replayOne(
  { id, records, corruption }: Found,
  to: number,
): { text: string; json: unknown; fault: string | null } {
  const shown = records.filter(({ seq }) => seq <= to);
  const damage = corruption === null ? null : `line ${corruption.line} is damaged: ${corruption.detail}`;
  const steps = replay(shown, id);
  const text = [`${streamName(id)}\n`, ...steps.map(stepText), ...(damage === null ? [] : [`${damage}\n`])].join("");
  return { text, json: { stream: streamName(id), steps: steps.map(stepJson), damage }, fault: damage };
}

/** `cleat replay`. */
export const replayCommand: Subcommand = {
  name: "replay",
  arguments: "<stream or file>",
  summary: "re-fold a log, step by step",
  description:
    "Shows each record with the state before and after it, and what the log says is on the host at that step.\n" +
    "A stream is network/container/ifname/slot; without the slot, all streams of the attachment. An illegal history is refused.",
  options: [{ name: "to", value: "SEQ", help: "stop after this record" }],
  run: (parsed) =>
    Effect.gen(function* () {
      const to = yield* Effect.try({ try: () => lastSeq(parsed), catch: (error) => error as UsageError });
      const name = parsed.positionals[0];
      if (name === undefined) return yield* Effect.fail(new UsageError("Cannot go on without a stream or a file"));
      const found = yield* isFile(name) ? readFile(name) : namedStreams(name);
      const replayed = yield* Effect.try({
        try: () => found.map((stream) => replayOne(stream, to)),
        catch: (error) => new Failure(error instanceof IllegalHistory ? error.message : String(error)),
      });
      const answer: Answer = {
        text: replayed.map(({ text }) => text).join("\n"),
        json: replayed.map(({ json }) => json),
        exitCode: replayed.some(({ fault }) => fault !== null) ? ExitCode.FAILED : ExitCode.OK,
      };
      return answer;
    }),
};
