/** Finding network configurations in a folder, as libcni does. */
import * as Data from "effect/Data";
import * as Effect from "effect/Effect";
import { type FileError, Files } from "../effects/files.ts";
import { notice } from "../engine/notice.ts";
import { nameInText } from "../spec/conf_file.ts";
import type { Refused } from "../spec/failure.ts";
import type { NetworkList } from "../spec/network_list.ts";
import {
  confFiles,
  LIST_EXTENSIONS,
  loadSingle,
  PLUGIN_EXTENSIONS,
  readListFile,
  readText,
  withPluginFolder,
} from "./conf_files.ts";

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

/**
 * Loads the list in a file, with the plugins of the folder `<folder of the file>/<network name>/` (CNI spec 1.1.0,
 * section 1). The file may have comments and trailing commas. Ends with `FileError`, or with `Refused` for a
 * configuration that is wrong, which names every fault as `file:line:column: what is wrong, what was expected`.
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
    const text = yield* readText(path);
    return yield* withPluginFolder(yield* readListFile(text, path), text, path);
  });

/** A file that could not be used, and what it calls its network where that can be seen. */
interface Broken {
  readonly error: FileError | Refused;
  readonly name: string | null;
}

/** The list in a file when it has that name, else null. Its plugin folder is looked at only then. */
const loadListNamed = (path: string, name: string) =>
  Effect.gen(function* () {
    const text = yield* readText(path);
    const list = yield* readListFile(text, path);
    return list.name === name ? yield* withPluginFolder(list, text, path) : null;
  });

/** The network of one plugin in a file when it has that name, else null. */
const loadSingleNamed = (path: string, name: string) =>
  Effect.map(loadSingle(path), (list) => list.name === name ? list : null);

const nameOf = (path: string): Effect.Effect<string | null, never, Files> =>
  Effect.flatMap(readText(path), nameInText).pipe(Effect.catch(() => Effect.succeed(null)));

/**
 * The first of the files that holds the network. One that is broken is that network when it says so, and then an error;
 * else it is put among `broken`, and the search goes on.
 */
const firstOf = Effect.fnUntraced(function* (
  paths: readonly string[],
  name: string,
  load: typeof loadListNamed,
  broken: Broken[],
) {
  for (const path of paths) {
    const loaded = yield* Effect.result(load(path, name));
    if (loaded._tag === "Success" && loaded.success !== null) return loaded.success;
    if (loaded._tag === "Success") continue;
    const error = loaded.failure;
    const own = yield* nameOf(path);
    if (own === name) return yield* Effect.fail(error);
    broken.push({ error, name: own });
  }
  return null;
});

/**
 * The network of that name: the first `.conflist` that has it, else the first `.conf` or `.json`, by byte-wise file name.
 * A broken file of another network is passed over and named in a notice; one that does not show its name might be the
 * one, so it is an error where no other file has the network. Ends with `NetworkNotFound`, `FileError`, or `Refused` for
 * a configuration that is wrong.
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
    const broken: Broken[] = [];
    const lists = yield* confFiles(folder, LIST_EXTENSIONS);
    const list = yield* firstOf(lists, name, loadListNamed, broken);
    const singles = list === null ? yield* confFiles(folder, PLUGIN_EXTENSIONS) : [];
    const found = list ?? (yield* firstOf(singles, name, loadSingleNamed, broken));
    const suspect = broken.find((file) => file.name === null);
    if (found === null && suspect !== undefined) return yield* Effect.fail(suspect.error);
    for (const { error } of broken) yield* notice(`Passed over a broken network configuration: ${error.message}`);
    return found ?? (yield* new NetworkNotFound({ folder, name, empty: lists.length + singles.length === 0 }));
  });
