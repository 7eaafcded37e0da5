/** Running another plugin: our own recipe in-process, somebody else's executable by exec. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { type ExecError, Executables, type Finished } from "../effects/exec.ts";
import type { Kernel } from "../effects/kernel/host.ts";
import type { Leases } from "../effects/leases/leases.ts";
import type { EventStore } from "../effects/log/store.ts";
import type { Origin } from "../effects/origin.ts";
import type { Files } from "../effects/files.ts";
import { CniCode, type CniFailure, type Refused } from "../spec/failure.ts";
import { isJsonObject, jsonOf } from "../spec/json.ts";
import { parseResult } from "../spec/parse_result.ts";
import { DEFAULT_VERSION } from "../spec/released_versions.ts";
import type { CniResult } from "../spec/result.ts";
import { checkVersion } from "../spec/check_version.ts";
import type { Services } from "./command.ts";
import { DelegateError, type Invocation, Plugins } from "./delegate.ts";
import { CommandFailed, toCniFailure } from "./failure.ts";
import { notice } from "./notice.ts";
import type { AnyPlugin, Plugin } from "./plugin.ts";
import { runCommand } from "./run_command.ts";
import { runGc } from "./run_gc.ts";
import { runStatus } from "./run_status.ts";

/** Our recipes by type. */
export type Registry = ReadonlyMap<string, AnyPlugin>;

const versionOf = ({ config }: Invocation): string =>
  typeof config.cniVersion === "string" && config.cniVersion !== "" ? config.cniVersion : DEFAULT_VERSION;

/** Runs one of our recipes for an invocation, after the version check every plugin makes. */
export const runOurs = <C>(
  plugin: Plugin<C>,
  invocation: Invocation,
): Effect.Effect<CniResult | null, CommandFailed, Services> =>
  Effect.gen(function* () {
    const { command, config: raw } = invocation;
    const cniVersion = versionOf(invocation);
    const incompatible = checkVersion(command, cniVersion, plugin.versions);
    if (incompatible !== null) return yield* new CommandFailed({ failure: incompatible });
    if (command === "STATUS") return yield* Effect.as(runStatus(plugin, { ...invocation, raw, cniVersion }), null);
    if (command === "GC") return yield* Effect.as(runGc(plugin, { ...invocation, raw, cniVersion }), null);
    return yield* runCommand(plugin, { ...invocation, verb: command, raw, cniVersion });
  });

/** The plugins of this process: `registry` in-process where CNI_PATH leads to us, the executables it finds otherwise. */
export const pluginsLayer = (registry: Registry): Layer.Layer<
  Plugins,
  never,
  Executables | EventStore | Kernel | Leases | Origin | Files
> =>
  Layer.effect(Plugins)(Effect.gen(function* () {
    const services = yield* Effect.context<Executables | EventStore | Kernel | Leases | Origin | Files>();
    const executables = yield* Executables;
    const self = Plugins.of({
      invoke: (invocation) =>
        Effect.gen(function* () {
          const recipe = registry.get(invocation.plugin);
          const found = yield* executables.find(invocation.plugin, invocation.path, recipe !== undefined);
          if (!found.ours) return yield* runForeign(found.file, invocation);
          if (recipe === undefined) return yield* Effect.die(new Error(`no recipe for ${invocation.plugin}`));
          return yield* recipe((plugin) => runOurs(plugin, invocation));
        }).pipe(
          Effect.mapError((error) => delegateError(invocation, error)),
          Effect.provideService(Plugins, self),
          Effect.provide(services),
        ),
    });
    return self;
  }));

const delegateError = (
  { plugin, command }: Invocation,
  error: ExecError | CommandFailed | Refused | DelegateError,
): DelegateError => {
  if (error._tag === "DelegateError") return error;
  if (error._tag === "ExecError") {
    const failure = { code: CniCode.IO_FAILURE, msg: error.message };
    return new DelegateError({ plugin, command, failure, notStarted: true });
  }
  return new DelegateError({ plugin, command, failure: toCniFailure(error) });
};

const environmentOf = ({ command, key, netns, args, path, allowOwnNetns }: Invocation): Record<string, string> => ({
  CNI_COMMAND: command,
  CNI_CONTAINERID: key.containerId,
  CNI_NETNS: netns,
  CNI_IFNAME: key.ifName,
  CNI_ARGS: args,
  CNI_PATH: path,
  ...(allowOwnNetns ? { CNI_NETNS_OVERRIDE: "1" } : {}),
});

const runForeign = Effect.fnUntraced(function* (file: string, invocation: Invocation) {
  const executables = yield* Executables;
  const finished = yield* executables.run(file, environmentOf(invocation), JSON.stringify(invocation.config));
  if (finished.stderr !== "") yield* notice(finished.stderr.trimEnd());
  if (finished.code !== 0) {
    return yield* new DelegateError({ ...invocation, failure: failureOfForeign(invocation, finished) });
  }
  if (invocation.command !== "ADD") return null;
  const printed = jsonOf(finished.stdout);
  if (printed === undefined) {
    const msg = `Cannot read the result of plugin "${invocation.plugin}": it is not JSON: ${excerpt(finished.stdout)}`;
    return yield* new DelegateError({ ...invocation, failure: { code: CniCode.DECODING_FAILURE, msg } });
  }
  return yield* parseResult(printed, versionOf(invocation));
});

/** The first 200 characters: enough to recognise what a foreign plugin printed. */
const excerpt = (text: string): string => JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);

/** The error object a foreign plugin printed; where it printed none, what is known of its end. */
function failureOfForeign({ plugin, command }: Invocation, { code, signal, stdout, stderr }: Finished): CniFailure {
  const printed = jsonOf(stdout);
  if (isJsonObject(printed) && typeof printed.code === "number" && typeof printed.msg === "string") {
    const { details } = printed;
    return { code: printed.code, msg: printed.msg, ...(typeof details === "string" && details ? { details } : {}) };
  }
  const end = signal === null ? `exit code ${code}` : `signal ${signal}`;
  const said = stdout || stderr ? `: ${excerpt(stdout || stderr)}` : ", and it printed nothing";
  return { code: CniCode.INTERNAL, msg: `Cannot run ${command} of plugin "${plugin}": it ended with ${end}${said}` };
}
