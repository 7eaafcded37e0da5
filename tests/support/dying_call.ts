/** One execution of a plugin, or of the runtime, as plain data: for processes that are to die in it, and for those that live. */
import * as Effect from "effect/Effect";
import { CommandFailed } from "../../src/engine/failure.ts";
import { runOurs } from "../../src/engine/invoke.ts";
import { registry } from "../../src/plugins/registry.ts";
import { attach, check, detach } from "../../src/runtime/attach.ts";
import { gc } from "../../src/runtime/gc.ts";
import type { Services } from "../../src/runtime/services.ts";
import type { JsonObject } from "../../src/spec/json.ts";
import { parseNetworkList } from "../../src/spec/network_list.ts";
import type { CniResult } from "../../src/spec/result.ts";

/** The verbs that change something, or write down what they find. */
export type Verb = "ADD" | "CHECK" | "DEL" | "GC";

/** The runtime, where a plugin's type is asked for. */
export const RUNTIME = "@chain";

/** A verb for container c1 and its interface eth0. */
export interface Call {
  /** A type of ours, or `RUNTIME`. */
  readonly plugin: string;
  readonly verb: Verb;
  /** CNI_NETNS. */
  readonly netns: string;
  /** CNI_PATH. */
  readonly path: string;
  /** The request config; for the runtime the network's list. */
  readonly config: JsonObject;
  /** For the runtime only. */
  readonly capabilityArgs?: JsonObject;
  /** For the runtime only. */
  readonly cacheDir: string;
}

const CONTAINER = { containerId: "c1", ifName: "eth0" } as const;

const asRuntime = ({ verb, netns, path, config, capabilityArgs = {}, cacheDir }: Call) =>
  Effect.gen(function* () {
    const list = yield* Effect.orDie(parseNetworkList(JSON.stringify(config), "a test"));
    const attachment = { ...CONTAINER, netns, cniPath: path, capabilityArgs, cacheDir };
    if (verb === "ADD") return yield* attach(list, attachment);
    if (verb === "GC") yield* gc(list, null, { cniPath: path, cacheDir });
    else yield* (verb === "CHECK" ? check : detach)(list, attachment);
    return null;
  });

const asPlugin = ({ plugin, verb, netns, path, config }: Call) => {
  const recipe = registry.get(plugin);
  if (recipe === undefined) throw new Error(`Cannot run "${plugin}": it is no plugin of ours`);
  const attachment = verb === "GC" ? { containerId: "", ifName: "" } : CONTAINER;
  const invocation = {
    plugin,
    command: verb,
    key: { network: String(config.name), ...attachment },
    netns: verb === "GC" ? "" : netns,
    allowOwnNetns: false,
    args: "",
    path,
    config,
  };
  return recipe((known) => runOurs(known, invocation));
};

/** Runs the verb as the doors do. */
export const carryOut = (call: Call): Effect.Effect<CniResult | null, CommandFailed, Services> =>
  call.plugin === RUNTIME ? asRuntime(call) : asPlugin(call);
