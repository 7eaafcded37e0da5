/** `cleat verify`: are the hash chains whole, and are the histories possible? */
import * as Effect from "effect/Effect";
import { replay } from "../../machines/evolve.ts";
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
    replay(records, id);
    return verdict(null);
  } catch (error) {
    return verdict(error instanceof Error ? error.message : String(error));
  }
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
      const lines = bad.map(({ stream, fault }) => `${stream}: ${fault}\n`);
      const summary = `${verdicts.length} streams, ${records} records, ${bad.length} damaged\n`;
      return {
        text: [...lines, summary].join(""),
        json: verdicts,
        exitCode: bad.length > 0 ? ExitCode.FAILED : ExitCode.OK,
      };
    }),
};
