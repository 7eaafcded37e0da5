/** The plugins that a network has in a folder of its own. */
import * as Effect from "effect/Effect";
import type { FileError, Files } from "../effects/files.ts";
import { Refused } from "../spec/failure.ts";
import { checkNetworkName } from "../spec/names.ts";
import type { PluginConf } from "../spec/plugin_conf.ts";
import { pluginConfsIn } from "./conf_files.ts";

/**
 * The plugin configurations in `<folder>/<network>/*.conf`, by file name; none where there is no such folder.
 * `loadNetwork` and `loadList` append them to a list by themselves. Ends with `FileError`, or `Refused` for a broken
 * file and for a network name that would lead elsewhere (code 7).
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { layer, loadPluginFolder } from "@cleat/cleat";
 * const folder = Deno.makeTempDirSync();
 * Deno.mkdirSync(`${folder}/lab`);
 * Deno.writeTextFileSync(`${folder}/lab/50-tuning.conf`, '{"type":"tuning","mtu":1400}');
 * const plugins = await Effect.runPromise(Effect.provide(loadPluginFolder(folder, "lab"), layer()));
 * Deno.removeSync(folder, { recursive: true });
 * if (plugins.map(({ type }) => type).join() !== "tuning") throw new Error("one plugin is expected");
 * ```
 */
export const loadPluginFolder = (
  folder: string,
  network: string,
): Effect.Effect<readonly PluginConf[], FileError | Refused, Files> =>
  Effect.gen(function* () {
    const fault = checkNetworkName(network);
    if (fault !== null) return yield* new Refused(fault);
    return yield* pluginConfsIn(`${folder}/${network}`);
  });
