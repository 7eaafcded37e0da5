/** Finding network configurations in a folder, as libcni does. */
import * as Data from "effect/Data";
import * as Effect from "effect/Effect";
import { type FileError, Files } from "../effects/files.ts";
import type { Refused } from "../spec/failure.ts";
import { checkNetworkName } from "../spec/names.ts";
import { refuseConf } from "../spec/plugin_conf.ts";
import {
  listFromPluginConf,
  type NetworkList,
  parseNetworkList,
  parsePluginConf,
  type PluginConf,
} from "../spec/network_list.ts";

/** Where cnitool and most runtimes look for networks. */
export const DEFAULT_CONF_DIR = "/etc/cni/net.d";

/** No network of that name. */
export class NetworkNotFound extends Data.TaggedError("NetworkNotFound")<{
  /** Where it was looked for. */
  readonly folder: string;
  /** The name that was asked for. */
  readonly name: string;
  /** The folder holds no configuration at all, or does not exist. */
  readonly empty: boolean;
}> {
  /** What could not be found where, in one sentence. */
  override get message(): string {
    const state = this.empty ? "there are no network configurations" : "no network configuration has that name";
    return `Cannot find network "${this.name}" in "${this.folder}": ${state}`;
  }
}

const extensionOf = (name: string): string => name.slice(name.lastIndexOf("."));

const readAll = (folder: string, extensions: readonly string[]) =>
  Effect.gen(function* () {
    const files = yield* Files;
    const names = (yield* files.list(folder)) ?? [];
    return names.filter((name) => extensions.includes(extensionOf(name))).map((name) => `${folder}/${name}`);
  });

const read = (path: string) => Effect.flatMap(Files, (files) => Effect.map(files.read(path), (text) => text ?? ""));

/**
 * Loads the list in a file, with the plugins of the folder `<folder of the file>/<network name>/` (CNI spec 1.1.0,
 * section 1). Ends with `FileError`, or `Refused` for a configuration that is wrong.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { layer, loadList } from "@cleat/cleat";
 * const file = Deno.makeTempFileSync({ suffix: ".conflist" });
 * Deno.writeTextFileSync(file, '{"name":"lab","cniVersion":"1.1.0","plugins":[{"type":"bridge"}]}');
 * const lab = await Effect.runPromise(Effect.provide(loadList(file), layer()));
 * Deno.removeSync(file);
 * if (lab.name !== "lab") throw new Error(lab.name);
 * ```
 */
export const loadList = (path: string): Effect.Effect<NetworkList, FileError | Refused, Files> =>
  Effect.gen(function* () {
    const list = yield* parseNetworkList(yield* read(path), path);
    // A name that is no file name would lead into another folder; such a list is refused when it is used.
    if (list.loadOnlyInlinedPlugins || checkNetworkName(list.name) !== null) return list;
    const folder = `${path.slice(0, path.lastIndexOf("/"))}/${list.name}`;
    const confs: PluginConf[] = [];
    for (const file of yield* readAll(folder, [".conf"])) confs.push(yield* parsePluginConf(yield* read(file), file));
    if (list.plugins.length + confs.length === 0) {
      return yield* refuseConf(
        path,
        "plugins",
        undefined,
        `an array with a plugin, or "${folder}" must hold a .conf file`,
      );
    }
    return { ...list, plugins: [...list.plugins, ...confs] };
  });

/**
 * The network of that name: the first `.conflist` that has it, else the first `.conf` or `.json`, by byte-wise file name.
 * A broken file that comes before it is an error, because it might have been the one. Ends with `NetworkNotFound`,
 * `FileError`, or `Refused` for a configuration that is wrong.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { layer, loadNetwork } from "@cleat/cleat";
 * const folder = Deno.makeTempDirSync();
 * Deno.writeTextFileSync(`${folder}/10-lab.conf`, '{"name":"lab","cniVersion":"1.1.0","type":"bridge"}');
 * const lab = await Effect.runPromise(Effect.provide(loadNetwork(folder, "lab"), layer()));
 * Deno.removeSync(folder, { recursive: true });
 * if (lab.plugins[0]?.type !== "bridge") throw new Error("a configuration of one plugin is a list of one");
 * ```
 */
export const loadNetwork = (
  folder: string,
  name: string,
): Effect.Effect<NetworkList, FileError | Refused | NetworkNotFound, Files> =>
  Effect.gen(function* () {
    const lists = yield* readAll(folder, [".conflist"]);
    for (const path of lists) {
      const list = yield* loadList(path);
      if (list.name === name) return list;
    }
    const confs = yield* readAll(folder, [".conf", ".json"]);
    for (const path of confs) {
      const list = yield* listFromPluginConf(yield* parsePluginConf(yield* read(path), path), path);
      if (list.name === name) return list;
    }
    return yield* new NetworkNotFound({ folder, name, empty: lists.length + confs.length === 0 });
  });
