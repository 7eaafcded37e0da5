/** The execution protocol of a plugin: environment and stdin in, result or error object out (CNI spec 1.1.0, section 2). */
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import type * as Layer from "effect/Layer";
import type { Services } from "../engine/command.ts";
import { CommandFailed, toCniFailure } from "../engine/failure.ts";
import { runOurs } from "../engine/invoke.ts";
import { notice, Notices } from "../engine/notice.ts";
import { PLUGIN_VERSIONS } from "../plugins/catalog.ts";
import { recipes } from "../plugins/recipes.ts";
import { duplicatedSysctl } from "../plugins/tuning_sysctl.ts";
import { LAUNCHER_TITLE } from "../effects/program.ts";
import { pruneNowAndThen } from "../runtime/prune.ts";
import { type CommandEnvironment, readEnvironment } from "../spec/environment.ts";
import { CniCode, type CniFailure, failureText, Refused } from "../spec/failure.ts";
import { LATEST } from "../spec/released_versions.ts";
import { parseRequestConfig } from "../spec/request_config.ts";
import { printResult } from "../spec/render_result.ts";
import { stateDir, systemLayer } from "./layers.ts";
import { readIn, writeErr, writeOut } from "./stdio.ts";

/** Runs one plugin with the process's environment and streams; answers the exit code. */
export async function runPlugin(type: string): Promise<number> {
  const here: PluginProcess = {
    env: Deno.env.toObject(),
    readIn,
    services: () => systemLayer(stateDir((name) => Deno.env.get(name), Deno.uid()), recipes),
  };
  const { code, stdout } = await Effect.runPromise(Effect.provideService(answer(type, here), Notices, writeErr));
  writeOut(stdout);
  return code;
}

/** Loads a plugin and does nothing with it. */
export const loadPlugin = async (type: string): Promise<void> =>
  void await Effect.runPromise(recipes.get(type) ?? Effect.void);

/** The process a plugin runs in. */
export interface PluginProcess {
  /** Its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Everything on stdin; what it throws is told as a failure to read it. Not called for the about text. */
  readonly readIn: () => string;
  /** What the engine runs on. Not called before the request has been read. */
  readonly services: () => Layer.Layer<Services>;
}

/** How such a process ends: its exit code, and what it prints on stdout. */
export interface Answer {
  readonly code: number;
  readonly stdout: string;
}

/** Runs one plugin; what is to be said on stderr goes to `Notices`. Ends well whatever happens: failures are answers. */
export const answer = (type: string, here: PluginProcess): Effect.Effect<Answer> =>
  Effect.gen(function* () {
    const exit = yield* Effect.exit(execute(type, here));
    if (Exit.isSuccess(exit)) return { code: 0, stdout: exit.value };
    const { failure, cniVersion } = failureIn(type, exit.cause);
    yield* notice(failureText(failure));
    return { code: 1, stdout: JSON.stringify({ cniVersion, ...failure }, null, 4) };
  });

/** The version errors are printed in until the config has told one. */
const FALLBACK_VERSION = LATEST;

const execute = (type: string, here: PluginProcess) =>
  Effect.gen(function* () {
    const environment = yield* readEnvironment(here.env);
    if (environment.kind === "about") {
      yield* notice(`CNI ${type} plugin, ${LAUNCHER_TITLE}`);
      yield* notice(`CNI protocol versions supported: ${(PLUGIN_VERSIONS[type] ?? []).join(", ")}`);
      return "";
    }
    const stdin = yield* readStdin(here);
    return yield* Effect.mapError(
      serve(type, environment, stdin, here),
      (error) => new VersionedFailure(toCniFailure(error), versionIn(stdin)),
    );
  });

const readStdin = ({ readIn }: PluginProcess) =>
  Effect.try({
    try: readIn,
    catch: (error) =>
      new Refused({ code: CniCode.IO_FAILURE, msg: `Cannot read the network configuration from stdin: ${error}` }),
  });

const serve = (type: string, environment: CommandEnvironment, stdin: string, { services }: PluginProcess) =>
  Effect.gen(function* () {
    const { command, containerId, ifName, netns, args, path, netnsOverride } = environment;
    const config = yield* parseRequestConfig(stdin, command);
    const recipe = recipes.get(type);
    if (recipe === undefined || command === "VERSION") return "";
    const twice = type === "tuning" && (command === "ADD" || command === "CHECK") ? duplicatedSysctl(stdin) : null;
    if (twice !== null) return yield* duplicated(twice);
    const invocation = {
      plugin: type,
      command,
      key: { network: config.name, containerId, ifName },
      netns,
      allowOwnNetns: netnsOverride,
      args,
      path,
      config: config.raw,
    };
    const run = (yield* recipe)((plugin) => runOurs(plugin, invocation));
    const tidied = command === "DEL" ? Effect.tap(run, () => pruneNowAndThen(invocation.key, type)) : run;
    const result = yield* Effect.provide(tidied, services());
    return result === null ? "" : yield* printResult(result, config.cniVersion);
  });

const duplicated = (key: string) =>
  new Refused({
    code: CniCode.INVALID_NETWORK_CONFIG,
    msg: `Cannot use "sysctl": duplicated sysctl keys: "${key}" stands there twice`,
  });

/** A failure and the protocol version it is told in. */
class VersionedFailure {
  readonly _tag = "VersionedFailure";
  readonly failure: CniFailure;
  readonly cniVersion: string;
  constructor(failure: CniFailure, cniVersion: string) {
    this.failure = failure;
    this.cniVersion = cniVersion;
  }
}

/** What the config says its version is, as far as it can be read. */
function versionIn(stdin: string): string {
  try {
    const { cniVersion } = JSON.parse(stdin);
    return typeof cniVersion === "string" && cniVersion !== "" ? cniVersion : FALLBACK_VERSION;
  } catch {
    return FALLBACK_VERSION;
  }
}

function failureIn(type: string, cause: Cause.Cause<VersionedFailure | Refused | CommandFailed>) {
  const error = Cause.findErrorOption(cause);
  if (error._tag === "None") {
    const failure: CniFailure = { code: CniCode.INTERNAL, msg: `Cannot run plugin "${type}": ${Cause.pretty(cause)}` };
    return { failure, cniVersion: FALLBACK_VERSION };
  }
  const known = error.value;
  return known._tag === "VersionedFailure" ? known : { failure: toCniFailure(known), cniVersion: FALLBACK_VERSION };
}
