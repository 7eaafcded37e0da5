/** `cleat prune`: how long history is kept. */
import * as Effect from "effect/Effect";
import { HISTORY_ATTACHMENTS, HISTORY_MS, prune } from "../../runtime/prune.ts";
import { ExitCode, failed, type Parsed, type Subcommand, UsageError } from "./command.ts";
import { dryRunOption } from "./recover.ts";
import { usage } from "./target.ts";

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `30d`, `12h`, `5m` in milliseconds. */
function age({ strings }: Parsed): number {
  const text = strings["older-than"];
  if (text === undefined) return HISTORY_MS;
  const [, number, unit = ""] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const factor = UNITS[unit];
  if (number === undefined || factor === undefined) {
    throw new UsageError(`Cannot use --older-than ${JSON.stringify(text)}: write it as 30d, 12h or 5m`);
  }
  return Number(number) * factor;
}

function number({ strings }: Parsed): number {
  const text = strings.keep;
  if (text === undefined) return HISTORY_ATTACHMENTS;
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`Cannot use --keep ${JSON.stringify(text)}: it is not a number`);
  return Number(text);
}

/** `cleat prune`. */
export const pruneCommand: Subcommand = {
  name: "prune",
  arguments: "",
  summary: "remove history of attachments that are over",
  description:
    "Removes logs of attachments that were detached long ago, or that are too many, and locks of networks that are gone.\n" +
    "What lives, what is owed and what is damaged stays. recover and gc do it at their end, and DEL now and then.",
  options: [
    { name: "older-than", value: "AGE", help: "30d, 12h, 5m: how old history may be; else 30d" },
    { name: "keep", value: "NUMBER", help: "how many attachments of each network are kept; else 1000" },
    { ...dryRunOption, help: "say how many would go; remove nothing" },
  ],
  run: (parsed) =>
    Effect.gen(function* () {
      const dryRun = parsed.flags.has("dry-run");
      const options = yield* usage(() => ({ olderThan: age(parsed), keep: number(parsed), dryRun }));
      const removed = yield* Effect.mapError(prune(options), failed);
      const text = `${removed} ${removed === 1 ? "stream" : "streams"} ${dryRun ? "to remove" : "removed"}\n`;
      return { text, json: { removed }, exitCode: ExitCode.OK };
    }),
};
