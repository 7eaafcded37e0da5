/**
 * Network configuration as a runtime loads it (CNI spec 1.1.0, section 1, "Network configuration format").
 *
 * @module
 */
import * as Effect from "effect/Effect";
import { faultAt, type Report } from "./conf_fault.ts";
import type { Refused } from "./failure.ts";
import { member } from "./fold_keys.ts";
import { isJsonObject, type Json, type JsonObject } from "./json.ts";
import { parseJson, type PluginConf, readAll, readPluginConf } from "./plugin_conf.ts";
import { readVersion } from "./version.ts";

export { deriveRequestConfig, type RequestParameters } from "./derive_request.ts";
export { parsePluginConf, type PluginConf } from "./plugin_conf.ts";

/** A network: its plugins in the order of ADD. */
export interface NetworkList {
  /** As written: `checkNetworkName` decides before it is used. */
  readonly name: string;
  /** The selected version, as written; may be empty, which means 0.1.0. */
  readonly cniVersion: string;
  /** CHECK must not be run. */
  readonly disableCheck: boolean;
  /** GC must not be run: another runtime shares the network. */
  readonly disableGC: boolean;
  /** The plugin folder beside the file is not read. */
  readonly loadOnlyInlinedPlugins: boolean;
  /** Inlined plugins, in the order of ADD. */
  readonly plugins: readonly PluginConf[];
  /**
   * The text it was read from, or the same as plain JSON where that had comments: what the result cache keeps. Never
   * includes plugins of the folder.
   */
  readonly raw: string;
}

/** A boolean key of a list: also the texts true and false in any case; false when absent. */
function flag(list: JsonObject, key: string, report: Report): boolean {
  if (!Object.hasOwn(list, key)) return false;
  const value = list[key] ?? null;
  const text = typeof value === "string" ? value.toLowerCase() : value;
  if (text !== true && text !== "true" && text !== false && text !== "false") {
    report(faultAt([key], value, "true or false"));
  }
  return text === true || text === "true";
}

/** `plugins`: absent only where the plugin folder may fill it, never empty. */
function readPlugins(list: JsonObject, onlyInlined: boolean, report: Report): readonly PluginConf[] {
  const value = list.plugins;
  if (value === undefined && !onlyInlined) return [];
  if (Array.isArray(value) && value.length > 0) {
    return value.map((conf: Json, index) => readPluginConf(conf, ["plugins", index], report));
  }
  report(faultAt(["plugins"], value, "an array with at least one plugin"));
  return [];
}

/** Stands in for what is no object, so that this is its only fault. */
const NO_LIST: JsonObject = { name: "" };

/**
 * Reads a network list from JSON that has been parsed, by whatever parser; `raw` is the text it came from. List keys are
 * case-sensitive, unknown ones are ignored, a null is a wrong value. When it reported faults it is not to be used.
 */
export function readNetworkList(value: Json, raw: string, report: Report): NetworkList {
  const found = value ?? {};
  const list = isJsonObject(found) ? found : NO_LIST;
  if (list === NO_LIST) report(faultAt([], found, "an object"));
  const { name } = list;
  if (typeof name !== "string") report(faultAt(["name"], name, "a string"));
  const loadOnlyInlinedPlugins = flag(list, "loadOnlyInlinedPlugins", report);
  return {
    name: typeof name === "string" ? name : "",
    cniVersion: readVersion(list.cniVersion, list.cniVersions, report),
    disableCheck: flag(list, "disableCheck", report),
    disableGC: flag(list, "disableGC", report),
    loadOnlyInlinedPlugins,
    plugins: readPlugins(list, loadOnlyInlinedPlugins, report),
    raw,
  };
}

/** As `readNetworkList`. Refused with all faults: code 7 for wrong keys, 6 for versions, as the first of them has it. */
export const networkListOf = (value: Json, raw: string, source: string): Effect.Effect<NetworkList, Refused> =>
  readAll(source, (report) => readNetworkList(value, raw, report));

/**
 * Reads the text of a `.conflist` file. `source` names the file in messages. Without `plugins` the list comes out with
 * none, to be filled from the plugin folder. Refused: code 6 for what is no JSON or a bad version, code 7 for wrong keys.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { parseNetworkList } from "./network_list.ts";
 * const text = '{"name":"lab","cniVersion":"1.1.0","plugins":[{"type":"bridge"},{"type":"portmap"}]}';
 * const list = Effect.runSync(parseNetworkList(text, "lab.conflist"));
 * if (list.plugins.map(({ type }) => type).join() !== "bridge,portmap") throw new Error("order matters");
 * ```
 */
export const parseNetworkList = (text: string, source: string): Effect.Effect<NetworkList, Refused> =>
  Effect.flatMap(parseJson(text, source), (value) => networkListOf(value, text, source));

const stringOf = (conf: JsonObject, key: string): string => {
  const value = member(conf, key);
  return typeof value === "string" ? value : "";
};

/** The list that a single plugin configuration of old stands for: its name and version, and itself unchanged. */
export function listFromPluginConf(conf: PluginConf, source: string): Effect.Effect<NetworkList, Refused> {
  const list = {
    name: stringOf(conf.raw, "name"),
    cniVersion: stringOf(conf.raw, "cniVersion"),
    plugins: [conf.raw],
  };
  return networkListOf(list, JSON.stringify(list), source);
}
