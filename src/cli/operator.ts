/** The operator command: finds the subcommand, parses its options, prints its answer. */
import { parseArgs } from "@std/cli/parse-args";
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { LAUNCHER_TITLE } from "../effects/program.ts";
import { Notices } from "../engine/notice.ts";
import { recipes } from "../plugins/recipes.ts";
import { printable } from "../spec/printable.ts";
import { stateDir, systemLayer } from "./layers.ts";
import { addCommand, checkCommand, delCommand, statusCommand } from "./operator/attach.ts";
import { ExitCode, Failure, type Parsed, type Subcommand, UsageError } from "./operator/command.ts";
import { gcCommand } from "./operator/gc.ts";
import { logCommand } from "./operator/log.ts";
import { planCommand } from "./operator/plan.ts";
import { pruneCommand } from "./operator/prune.ts";
import { recoverCommand } from "./operator/recover.ts";
import { replayCommand } from "./operator/replay.ts";
import { schemaCommand } from "./operator/schema.ts";
import { validateCommand } from "./operator/validate.ts";
import { verifyCommand } from "./operator/verify.ts";
import { untilSignalled } from "./signals.ts";
import { writeErr, writeOut } from "./stdio.ts";

const subcommands: readonly Subcommand[] = [
  planCommand,
  addCommand,
  checkCommand,
  delCommand,
  gcCommand,
  statusCommand,
  recoverCommand,
  logCommand,
  replayCommand,
  verifyCommand,
  pruneCommand,
  validateCommand,
  schemaCommand,
];

const pad = (text: string, width: number): string => text.padEnd(width);

const overview = (): string =>
  [
    `${LAUNCHER_TITLE}: attach containers to networks, and tell what happened to them.`,
    "",
    "Usage: cleat <command> [options]",
    "",
    ...subcommands.map(({ name, arguments: args, summary }) => `  ${pad(`${name} ${args}`, 46)} ${summary}`),
    "",
    "Every command has --help and --json. Exit codes: 0 done, 1 failed, 2 wrong usage.",
    "cleat dhcp daemon gets and renews the leases of the plugin dhcp; cleat dhcp daemon --help tells its options.",
    "Executed by a runtime, with CNI_COMMAND set and without arguments, cleat is a plugin: a chain in one process.",
    "State is kept in /var/lib/cleat for root, in $CLEAT_STATE_DIR where set, else in $XDG_STATE_HOME/cleat.",
    "",
  ].join("\n");

const helpFor = ({ name, arguments: args, description, options }: Subcommand): string =>
  [
    `Usage: cleat ${name} ${args} [options]`,
    "",
    description,
    "",
    ...[...options, { name: "json", value: "", help: "print one JSON value instead of text" }, {
      name: "help",
      value: "",
      help: "print this",
    }].map(({ name, value, help }) => `  ${pad(`--${name} ${value}`, 26)} ${help}`),
    "",
  ].join("\n");

/** Runs `cleat` with these arguments; answers the exit code. */
export async function runOperator(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === "--version") return print(`${LAUNCHER_TITLE}\n`);
  if (name === undefined || name === "--help" || name === "-h" || name === "help" || name === "--warm") {
    return print(overview());
  }
  const subcommand = subcommands.find((candidate) => candidate.name === name);
  if (subcommand === undefined) {
    const known = subcommands.map((candidate) => candidate.name).join(", ");
    return wrongUsage(`Cannot run "${name}": cleat knows ${known}`);
  }
  if (rest.includes("--help") || rest.includes("-h")) return print(helpFor(subcommand));
  return await run(subcommand, rest);
}

const print = (text: string): number => {
  writeOut(text);
  return ExitCode.OK;
};

const wrongUsage = (message: string): number => {
  writeErr(message);
  return ExitCode.USAGE;
};

function parse({ name, options }: Subcommand, args: readonly string[]): Parsed {
  const unknown: string[] = [];
  const flags = options.filter(({ value }) => value === "").map(({ name }) => name);
  const parsed = parseArgs(args, {
    string: options.filter(({ value }) => value !== "").map(({ name }) => name),
    collect: options.filter(({ repeatable }) => repeatable).map((option) => option.name),
    boolean: ["json", ...flags],
    alias: { ifname: "i" },
    unknown: (arg, key) => {
      if (key !== undefined) unknown.push(arg);
      return key === undefined;
    },
  });
  if (unknown.length > 0) {
    const known = options.map((option) => `--${option.name}`).join(", ");
    throw new UsageError(
      `Cannot run "cleat ${name}": unknown option "${unknown[0]}"; it knows ${known || "none"}, --json`,
    );
  }
  const value = (option: string): unknown => (parsed as Readonly<Record<string, unknown>>)[option];
  const strings: Record<string, string | undefined> = {};
  const lists: Record<string, readonly string[]> = {};
  for (const option of options) {
    const given = value(option.name);
    if (Array.isArray(given)) lists[option.name] = given.map(String);
    else strings[option.name] = typeof given === "string" ? given : undefined;
  }
  const given = new Set(flags.filter((flag) => value(flag) === true));
  return { strings, lists, flags: given, json: value("json") === true, positionals: parsed._.map(String) };
}

async function run(subcommand: Subcommand, args: readonly string[]): Promise<number> {
  const env = (name: string) => Deno.env.get(name);
  const json = args.includes("--json");
  const program = Effect.suspend(() => subcommand.run(parse(subcommand, args), env));
  const whole = program.pipe(
    Effect.provide(systemLayer(stateDir(env, Deno.uid()), recipes)),
    Effect.provideService(Notices, (sentence) => writeErr(printable(sentence))),
  );
  const exit = await untilSignalled((signal) => Effect.runPromiseExit(whole, { signal }));
  if (Exit.isSuccess(exit)) {
    writeOut(json ? `${JSON.stringify(exit.value.json, null, 2)}\n` : printable(exit.value.text));
    return exit.value.exitCode;
  }
  const error = Cause.hasInterruptsOnly(exit.cause)
    ? new Failure(`Cannot finish "cleat ${subcommand.name}": it was interrupted`)
    : Cause.squash(exit.cause);
  if (error instanceof UsageError) return wrongUsage(`${error.message}\nTry: cleat ${subcommand.name} --help`);
  const message = error instanceof Error ? error.message : String(error);
  writeErr(printable(message));
  if (json) writeOut(`${JSON.stringify(error instanceof Failure ? error.json : { error: message }, null, 2)}\n`);
  return ExitCode.FAILED;
}
