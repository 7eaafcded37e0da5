/** `cleat recover`, and what it has in common with `cleat gc`: saying of every attachment what became of it, and why. */
import * as Effect from "effect/Effect";
import { attachmentName } from "../../spec/key.ts";
import { type Reclaimed, recover } from "../../runtime/recover.ts";
import { progressBar } from "../stdio.ts";
import { type Answer, ExitCode, failed, type Option, type Parsed, type Subcommand, UsageError } from "./command.ts";
import type { Env } from "./target.ts";

/** Only says what would be done. */
export const dryRunOption: Option = {
  name: "dry-run",
  value: "",
  help: "say what would be undone, and why; undo nothing",
};

const optionsOf = (parsed: Parsed, env: Env) => {
  const cacheDir = parsed.strings["cache-dir"];
  return {
    dryRun: parsed.flags.has("dry-run"),
    cniPath: env("CNI_PATH") ?? "",
    ...(cacheDir === undefined ? {} : { cacheDir }),
  };
};

/** What became of attachments that were judged so. */
const VERDICTS: Readonly<Record<Reclaimed["verdict"], string>> = {
  dead: "dead",
  leftover: "unfinished",
  alive: "alive",
  held: "in use",
  unclear: "cannot tell",
  damaged: "damaged",
};

const isUndone = ({ verdict }: Reclaimed): boolean => verdict === "dead" || verdict === "leftover";

const textOf = (found: Reclaimed, isDry: boolean): string => {
  const { attachment, verdict, why, undone, failure } = found;
  const did = undone.map((line) => `    ${isDry ? "would " : "undone: "}${line}\n`);
  const owed = failure === null
    ? ""
    : `    still owed: ${failure.msg}${failure.details ? `; ${failure.details}` : ""}\n`;
  return `${attachmentName(attachment)}: ${VERDICTS[verdict]}: ${why}\n${did.join("")}${owed}`;
};

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? "" : "s"}`;

const summaryOf = (found: readonly Reclaimed[], isDry: boolean): string => {
  const doomed = found.filter(isUndone);
  const owed = doomed.filter(({ failure }) => failure !== null);
  const number = (...verdicts: readonly Reclaimed["verdict"][]) =>
    found.filter(({ verdict }) => verdicts.includes(verdict)).length;
  const rest = [
    isDry ? "" : `${owed.length} with something still owed`,
    `${number("alive", "held")} alive`,
    ...(number("unclear") > 0 ? [`${number("unclear")} unclear`] : []),
    ...(number("damaged") > 0 ? [`${number("damaged")} damaged`] : []),
  ];
  return `${count(doomed.length, "attachment")} ${isDry ? "to reclaim" : "reclaimed"}, ${
    rest.filter((part) => part !== "").join(", ")
  }\n`;
};

/** Runs a pass over the node and tells of it. Those that are simply alive are told of in a dry run only. */
export const reclaimAll = (how: typeof recover, parsed: Parsed, env: Env) =>
  Effect.gen(function* () {
    if (parsed.positionals.length > 0) {
      const msg = `Cannot use ${JSON.stringify(parsed.positionals[0])}: the whole node is looked at`;
      return yield* Effect.fail(new UsageError(msg));
    }
    const options = optionsOf(parsed, env);
    const onProgress = progressBar("reclaiming");
    const found = yield* Effect.mapError(how({ ...options, onProgress }), failed);
    const told = options.dryRun ? found : found.filter(({ verdict }) => verdict !== "alive");
    const answer: Answer = {
      text: [...told.map((each) => textOf(each, options.dryRun)), summaryOf(found, options.dryRun)].join(""),
      json: found,
      exitCode: found.some(({ failure }) => failure !== null) ? ExitCode.FAILED : ExitCode.OK,
    };
    return answer;
  });

/** `cleat recover`. */
export const recoverCommand: Subcommand = {
  name: "recover",
  arguments: "",
  summary: "undo what a reboot, a crash or a failed undo has left",
  description:
    "Goes over the whole node, without any configuration: releases what was attached before the last reboot, undoes what\n" +
    "processes have left that died during ADD or DEL, and tries again what could not be undone. What is in use stays.\n" +
    "Old history is pruned. Exits with 1 as long as something is owed. Meant to run at boot, before any runtime.",
  options: [{ name: "cache-dir", value: "DIR", help: "libcni's result cache; else /var/lib/cni" }, dryRunOption],
  run: (parsed, env) => reclaimAll(recover, parsed, env),
};
