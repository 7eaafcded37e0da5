/**
 * One entry of `plugins`, or a single plugin configuration of old: what the runtime itself reads of it.
 *
 * @module
 */
import * as Effect from "effect/Effect";
import { CniCode, Refused } from "./failure.ts";
import { member } from "./fold_keys.ts";
import { isJsonObject, type Json, type JsonObject } from "./json.ts";

/** A plugin of a network. `raw` is its configuration as written, all keys included. */
export interface PluginConf {
  /** File name of the executable. */
  readonly type: string;
  /** What the plugin wants of the runtime, by name of the capability. */
  readonly capabilities: Readonly<Record<string, boolean>>;
  /** As written. */
  readonly raw: JsonObject;
}

/** The refusal of a configuration file: where, which key, which value, what would be right. */
export const refuseConf = (source: string, key: string, value: Json | undefined, rule: string): Refused =>
  new Refused({
    code: CniCode.INVALID_NETWORK_CONFIG,
    msg: value === undefined
      ? `Cannot load "${source}": "${key}" is missing, it must be ${rule}`
      : `Cannot load "${source}": "${key}": ${JSON.stringify(value)} is not ${rule}`,
  });

/** Reads JSON text. Refused (code 6) for anything but exactly one value: no comments, no byte order mark. */
export const parseJson = (text: string, source: string): Effect.Effect<Json, Refused> =>
  Effect.try({
    try: (): Json => JSON.parse(text),
    catch: (error) =>
      new Refused({
        code: CniCode.DECODING_FAILURE,
        msg: `Cannot load "${source}": ${error instanceof Error ? error.message : String(error)}`,
      }),
  });

const isTexts = (value: Json): boolean =>
  Array.isArray(value) && value.every((item: Json) => typeof item === "string" || item === null);

/** What is well known about a plugin's keys: name, test, and what it should be. */
const KNOWN: readonly (readonly [key: string, test: (value: Json) => boolean, rule: string])[] = [
  ["type", (value) => typeof value === "string", "a string"],
  ["name", (value) => typeof value === "string", "a string"],
  ["cniVersion", (value) => typeof value === "string", "a string"],
  ["ipam", isJsonObject, "an object"],
  ["prevResult", isJsonObject, "an object"],
  ["dns", isJsonObject, "an object"],
];

const KNOWN_DNS: typeof KNOWN = [
  ["nameservers", isTexts, "an array of strings"],
  ["domain", (value) => typeof value === "string", "a string"],
  ["search", isTexts, "an array of strings"],
  ["options", isTexts, "an array of strings"],
];

/** The first key with a value of the wrong type. */
function firstFault(object: JsonObject, known: typeof KNOWN, place: string, source: string): Refused | null {
  for (const [key, test, rule] of known) {
    const value = member(object, key);
    if (value !== undefined && !test(value)) return refuseConf(source, `${place}${key}`, value, rule);
  }
  return null;
}

/** `capabilities`: every value a boolean, null as false. */
function readCapabilities(raw: JsonObject, place: string, source: string) {
  const value = member(raw, "capabilities") ?? {};
  if (!isJsonObject(value)) return Effect.fail(refuseConf(source, `${place}capabilities`, value, "an object"));
  const entries = Object.entries(value).map(([name, wanted]) => [name, wanted ?? false] as const);
  const bad = entries.find(([, wanted]) => typeof wanted !== "boolean");
  if (bad !== undefined) {
    return Effect.fail(refuseConf(source, `${place}capabilities.${bad[0]}`, bad[1], "true or false"));
  }
  return Effect.succeed(Object.fromEntries(entries.map(([name, wanted]) => [name, wanted === true])));
}

/** Reads one plugin configuration that stands at `place` (`plugins[0].`, or nothing) of a file. */
export const pluginConfOf = (value: Json, source: string, place = ""): Effect.Effect<PluginConf, Refused> =>
  Effect.gen(function* () {
    if (!isJsonObject(value ?? {})) {
      return yield* Effect.fail(refuseConf(source, place.replace(/\.$/, "") || "the whole", value, "an object"));
    }
    const raw = isJsonObject(value) ? value : {};
    const dns = member(raw, "dns");
    const fault = firstFault(raw, KNOWN, place, source) ??
      (isJsonObject(dns) ? firstFault(dns, KNOWN_DNS, `${place}dns.`, source) : null);
    if (fault !== null) return yield* Effect.fail(fault);
    const type = member(raw, "type");
    if (typeof type !== "string" || type === "") {
      return yield* Effect.fail(refuseConf(source, `${place}type`, type, "the name of a plugin"));
    }
    return { type, capabilities: yield* readCapabilities(raw, place, source), raw };
  });

/** Reads the text of a `.conf` file: one plugin. Refused: code 6 for what is no JSON, code 7 for wrong keys. */
export const parsePluginConf = (text: string, source: string): Effect.Effect<PluginConf, Refused> =>
  Effect.flatMap(parseJson(text, source), (value) => pluginConfOf(value, source));
