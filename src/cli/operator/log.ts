/** `cleat log`: what happened, from all streams, by time. */
import * as Effect from "effect/Effect";
import { describeEvent } from "../../machines/describe.ts";
import { printableLine } from "../../spec/printable.ts";
import { type Answer, ExitCode, type Subcommand } from "./command.ts";
import { filterOf, readStreams, streamName } from "./streams.ts";

/** `cleat log`. */
export const logCommand: Subcommand = {
  name: "log",
  arguments: "[network [container [ifname]]]",
  summary: "print what happened, by time",
  description: "Merges the streams of all attachments that agree, oldest record first.",
  options: [],
  run: ({ positionals }) =>
    Effect.gen(function* () {
      const streams = yield* readStreams(filterOf(positionals));
      const lines = streams.flatMap(({ id, records }) =>
        records.map((record) => ({ stream: streamName(id), ...record }))
      )
        .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.stream === b.stream ? a.seq - b.seq : 0));
      const text = lines.map(({ at, stream, event }) =>
        `${printableLine(`${at}  ${stream}  ${describeEvent(event)}`)}\n`
      ).join("");
      const answer: Answer = { text, json: lines, exitCode: ExitCode.OK };
      return answer;
    }),
};
