/** GC: DEL for every stream of a plugin on a network whose attachment is no longer valid. */
import * as Effect from "effect/Effect";
import { EventStore } from "../effects/log/store.ts";
import type { JsonObject } from "../spec/json.ts";
import { foldLegal } from "../machines/evolve.ts";
import type { AttachmentKey, StreamId } from "../spec/key.ts";
import { readAttachments } from "../spec/request_config.ts";
import type { Command, Services } from "./command.ts";
import { combine, CommandFailed, toCniFailure } from "./failure.ts";
import type { Plugin } from "./plugin.ts";
import { runCommand } from "./run_command.ts";
import { typeOf } from "./slot.ts";

/** Removes what the plugin made for attachments that are not in the list (CNI spec 1.1.0, section 2, "GC"). */
export const runGc = <C>(
  plugin: Plugin<C>,
  request: { readonly raw: JsonObject; readonly cniVersion: string; readonly path: string },
): Effect.Effect<void, CommandFailed, Services> =>
  Effect.gen(function* () {
    const network = String(request.raw.name ?? "");
    const store = yield* EventStore;
    const [attachments, streams] = yield* Effect.mapError(
      Effect.all([readAttachments(request.raw), store.list({ network })]),
      (error) => new CommandFailed({ failure: toCniFailure(error) }),
    );
    const valid = new Set(attachments.map(({ containerId, ifName }) => `${containerId}/${ifName}`));
    const dead = streams.filter((id) =>
      typeOf(id.slot) === plugin.type && !valid.has(`${id.containerId}/${id.ifName}`)
    );
    const failures = [];
    for (const id of dead) {
      if (yield* isOver(id)) continue;
      const { network, containerId, ifName } = id;
      const exit = yield* Effect.result(runCommand(plugin, delOf({ network, containerId, ifName }, request)));
      if (exit._tag === "Failure") failures.push(exit.failure.failure);
    }
    const [first, ...others] = failures;
    if (first !== undefined) return yield* new CommandFailed({ failure: combine([first, ...others]) });
  });

/** Whether a stream is history: a DEL would only make it longer, and so keep it from being pruned. */
const isOver = (id: StreamId) =>
  Effect.gen(function* () {
    const store = yield* EventStore;
    const { records, corruption } = yield* Effect.mapError(
      store.read(id),
      (error) => new CommandFailed({ failure: toCniFailure(error) }),
    );
    const { snapshot, illegal } = foldLegal(records, id);
    return snapshot.value === "detached" && corruption === null && illegal === null;
  });

const delOf = (
  key: AttachmentKey,
  { raw, cniVersion, path }: { readonly raw: JsonObject; readonly cniVersion: string; readonly path: string },
): Command => ({ verb: "DEL", key, netns: "", allowOwnNetns: false, args: "", path, raw, cniVersion });
