/** STATUS: could an ADD succeed now? Looks only. */
import * as Effect from "effect/Effect";
import { Host, Kernel } from "../effects/kernel/host.ts";
import { decodeConfig } from "../spec/decode_config.ts";
import type { JsonObject } from "../spec/json.ts";
import type { Services } from "./command.ts";
import { CommandFailed, toCniFailure } from "./failure.ts";
import type { Plugin } from "./plugin.ts";
import { View, viewFor } from "./view.ts";

/** Asks a plugin whether it is ready (CNI spec 1.1.0, section 2, "STATUS"). */
export const runStatus = <C>(
  plugin: Plugin<C>,
  request: { readonly raw: JsonObject; readonly cniVersion: string; readonly path: string },
): Effect.Effect<void, CommandFailed, Services> =>
  Effect.mapError(
    Effect.scoped(Effect.gen(function* () {
      const config = yield* decodeConfig(plugin.config, request.raw);
      if (plugin.status === undefined) return;
      const host = yield* Effect.flatMap(Kernel, (kernel) => kernel.open(null));
      const key = { network: String(request.raw.name ?? ""), containerId: "", ifName: "" };
      const attachment = { key, netns: "", allowOwnNetns: false, args: "", path: request.path };
      const view = yield* Effect.provideService(viewFor(attachment), Host, host);
      yield* Effect.provideService(plugin.status(config, request), View, view);
    })),
    (error) => new CommandFailed({ failure: toCniFailure(error) }),
  );
