/** Files of network configurations: which there are in a folder, and what one of them says. */
import * as Effect from "effect/Effect";
import { FileError, Files } from "../effects/files.ts";
import { faultAt } from "../spec/conf_fault.ts";
import { locateFaults, readConfFile, refuseLocated } from "../spec/conf_file.ts";
import type { Refused } from "../spec/failure.ts";
import { checkNetworkName } from "../spec/names.ts";
import { listFromPluginConf, type NetworkList, type PluginConf, readNetworkList } from "../spec/network_list.ts";
import { readPluginConf } from "../spec/plugin_conf.ts";

/** What the file of a network list is called. */
export const LIST_EXTENSIONS: readonly string[] = [".conflist"];

/** What the file of a single plugin configuration, a network of one plugin, is called. */
export const PLUGIN_EXTENSIONS: readonly string[] = [".conf", ".json"];

const extensionOf = (name: string): string => name.slice(name.lastIndexOf("."));

/** Whether a file is called as files with one of these extensions are; `.conf` itself is a name and an extension. */
export const hasExtension = (path: string, extensions: readonly string[]): boolean =>
  extensions.includes(extensionOf(path.slice(path.lastIndexOf("/") + 1)));

/**
 * Paths of the files in a folder that have one of the extensions, sorted by bytes; none where there is no such folder.
 * Sub-folders are not entered. Ends with `FileError` when the folder cannot be read.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { confFiles, layer } from "@cleat/cleat";
 * const folder = Deno.makeTempDirSync();
 * for (const name of ["20.conf", "10.conflist", "10.bak"]) Deno.writeTextFileSync(`${folder}/${name}`, "{}");
 * const found = await Effect.runPromise(Effect.provide(confFiles(folder, [".conflist", ".conf"]), layer()));
 * Deno.removeSync(folder, { recursive: true });
 * if (found.join() !== `${folder}/10.conflist,${folder}/20.conf`) throw new Error(found.join());
 * ```
 */
export const confFiles = (
  folder: string,
  extensions: readonly string[],
): Effect.Effect<readonly string[], FileError, Files> =>
  Effect.gen(function* () {
    const files = yield* Files;
    const names = (yield* files.list(folder)) ?? [];
    const prefix = folder.endsWith("/") ? folder : `${folder}/`;
    return names.filter((name) => hasExtension(name, extensions)).map((name) => `${prefix}${name}`);
  });

/** The text of a file that must be there. */
export const readText = (path: string): Effect.Effect<string, FileError, Files> =>
  Effect.gen(function* () {
    const files = yield* Files;
    const text = yield* files.read(path);
    return text ?? (yield* new FileError({ doing: "read", path, detail: "there is no such file" }));
  });

/** The plugin configuration in a file. Ends with `FileError`, or `Refused` naming the places of all faults. */
export const loadPluginConf = (path: string): Effect.Effect<PluginConf, FileError | Refused, Files> =>
  Effect.flatMap(
    readText(path),
    (text) => readConfFile(text, path, ({ value }, report) => readPluginConf(value, [], report)),
  );

/** The plugin configurations in a network's own folder, by file name. Ends as `loadPluginConf` does. */
export const pluginConfsIn = (folder: string): Effect.Effect<readonly PluginConf[], FileError | Refused, Files> =>
  Effect.flatMap(confFiles(folder, [".conf"]), (paths) => Effect.forEach(paths, loadPluginConf));

/** The network of one plugin in a file. Ends as `loadPluginConf` does. */
export const loadSingle = (path: string): Effect.Effect<NetworkList, FileError | Refused, Files> =>
  Effect.flatMap(loadPluginConf(path), (conf) => listFromPluginConf(conf, path));

/** The list in the text of a file, without the plugins of its folder. Refused with the places of all faults. */
export const readListFile = (text: string, path: string): Effect.Effect<NetworkList, Refused> =>
  readConfFile(text, path, ({ value, plain }, report) => readNetworkList(value, plain, report));

/**
 * The folder whose plugins belong to a list: `<folder of its file>/<network name>`. Null when the list wants only its
 * own, or has a name that is no file name, which would lead elsewhere; such a list is refused when it is used.
 */
export const pluginFolderOf = (path: string, list: NetworkList): string | null =>
  list.loadOnlyInlinedPlugins || checkNetworkName(list.name) !== null
    ? null
    : `${path.slice(0, path.lastIndexOf("/") + 1)}${list.name}`;

/**
 * The list with the plugins of its folder after its own; `text` is what its file says. Ends with `FileError`, or
 * `Refused` for a broken file in the folder, or when there is no plugin at all.
 */
export const withPluginFolder = (
  list: NetworkList,
  text: string,
  path: string,
): Effect.Effect<NetworkList, FileError | Refused, Files> =>
  Effect.gen(function* () {
    const folder = pluginFolderOf(path, list);
    const confs = folder === null ? [] : yield* pluginConfsIn(folder);
    const plugins = [...list.plugins, ...confs];
    if (plugins.length > 0) return { ...list, plugins };
    const fault = noPlugins(folder);
    return yield* refuseLocated(yield* locateFaults(text, path, [fault]), fault.code);
  });

/** The fault of a list without any plugin. */
export const noPlugins = (folder: string | null) => {
  const rule = "an array with at least one plugin";
  return faultAt(["plugins"], undefined, folder === null ? rule : `${rule}, or "${folder}" must hold a .conf file`);
};
