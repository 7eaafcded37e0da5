/** What GC finds on the host of attachments that are not valid and that no stream knows. */
import * as Effect from "effect/Effect";
import { Host, Kernel } from "../effects/kernel/host.ts";
import { decodeConfig } from "../spec/decode_config.ts";
import type { JsonObject } from "../spec/json.ts";
import type { AttachmentKey } from "../spec/key.ts";
import { checkContainerId, checkIfName } from "../spec/names.ts";
import type { ValidAttachment } from "../spec/request_config.ts";
import type { Plugin, Trace } from "./plugin.ts";
import { View, viewFor } from "./view.ts";

/** GC of one plugin: its request config and CNI_PATH. */
export interface GcRequest {
  readonly raw: JsonObject;
  readonly cniVersion: string;
  readonly path: string;
}

/** Stands for the interface of what does not tell it: what is found by the container's id does not depend on it. */
const ANY_IF_NAME = "eth0";

/** What a comment or a file says is only data: it becomes part of a path, so it must be a name. */
const isName = ({ containerId, ifName }: Trace): boolean =>
  checkContainerId(containerId) === null && (ifName === null || checkIfName(ifName) === null);

/** Whether the list has the attachment, or, where its interface is not known, any of the container. */
const isIn = (list: readonly ValidAttachment[]) => ({ containerId, ifName }: Trace): boolean =>
  list.some((known) => known.containerId === containerId && (ifName === null || known.ifName === ifName));

/**
 * The attachments to delete, each once: those that are not among the `others`. Ends with the plugin's refusal of its
 * config, or with what kept it from looking.
 */
export const deadTraces = <C>(plugin: Plugin<C>, { raw, path }: GcRequest, others: readonly ValidAttachment[]) =>
  Effect.scoped(Effect.gen(function* () {
    if (plugin.traces === undefined) return [];
    const network = String(raw.name ?? "");
    const config = yield* decodeConfig(plugin.config, raw);
    const host = yield* (yield* Kernel).open(null);
    const call = { key: { network, containerId: "", ifName: "" }, netns: "", allowOwnNetns: false, args: "", path };
    const view = yield* Effect.provideService(viewFor(call), Host, host);
    const traces = yield* Effect.provideService(plugin.traces(config, network), View, view);
    const dead = traces.filter((trace) => isName(trace) && !isIn(others)(trace));
    return [
      ...new Map(dead.map(({ containerId, ifName }): [string, AttachmentKey] => {
        const key = { network, containerId, ifName: ifName ?? ANY_IF_NAME };
        return [`${key.containerId}/${key.ifName}`, key];
      })).values(),
    ];
  }));
