/** GC: DEL for every stream of a plugin on a network whose attachment is no longer valid. */
import * as Effect from "effect/Effect";
import type { LogError } from "../effects/log/store.ts";
import type { AttachmentKey, StreamId } from "../spec/key.ts";
import { decodeConfig } from "../spec/decode_config.ts";
import type { CniFailure, Refused } from "../spec/failure.ts";
import { readAttachments, type ValidAttachment } from "../spec/request_config.ts";
import type { Command, Services } from "./command.ts";
import { Plugins } from "./delegate.ts";
import { combine, CommandFailed, toCniFailure } from "./failure.ts";
import { liveStreams } from "./live_streams.ts";
import { deadTraces, type GcRequest } from "./dead_traces.ts";
import type { Plugin } from "./plugin.ts";
import { runCommand } from "./run_command.ts";
import { typeOf } from "./slot.ts";

/** Removes what the plugin made for attachments that are not in the list (CNI spec 1.1.0, section 2, "GC"). */
export const runGc = <C>(
  plugin: Plugin<C>,
  request: GcRequest,
): Effect.Effect<void, CommandFailed, Services> =>
  Effect.gen(function* () {
    const network = String(request.raw.name ?? "");
    const failed = (error: Refused | LogError) => new CommandFailed({ failure: toCniFailure(error) });
    const attachments = yield* Effect.mapError(readAttachments(request.raw), failed);
    const valid = new Set(attachments.map(({ containerId, ifName }) => `${containerId}/${ifName}`));
    const isDead = ({ slot, containerId, ifName }: StreamId) =>
      typeOf(slot) === plugin.type && !valid.has(`${containerId}/${ifName}`);
    const dead = yield* Effect.mapError(liveStreams({ network }, isDead), failed);
    const failures: CniFailure[] = [];
    // As many DELs as there are streams: where a plugin stands twice in a chain, each takes the one that came last.
    for (const { id: { network, containerId, ifName } } of dead) {
      const exit = yield* Effect.result(runCommand(plugin, delOf({ network, containerId, ifName }, request)));
      if (exit._tag === "Failure") failures.push(exit.failure.failure);
    }
    // What has just failed is not tried twice.
    failures.push(...(yield* removeTraces(plugin, request, [...attachments, ...dead.map(({ id }) => id)])));
    failures.push(...(yield* passOn(plugin, request, attachments)));
    const [first, ...others] = failures;
    if (first !== undefined) return yield* new CommandFailed({ failure: combine([first, ...others]) });
  });

/** DEL for what only the host knows of: made by another program, or the log was lost. Answers what failed. */
const removeTraces = <C>(plugin: Plugin<C>, request: GcRequest, others: readonly ValidAttachment[]) =>
  Effect.gen(function* () {
    const dead = yield* Effect.result(deadTraces(plugin, request, others));
    if (dead._tag === "Failure") return [toCniFailure(dead.failure)];
    const failures: CniFailure[] = [];
    for (const key of dead.success) {
      const exit = yield* Effect.result(runCommand(plugin, delOf(key, request)));
      if (exit._tag === "Failure") failures.push(exit.failure.failure);
    }
    return failures;
  });

/** GC of the plugins that this one runs: all of them, whatever became of the others. Answers what failed. */
const passOn = <C>(
  plugin: Plugin<C>,
  { raw, cniVersion, path }: GcRequest,
  valid: readonly ValidAttachment[],
) =>
  Effect.gen(function* () {
    const { gc } = plugin;
    if (gc === undefined) return [];
    const delegates = yield* Effect.result(
      Effect.flatMap(decodeConfig(plugin.config, raw), (config) => gc(config, { raw, cniVersion, valid })),
    );
    if (delegates._tag === "Failure") return [toCniFailure(delegates.failure)];
    const plugins = yield* Plugins;
    const key = { network: String(raw.name ?? ""), containerId: "", ifName: "" };
    const failures: CniFailure[] = [];
    for (const delegate of delegates.success) {
      const call = { ...delegate, command: "GC", key, netns: "", allowOwnNetns: false, args: "", path } as const;
      const exit = yield* Effect.result(plugins.invoke(call));
      if (exit._tag === "Failure") failures.push(exit.failure.failure);
    }
    return failures;
  });

const delOf = (
  key: AttachmentKey,
  { raw, cniVersion, path }: GcRequest,
): Command => ({ verb: "DEL", key, netns: "", allowOwnNetns: false, args: "", path, raw, cniVersion });
