/** Both ways to run a plugin on a lab's host: its executable, and its recipe in this process, which is much quicker. */
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { layer } from "../../mod.ts";
import { CommandFailed } from "../../src/engine/failure.ts";
import { runOurs } from "../../src/engine/invoke.ts";
import { registry } from "../../src/plugins/registry.ts";
import type { CniFailure } from "../../src/spec/failure.ts";
import { isJsonObject, type JsonObject } from "../../src/spec/json.ts";
import { renderResult } from "../../src/spec/render_result.ts";
import type { Call, Lab } from "./lab.ts";

/** Runs plugins; `ok` answers what is printed, `refused` the error of one that must fail. */
export interface Door {
  readonly name: string;
  readonly ok: (plugin: string, call: Call) => Promise<JsonObject>;
  readonly refused: (plugin: string, call: Call) => Promise<CniFailure>;
}

/** The plugins in the lab's folders. */
export const executables = (lab: Lab): Door => ({
  name: "as an executable",
  ok: (plugin, call) => lab.ok(plugin, call),
  refused: (plugin, call) => lab.refused(plugin, call),
});

const carriedOut = (lab: Lab, plugin: string, { verb, config, netns, id = "c1", ifName = "eth0", env = {} }: Call) => {
  const recipe = registry.get(plugin);
  if (recipe === undefined || typeof config === "string" || verb === "VERSION") {
    throw new Error(`Cannot run ${verb} of "${plugin}" in this process`);
  }
  const attachment = verb === "GC" || verb === "STATUS" ? { containerId: "", ifName: "" } : { containerId: id, ifName };
  const invocation = {
    plugin,
    command: verb,
    key: { network: String(config.name), ...attachment },
    netns: (typeof netns === "string" ? netns : netns?.path) ?? "",
    allowOwnNetns: false,
    args: env.CNI_ARGS ?? "",
    path: "",
    config,
  };
  const rendered = Effect.flatMap(
    recipe((known) => runOurs(known, invocation)),
    (result) => result === null ? Effect.succeed(null) : renderResult(result, String(config.cniVersion)),
  );
  return lab.host.stay(() => Effect.runPromiseExit(Effect.provide(rendered, layer({ stateDir: lab.state }))));
};

/** Our recipes, in this process. IPAM is that of this process, too. */
export const inProcess = (lab: Lab): Door => ({
  name: "in this process",
  ok: async (plugin, call) => {
    const exit = await carriedOut(lab, plugin, call);
    if (Exit.isFailure(exit)) throw new Error(`${call.verb} of ${plugin} failed: ${Cause.pretty(exit.cause)}`);
    return isJsonObject(exit.value) ? exit.value : {};
  },
  refused: async (plugin, call) => {
    const exit = await carriedOut(lab, plugin, call);
    const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : null;
    if (error instanceof CommandFailed) return error.failure;
    throw error ?? new Error(`${call.verb} of ${plugin} succeeded`);
  },
});
