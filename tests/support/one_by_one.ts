/** A network's plugins run one by one, as by a runtime that executes each of them; and the same network as one `cleat`. */
import * as Effect from "effect/Effect";
import { Plugins } from "../../src/engine/delegate.ts";
import { CommandFailed } from "../../src/engine/failure.ts";
import type { Attachment } from "../../src/runtime/attach.ts";
import type { JsonObject } from "../../src/spec/json.ts";
import { deriveRequestConfig, type NetworkList, parseNetworkList } from "../../src/spec/network_list.ts";
import { renderResult } from "../../src/spec/render_result.ts";
import type { ValidAttachment } from "../../src/spec/request_config.ts";
import type { CniResult } from "../../src/spec/result.ts";
import { type CrashPoint, type Machine, type Outcome, outcomeOf } from "./engine.ts";

/** A list from its plugins. */
export const listOf = (plugins: readonly object[], more: object = {}): NetworkList =>
  Effect.runSync(parseNetworkList(JSON.stringify({ cniVersion: "1.1.0", name: "net", plugins, ...more }), "a test"));

/** The same network with all of its plugins in one of type `cleat`. */
export const nestedOf = ({ cniVersion, name, plugins }: NetworkList): NetworkList => {
  const capabilities = Object.assign({}, ...plugins.map((plugin) => plugin.capabilities));
  return listOf([{ type: "cleat", capabilities, plugins: plugins.map(({ raw }) => raw) }], { cniVersion, name });
};

/** What a runtime says with a verb. */
export interface Said {
  /** The final result of ADD, for CHECK and DEL. */
  readonly prevResult?: CniResult | null;
  /** For GC. */
  readonly valid?: readonly ValidAttachment[];
  /** Instead of the derived request config. */
  readonly config?: JsonObject;
  readonly crash?: CrashPoint;
}

type Verb = "ADD" | "CHECK" | "DEL" | "GC" | "STATUS";

const run = (
  machine: Machine,
  plugin: string,
  command: Verb,
  attachment: Attachment,
  config: JsonObject,
  said: Said,
) => {
  const { containerId, ifName, netns, args = [], cniPath = "" } = attachment;
  const isFree = command === "GC" || command === "STATUS";
  const invocation = {
    plugin,
    command,
    key: { network: String(config.name), containerId: isFree ? "" : containerId, ifName: isFree ? "" : ifName },
    netns: isFree ? "" : netns,
    allowOwnNetns: false,
    args: isFree ? "" : args.map((pair) => pair.join("=")).join(";"),
    path: cniPath,
    config,
  };
  const invoked = Effect.flatMap(Plugins, ({ invoke }) => invoke(invocation));
  const answered = Effect.mapError(invoked, ({ failure }) => new CommandFailed({ failure }));
  return machine.run(answered, said.crash).then(outcomeOf);
};

const rendered = (result: CniResult | null): JsonObject | null =>
  result === null ? null : Effect.runSync(renderResult(result, result.cniVersion));

/** Runs a verb of every plugin of the list, DEL backwards, until one fails; GC of all. Answers the last outcome. */
export async function oneByOne(
  machine: Machine,
  list: NetworkList,
  verb: Verb,
  attachment: Attachment,
  said: Said = {},
): Promise<Outcome> {
  let last: Outcome = { ended: "ok", result: null };
  let previous = said.prevResult ?? null;
  for (const plugin of verb === "DEL" ? list.plugins.toReversed() : list.plugins) {
    const config = said.config ?? deriveRequestConfig(list, plugin, {
      command: verb,
      prevResult: rendered(previous),
      capabilityArgs: attachment.capabilityArgs ?? {},
      ...(said.valid === undefined ? {} : { validAttachments: said.valid }),
    });
    const outcome = await run(machine, plugin.type, verb, attachment, config, said);
    if (last.ended === "ok") last = outcome;
    if (outcome.ended !== "ok" && verb !== "GC") return outcome;
    if (verb === "ADD" && outcome.ended === "ok") previous = outcome.result;
  }
  return last;
}
