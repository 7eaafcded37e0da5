/** Which plugins there are, and what they speak. */
import * as Effect from "effect/Effect";
import type { Found } from "../effects/exec.ts";
import { type DelegateError, Plugins } from "../engine/delegate.ts";
import { CommandFailed } from "../engine/failure.ts";

const failed = ({ failure }: DelegateError): CommandFailed => new CommandFailed({ failure });

/**
 * Where a plugin type leads: to the first regular file of that name in the folders of `cniPath`, or to a plugin of
 * Cleat's, which runs in this process: when that file is this very version of Cleat, and when `cniPath` is empty. Fails
 * with code 5 when there is none; whether the file can be executed only its execution tells.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { findPlugin, layer } from "@cleat/cleat";
 * const found = await Effect.runPromise(Effect.provide(findPlugin("bridge"), layer()));
 * if (!found.ours) throw new Error(`bridge is ${found.file}`);
 * ```
 */
export const findPlugin = (type: string, cniPath = ""): Effect.Effect<Found, CommandFailed, Plugins> =>
  Effect.flatMap(Plugins, (plugins) => Effect.mapError(plugins.find(type, cniPath), failed));

/**
 * The versions of the specification that a plugin speaks, as it answers VERSION; `cniPath` is as in `Attachment`. Fails
 * with code 5 when it is not found, code 6 when it answers rubbish, or as the plugin fails.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { layer, pluginVersions } from "@cleat/cleat";
 * const versions = await Effect.runPromise(Effect.provide(pluginVersions("bridge"), layer()));
 * if (!versions.includes("1.1.0")) throw new Error(versions.join());
 * ```
 */
export const pluginVersions = (
  type: string,
  cniPath = "",
): Effect.Effect<readonly string[], CommandFailed, Plugins> =>
  Effect.flatMap(
    Plugins,
    (plugins) => Effect.mapError(plugins.versions(type, cniPath), ({ failure }) => new CommandFailed({ failure })),
  );
