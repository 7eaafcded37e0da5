/**
 * One entry of `plugins`, or a single plugin configuration of old: what the runtime itself reads of it.
 *
 * @module
 */
import * as Effect from "effect/Effect";
import { type ConfFault, type ConfPath, faultAt, refuseSource, type Report } from "./conf_fault.ts";
import { CniCode, Refused } from "./failure.ts";
import { member } from "./fold_keys.ts";
import { isJsonObject, type Json, type JsonObject, tooDeep, tooLong } from "./json.ts";

/** A plugin of a network. `raw` is its configuration as written, all keys included. */
export interface PluginConf {
  /** File name of the executable. */
  readonly type: string;
  /** What the plugin wants of the runtime, by name of the capability. */
  readonly capabilities: Readonly<Record<string, boolean>>;
  /** As written. */
  readonly raw: JsonObject;
}

/** Reads JSON text. Refused (code 6) for anything but exactly one value: no comments, no byte order mark. */
export const parseJson = (text: string, source: string): Effect.Effect<Json, Refused> =>
  Effect.suspend(() => {
    const refuse = (why: string) =>
      Effect.fail(new Refused({ code: CniCode.DECODING_FAILURE, msg: `Cannot load "${source}": ${why}` }));
    const why = tooLong(text) ?? tooDeep(text);
    if (why !== null) return refuse(why);
    try {
      return Effect.succeed<Json>(JSON.parse(text));
    } catch (error) {
      return refuse(error instanceof Error ? error.message : String(error));
    }
  });

/** The value that `read` makes of a document, or a refusal that names all faults it reported. */
export const readAll = <A>(source: string, read: (report: Report) => A): Effect.Effect<A, Refused> =>
  Effect.suspend(() => {
    const faults: ConfFault[] = [];
    const value = read((fault) => void faults.push(fault));
    return faults.length === 0 ? Effect.succeed(value) : Effect.fail(refuseSource(source, faults));
  });

const isTexts = (value: Json): boolean =>
  Array.isArray(value) && value.every((item: Json) => typeof item === "string" || item === null);

/** What is well known about a plugin's keys: name, test, and what it should be. */
type Known = readonly (readonly [key: string, test: (value: Json) => boolean, rule: string])[];

const KNOWN: Known = [
  ["name", (value) => typeof value === "string", "a string"],
  ["cniVersion", (value) => typeof value === "string", "a string"],
  ["ipam", isJsonObject, "an object"],
  ["prevResult", isJsonObject, "an object"],
  ["dns", isJsonObject, "an object"],
];

const KNOWN_DNS: Known = [
  ["nameservers", isTexts, "an array of strings"],
  ["domain", (value) => typeof value === "string", "a string"],
  ["search", isTexts, "an array of strings"],
  ["options", isTexts, "an array of strings"],
];

/** Reports the keys whose values have the wrong type. */
function checkTypes(object: JsonObject, known: Known, place: ConfPath, report: Report): void {
  for (const [key, test, rule] of known) {
    const value = member(object, key);
    if (value !== undefined && !test(value)) report(faultAt([...place, key], value, rule));
  }
}

/** `type`: a text that is not empty. */
function readType(raw: JsonObject, place: ConfPath, report: Report): string {
  const type = member(raw, "type");
  if (typeof type === "string" && type !== "") return type;
  const list = type === undefined && place.length === 0 && Array.isArray(raw.plugins);
  const hint = list ? "; a list of plugins belongs into a .conflist file" : "";
  report(faultAt([...place, "type"], type, `the name of a plugin${hint}`));
  return "";
}

/** `capabilities`: every value a boolean, null as false. */
function readCapabilities(raw: JsonObject, place: ConfPath, report: Report): Readonly<Record<string, boolean>> {
  const value = member(raw, "capabilities") ?? {};
  const path = [...place, "capabilities"];
  if (!isJsonObject(value)) {
    report(faultAt(path, value, "an object"));
    return {};
  }
  const entries = Object.entries(value).map(([name, wanted]) => [name, wanted ?? false] as const);
  for (const [name, wanted] of entries) {
    if (typeof wanted !== "boolean") report(faultAt([...path, name], wanted, "true or false"));
  }
  return Object.fromEntries(entries.map(([name, wanted]) => [name, wanted === true]));
}

/** Reads the plugin configuration that stands at `place` of a document. When it reported faults it is not to be used. */
export function readPluginConf(value: Json, place: ConfPath, report: Report): PluginConf {
  const raw = value ?? {};
  if (!isJsonObject(raw)) {
    report(faultAt(place, value, "an object"));
    return { type: "", capabilities: {}, raw: {} };
  }
  checkTypes(raw, KNOWN, place, report);
  const dns = member(raw, "dns");
  if (isJsonObject(dns)) checkTypes(dns, KNOWN_DNS, [...place, "dns"], report);
  return { type: readType(raw, place, report), capabilities: readCapabilities(raw, place, report), raw };
}

/** Reads the text of a `.conf` file: one plugin. Refused: code 6 for what is no JSON, code 7 for wrong keys. */
export const parsePluginConf = (text: string, source: string): Effect.Effect<PluginConf, Refused> =>
  Effect.flatMap(
    parseJson(text, source),
    (value) => readAll(source, (report) => readPluginConf(value, [], report)),
  );
