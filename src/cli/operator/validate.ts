/** `cleat validate`: all that is wrong with configuration files. */
import * as Effect from "effect/Effect";
import { DEFAULT_CONF_DIR } from "../../runtime/networks.ts";
import { validateFiles } from "../../runtime/validate_files.ts";
import { faultLine } from "../../spec/conf_file.ts";
import { type Answer, ExitCode, type Subcommand } from "./command.ts";

/** `cleat validate`. */
export const validateCommand: Subcommand = {
  name: "validate",
  arguments: "[file or folder …]",
  summary: "name everything that is wrong with network configurations",
  description:
    "Prints each fault as file:line:column: what is wrong, what was expected; misspelt keys with the nearest\n" +
    "that there is. Comments and trailing commas are allowed. Plugins are searched in $CNI_PATH and asked for\n" +
    "VERSION; without it, only Cleat's own are known. A .conf or .json file is a network of one plugin, any other a\n" +
    `list. Without arguments: $NETCONFPATH, else ${DEFAULT_CONF_DIR}.`,
  options: [],
  run: ({ positionals }, env) =>
    Effect.gen(function* () {
      const paths = positionals.length > 0 ? positionals : [env("NETCONFPATH") || DEFAULT_CONF_DIR];
      const { registry } = yield* Effect.promise(() => import("../../plugins/registry.ts"));
      const { files, faults } = yield* validateFiles(paths, { registry, cniPath: env("CNI_PATH") ?? "" });
      const lines = faults.map((fault) => `${faultLine(fault)}\n`);
      const answer: Answer = {
        text: [...lines, `${count(files.length, "file")}, ${count(faults.length, "fault")}\n`].join(""),
        json: { files, faults },
        exitCode: faults.length > 0 ? ExitCode.FAILED : ExitCode.OK,
      };
      return answer;
    }),
};

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? "" : "s"}`;
