/** `cleat verify`: are the hash chains whole, and are the histories possible? */
import * as Effect from "effect/Effect";
import { belongs } from "../../effects/kernel/belongs.ts";
import type { Recorded } from "../../machines/event.ts";
import { replay } from "../../machines/evolve.ts";
import type { StreamId } from "../../spec/key.ts";
import { printableLine } from "../../spec/printable.ts";
import { ExitCode, type Subcommand } from "./command.ts";
import { filterOf, type Found, readStreams, streamName } from "./streams.ts";

interface Verdict {
  readonly stream: string;
  readonly records: number;
  /** What is wrong, or null. */
  readonly fault: string | null;
}

function judge({ id, records, corruption }: Found): Verdict {
  const verdict = (fault: string | null): Verdict => ({ stream: streamName(id), records: records.length, fault });
  if (corruption !== null) return verdict(`line ${corruption.line}: ${corruption.detail}`);
  try {
    return verdict(strangeUndo(id, replay(records, id).map(({ record }) => record)));
  } catch (error) {
    return verdict(error instanceof Error ? error.message : String(error));
  }
}

/** The first record whose undo does not belong to its op: hashes can be made anew, but DEL does not carry that out. */
function strangeUndo(id: StreamId, records: readonly Recorded[]): string | null {
  for (const { seq, event } of records) {
    if (event.type !== "effect.intended" || event.undo === null || belongs(id, event.op, event.undo)) continue;
    return `record ${seq} was edited: "${event.undo.op}" is not what takes "${event.op.op}" back`;
  }
  return null;
}

/** `cleat verify`. */
export const verifyCommand: Subcommand = {
  name: "verify",
  arguments: "[network [container [ifname]]]",
  summary: "check the hash chains and the histories",
  description: "Names every stream that was damaged or edited, and every one whose records cannot follow each other.",
  options: [],
  run: ({ positionals }) =>
    Effect.map(readStreams(filterOf(positionals)), (streams) => {
      const verdicts = streams.map(judge);
      const bad = verdicts.filter(({ fault }) => fault !== null);
      const records = verdicts.reduce((sum, verdict) => sum + verdict.records, 0);
      const lines = bad.map(({ stream, fault }) => `${printableLine(`${stream}: ${fault}`)}\n`);
      const summary = `${verdicts.length} streams, ${records} records, ${bad.length} damaged\n`;
      return {
        text: [...lines, summary].join(""),
        json: verdicts,
        exitCode: bad.length > 0 ? ExitCode.FAILED : ExitCode.OK,
      };
    }),
};
