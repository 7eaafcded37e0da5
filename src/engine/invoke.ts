/** Running another plugin: our own recipe in-process, somebody else's executable by exec. */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { type ExecError, Executables } from "../effects/exec.ts";
import { Kernel } from "../effects/kernel/host.ts";
import { Dhcp } from "../effects/dhcp/dhcp.ts";
import { Leases } from "../effects/leases/leases.ts";
import { EventStore } from "../effects/log/store.ts";
import { Origin } from "../effects/origin.ts";
import { Files } from "../effects/files.ts";
import { checkVersion } from "../spec/check_version.ts";
import { CniCode, type Refused } from "../spec/failure.ts";
import type { CniResult } from "../spec/result.ts";
import { askVersions } from "./ask_versions.ts";
import type { Services } from "./command.ts";
import { DelegateError, type Invocation, Plugins, versionOf } from "./delegate.ts";
import { CommandFailed, toCniFailure } from "./failure.ts";
import { runForeign } from "./foreign.ts";
import { aloneInside } from "./inside.ts";
import type { AnyPlugin, Plugin, Recipes } from "./plugin.ts";
import { runCommand } from "./run_command.ts";
import { runGc } from "./run_gc.ts";
import { runStatus } from "./run_status.ts";

/** Runs one of our recipes for an invocation, after the version check every plugin makes. */
export const runOurs = <C>(
  plugin: Plugin<C>,
  invocation: Invocation,
): Effect.Effect<CniResult | null, CommandFailed, Services> =>
  aloneInside(
    invocation,
    Effect.gen(function* () {
      const { command, config: raw } = invocation;
      const cniVersion = versionOf(invocation);
      const incompatible = checkVersion(command, cniVersion, plugin.versions);
      if (incompatible !== null) return yield* new CommandFailed({ failure: incompatible, didNothing: true });
      if (command === "STATUS") return yield* Effect.as(runStatus(plugin, { ...invocation, raw, cniVersion }), null);
      if (command === "GC") return yield* Effect.as(runGc(plugin, { ...invocation, raw, cniVersion }), null);
      return yield* runCommand(plugin, { ...invocation, verb: command, raw, cniVersion });
    }),
  );

type Needs = Executables | EventStore | Kernel | Leases | Dhcp | Origin | Files;

/** The plugins of this process: `recipes` in-process where CNI_PATH leads to us, the executables it finds otherwise. */
export const pluginsLayer = (recipes: Recipes): Layer.Layer<Plugins, never, Needs> =>
  Layer.effect(Plugins)(Effect.gen(function* () {
    // Only what is needed: references, such as limits, are the caller's.
    const services = Context.pick(Executables, EventStore, Kernel, Leases, Dhcp, Origin, Files)(
      yield* Effect.context<Needs>(),
    );
    const executables = yield* Executables;
    const search = (plugin: string, path: string) => executables.find(plugin, path, recipes.has(plugin));
    const invoke = (invocation: Invocation) =>
      Effect.gen(function* () {
        const found = yield* search(invocation.plugin, invocation.path);
        if (!found.ours) return yield* runForeign(found.file, invocation);
        const recipe = yield* recipeOf(recipes, invocation.plugin);
        return yield* recipe((plugin) => runOurs(plugin, invocation));
      });
    const versions = (type: string, path: string) =>
      Effect.gen(function* () {
        const found = yield* search(type, path);
        if (!found.ours) return yield* askVersions(type, found.file);
        return (yield* recipeOf(recipes, type))(({ versions }) => versions);
      });
    const self = Plugins.of({
      invoke: (invocation) =>
        invoke(invocation).pipe(
          Effect.mapError((error) => delegateError(invocation, error)),
          Effect.provideService(Plugins, self),
          Effect.provide(services),
        ),
      find: (plugin, path) =>
        Effect.mapError(search(plugin, path), (error) => delegateError({ plugin, command: "" }, error)),
      versions: (plugin, path) =>
        versions(plugin, path).pipe(
          Effect.mapError((error) => delegateError({ plugin, command: "VERSION" }, error)),
          Effect.provide(services),
        ),
    });
    return self;
  }));

function recipeOf(recipes: Recipes, type: string): Effect.Effect<AnyPlugin> {
  const recipe = recipes.get(type);
  if (recipe === undefined) throw new Error(`no recipe for ${type}`); // only what has a recipe is ours
  return recipe;
}

const delegateError = (
  { plugin, command }: { readonly plugin: string; readonly command: string },
  error: ExecError | CommandFailed | Refused | DelegateError,
): DelegateError => {
  if (error._tag === "DelegateError") return error;
  if (error._tag === "ExecError") {
    const failure = { code: CniCode.IO_FAILURE, msg: error.message };
    return new DelegateError({ plugin, command, failure, didNothing: true });
  }
  const refused = error._tag === "CommandFailed" && error.didNothing === true ? { didNothing: true } : {};
  return new DelegateError({ plugin, command, failure: toCniFailure(error), ...refused });
};
