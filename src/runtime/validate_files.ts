/** All faults of configuration files at once, for people who write them. */
import * as Effect from "effect/Effect";
import { Files } from "../effects/files.ts";
import type { Plugins } from "../engine/delegate.ts";
import { listKeys } from "../spec/common_keys.ts";
import { type ConfDocument, type LocatedFault, locateFaults, readConfText, repeatedKeysIn } from "../spec/conf_file.ts";
import { type ConfFault, type ConfPath, faultAt, quote, type Report } from "../spec/conf_fault.ts";
import { CniCode } from "../spec/failure.ts";
import { member } from "../spec/fold_keys.ts";
import { isJsonObject, type JsonObject } from "../spec/json.ts";
import { checkNetworkName, NAME_MAX } from "../spec/names.ts";
import { type NetworkList, readNetworkList } from "../spec/network_list.ts";
import { readPluginConf } from "../spec/plugin_conf.ts";
import { DEFAULT_VERSION, VERSIONS } from "../spec/released_versions.ts";
import { keysOf, reportMisspelt } from "../spec/schema_keys.ts";
import {
  confFiles,
  hasExtension,
  LIST_EXTENSIONS,
  noPlugins,
  PLUGIN_EXTENSIONS,
  pluginFolderOf,
  readText,
} from "./conf_files.ts";
import { checkDistinct, checkPlugin, type Setting, type ValidationOptions } from "./plugin_faults.ts";

/** What was looked at, and what is wrong with it. */
export interface Validation {
  /** The files, in the order they were read. */
  readonly files: readonly string[];
  /** By file, and in a file by place. */
  readonly faults: readonly LocatedFault[];
}

/** What goes on while files are read. */
interface Pass extends ValidationOptions {
  readonly files: string[];
  readonly faults: LocatedFault[];
  /** File of each network so far. */
  readonly names: Map<string, string>;
}

const whole = (file: string, message: string): LocatedFault => ({ file, line: null, column: null, key: null, message });

/** A file as it is read and checked: its text, and where its faults go. */
const withDocument = Effect.fnUntraced(function* (
  file: string,
  pass: Pass,
  check: (document: ConfDocument, report: Report) => Effect.Effect<void, never, Files | Plugins>,
) {
  pass.files.push(file);
  const text = yield* Effect.result(readText(file));
  if (text._tag === "Failure") return void pass.faults.push(whole(file, text.failure.message));
  const document = yield* Effect.result(readConfText(text.success, file));
  if (document._tag === "Failure") return void pass.faults.push(...document.failure);
  const faults = new Map<string, ConfFault>();
  for (const fault of yield* repeatedKeysIn(text.success)) faults.set(fault.text, fault);
  yield* check(document.success, (fault) => void (faults.has(fault.text) || faults.set(fault.text, fault)));
  if (faults.size === 0) return;
  for (const fault of yield* locateFaults(text.success, file, [...faults.values()])) pass.faults.push(fault);
});

/** Its name is one that verbs accept, and the only one of the files. */
function checkName(name: string, file: string, pass: Pass, report: Report): void {
  const first = pass.names.get(name);
  if (checkNetworkName(name) !== null) {
    const rule = "letters, digits, '_', '.' and '-', beginning with a letter or digit";
    report(faultAt(["name"], name || undefined, `a name of 1 to ${NAME_MAX} characters: ${rule}`));
  } else if (first !== undefined) {
    const text = `"name": ${quote(name)} is the network in ${first} already, which is found first`;
    report({ path: ["name"], code: CniCode.INVALID_NETWORK_CONFIG, text });
  } else pass.names.set(name, file);
}

/** The version that is selected is one that there is. */
function checkVersion(cniVersion: string, list: JsonObject, report: Report): void {
  if (cniVersion === "" || VERSIONS.some((known) => known === cniVersion)) return;
  const { cniVersions } = list;
  const index = Array.isArray(cniVersions) ? cniVersions.indexOf(cniVersion) : -1;
  const path: ConfPath = index < 0 ? ["cniVersion"] : ["cniVersions", index];
  report(faultAt(path, cniVersion, `a released version of the specification: ${VERSIONS.join(", ")}`));
}

const settingOf = ({ registry, cniPath }: Pass, { name, cniVersion }: Setting["network"]): Setting => ({
  network: { name, cniVersion: cniVersion || DEFAULT_VERSION },
  registry,
  cniPath,
});

/** A plugin's configuration in a file of its own. */
const checkMember = (file: string, pass: Pass, list: NetworkList) =>
  withDocument(file, pass, ({ value }, report) => {
    const conf = readPluginConf(value, [], report);
    return checkPlugin(conf, settingOf(pass, list), [], report);
  });

/** The plugins that the folder of a list adds; answers how many files there are. */
const checkFolder = Effect.fnUntraced(function* (file: string, pass: Pass, list: NetworkList) {
  const folder = pluginFolderOf(file, list);
  if (folder === null) return 0;
  const members = yield* Effect.result(confFiles(folder, [".conf"]));
  if (members._tag === "Failure") pass.faults.push(whole(folder, members.failure.message));
  else for (const member of members.success) yield* checkMember(member, pass, list);
  return members._tag === "Failure" ? 1 : members.success.length;
});

const checkList = (file: string, pass: Pass) =>
  withDocument(file, pass, ({ value, plain }, report) =>
    Effect.gen(function* () {
      const list = readNetworkList(value, plain, report);
      const raw = isJsonObject(value) ? value : {};
      for (const key of Object.keys(raw)) reportMisspelt([], key, keysOf([listKeys().ast]), report);
      if (typeof raw.name === "string") checkName(list.name, file, pass, report);
      checkVersion(list.cniVersion, raw, report);
      for (const [index, conf] of list.plugins.entries()) {
        yield* checkPlugin(conf, settingOf(pass, list), ["plugins", index], report);
      }
      checkDistinct(list, pass, report);
      const others = yield* checkFolder(file, pass, list);
      if (isJsonObject(value) && raw.plugins === undefined && others === 0) {
        report(noPlugins(pluginFolderOf(file, list)));
      }
    }));

/** A network of one plugin. */
const checkSingle = (file: string, pass: Pass) =>
  withDocument(file, pass, ({ value }, report) => {
    const conf = readPluginConf(value, [], report);
    const text = (key: string): string => {
      const found = member(conf.raw, key);
      return typeof found === "string" ? found : "";
    };
    const list = { name: text("name"), cniVersion: text("cniVersion") };
    checkName(list.name, file, pass, report);
    checkVersion(list.cniVersion, conf.raw, report);
    return checkPlugin(conf, settingOf(pass, list), [], report);
  });

const checkFile = (file: string, pass: Pass) =>
  hasExtension(file, PLUGIN_EXTENSIONS) ? checkSingle(file, pass) : checkList(file, pass);

/** The files of a folder in the order in which networks are searched; null when it is none. */
const filesIn = (path: string) =>
  Effect.gen(function* () {
    const files = yield* Files;
    if ((yield* Effect.orElseSucceed(files.list(path), () => null)) === null) return null;
    const lists = yield* Effect.orElseSucceed(confFiles(path, LIST_EXTENSIONS), () => []);
    return [...lists, ...yield* Effect.orElseSucceed(confFiles(path, PLUGIN_EXTENSIONS), () => [])];
  });

/**
 * Looks at files, and at all configurations of folders with the plugins that belong to them: syntax, keys and their
 * values, misspelt keys, what our plugins would refuse, versions, and whether the plugins are there. Executables found
 * in CNI_PATH are asked for VERSION, otherwise nothing is run. A `.conf` or `.json` file is a network of one plugin, any
 * other a list.
 */
export const validateFiles = (
  paths: readonly string[],
  options: ValidationOptions,
): Effect.Effect<Validation, never, Files | Plugins> =>
  Effect.gen(function* () {
    const pass: Pass = { ...options, files: [], faults: [], names: new Map() };
    for (const path of paths) {
      const inside = yield* filesIn(path);
      if (inside?.length === 0) pass.faults.push(whole(path, "there are no network configurations in this folder"));
      for (const file of inside ?? [path]) yield* checkFile(file, pass);
    }
    const order = new Map(pass.files.map((file, index) => [file, index]));
    const orderOf = ({ file }: LocatedFault): number => order.get(file) ?? pass.files.length;
    return { files: pass.files, faults: pass.faults.toSorted((a, b) => orderOf(a) - orderOf(b)) };
  });
