/** All that can be known to be wrong with a plugin's configuration before there is a container. */
import * as Effect from "effect/Effect";
import { Plugins } from "../engine/delegate.ts";
import type { AnyPlugin, Plugin } from "../engine/plugin.ts";
import { type ConfFault, type ConfPath, quote, type Report, subject } from "../spec/conf_fault.ts";
import { pluginKeys } from "../spec/common_keys.ts";
import { faultOfSentence } from "../spec/sentence_fault.ts";
import { configFaults, decodeConfig } from "../spec/decode_config.ts";
import { deriveRequestConfig } from "../spec/derive_request.ts";
import { CniCode } from "../spec/failure.ts";
import { member } from "../spec/fold_keys.ts";
import { isJsonObject, type JsonObject } from "../spec/json.ts";
import type { NetworkList } from "../spec/network_list.ts";
import { type PluginConf, readPluginConf } from "../spec/plugin_conf.ts";
import { VERSIONS } from "../spec/released_versions.ts";
import { keysOf, reportMisspelt, reportMisspeltKeys, schemasAt } from "../spec/schema_keys.ts";

/** Which plugins there are. */
export interface ValidationOptions {
  /** Our recipes, whose schemas are known. */
  readonly registry: ReadonlyMap<string, AnyPlugin>;
  /** CNI_PATH, where executables are searched; empty for our own plugins only. */
  readonly cniPath: string;
}

/** What a plugin's configuration is looked at in. */
export interface Setting extends ValidationOptions {
  /** The network's name and version. */
  readonly network: { readonly name: string; readonly cniVersion: string };
}

/** A plugin that a configuration names, and where it does. */
interface Named {
  readonly type: string;
  readonly place: ConfPath;
}

const ipamOf = (raw: JsonObject): string => {
  const ipam = member(raw, "ipam");
  const type = isJsonObject(ipam) ? member(ipam, "type") : undefined;
  return typeof type === "string" ? type : "";
};

/** The plugin itself, and the one it delegates addresses to. */
const namedIn = ({ type, raw }: PluginConf, place: ConfPath): readonly Named[] =>
  [{ type, place: [...place, "type"] }, { type: ipamOf(raw), place: [...place, "ipam", "type"] }]
    .filter((named) => named.type !== "");

const recipesOf = (conf: PluginConf, { registry }: Setting): readonly AnyPlugin[] =>
  namedIn(conf, []).flatMap(({ type }) => registry.get(type) ?? []);

const wrong = (path: ConfPath, text: string): ConfFault => ({
  path,
  code: CniCode.INVALID_NETWORK_CONFIG,
  text: `${subject(path)}: ${text}`,
});

/** The executable is there and speaks the network's version. */
const checkExecutable = Effect.fnUntraced(function* ({ type, place }: Named, setting: Setting, report: Report) {
  const { network: { cniVersion }, cniPath } = setting;
  const plugins = yield* Plugins;
  const asked = yield* Effect.result(plugins.versions(type, cniPath));
  if (asked._tag === "Failure") return report(wrong(place, asked.failure.message));
  // A version that there is not at all is a fault of the list.
  if (asked.success.includes(cniVersion) || !VERSIONS.some((known) => known === cniVersion)) return;
  report(wrong(place, `${quote(type)} does not speak version "${cniVersion}", but ${asked.success.join(", ")}`));
});

/** What the schema finds; where that is nothing, what the plugin itself would refuse. */
const checkWith = Effect.fnUntraced(
  function* <C>(
    plugin: Plugin<C>,
    conf: PluginConf,
    { network }: Setting,
    place: ConfPath,
    report: Report,
  ) {
    const faults = configFaults(plugin.config, conf.raw, place);
    faults.forEach(report);
    if (faults.length > 0) return;
    const raw = { ...conf.raw, ...deriveRequestConfig(network, conf, { command: "ADD" }) };
    // No container's name matters here; these are good ones.
    const key = { network: network.name, containerId: "container", ifName: "eth0" };
    const request = { key, netns: null, raw, cniVersion: network.cniVersion, args: new Map(), prevResult: null };
    const config = yield* decodeConfig(plugin.config, raw);
    if (plugin.validate !== undefined) yield* plugin.validate(config, request);
    if (plugin.review !== undefined) yield* plugin.review({ ...request, config });
  },
  (checked, _plugin, conf, _setting, place, report) =>
    Effect.catch(checked, (refused) => Effect.sync(() => report(faultOfSentence(refused.message, conf.raw, place)))),
);

/** Keys and capabilities that nobody knows but that look like ones that somebody does. */
function checkSpelling(conf: PluginConf, recipes: readonly AnyPlugin[], place: ConfPath, report: Report): void {
  if (recipes.length === 0) return;
  const schemas = [pluginKeys().ast, ...recipes.map((recipe) => recipe(({ config }) => config.ast))];
  reportMisspeltKeys(schemas, conf.raw, place, report);
  const known = keysOf(schemasAt(schemas, "runtimeConfig"));
  for (const name of Object.keys(conf.capabilities)) {
    if (!known.includes(name)) reportMisspelt([...place, "capabilities"], name, known, report);
  }
}

/** A chain within a chain: its plugins get no more of the runtime than the outer one asks for. */
const checkNested = Effect.fnUntraced(function* (
  outer: PluginConf,
  setting: Setting,
  place: ConfPath,
  report: Report,
) {
  const entries = outer.raw.plugins;
  for (const [index, entry] of Array.isArray(entries) ? entries.entries() : []) {
    const inside = [...place, "plugins", index];
    const conf = readPluginConf(entry, inside, report);
    yield* checkPlugin(conf, setting, inside, report);
    for (const [name, wanted] of Object.entries(conf.capabilities)) {
      if (!wanted || outer.capabilities[name] === true) continue;
      report(
        wrong(
          [...inside, "capabilities", name],
          `the plugin gets it only where ${subject([...place, "capabilities"])} has it too`,
        ),
      );
    }
  }
});

/** Whether a plugin of ours runs plugins of its own. */
const isChain = (recipes: readonly AnyPlugin[]): boolean =>
  recipes.some((recipe) => recipe(({ config }) => keysOf([config.ast]).includes("plugins")));

/** Reports all faults of the configuration that stands at `place` and has been read without one. */
export const checkPlugin = (
  conf: PluginConf,
  setting: Setting,
  place: ConfPath,
  report: Report,
): Effect.Effect<void, never, Plugins> =>
  Effect.gen(function* () {
    const recipes = recipesOf(conf, setting);
    for (const recipe of recipes) yield* recipe((plugin) => checkWith(plugin, conf, setting, place, report));
    checkSpelling(conf, recipes, place, report);
    for (const named of namedIn(conf, place)) yield* checkExecutable(named, setting, report);
    if (isChain(recipes)) yield* checkNested(conf, setting, place, report);
  });

/** Reports entries of a list that are equal to the letter: our plugins take the second for a repeated ADD. */
export function checkDistinct(
  list: Pick<NetworkList, "plugins">,
  { registry }: ValidationOptions,
  report: Report,
): void {
  const seen = new Map<string, number>();
  for (const [index, { raw, type }] of list.plugins.entries()) {
    const text = JSON.stringify(raw);
    const first = seen.get(text);
    if (first === undefined) seen.set(text, index);
    else if (registry.has(type)) {
      const like = subject(["plugins", first]);
      report(wrong(["plugins", index], `it equals ${like} to the letter, expected a difference to tell them apart`));
    }
  }
}
