/**
 * The place of a refusal that is only a sentence: rules between keys say what is wrong in words, quoting the keys.
 *
 * @module
 */
import { type ConfFault, type ConfPath, subject } from "./conf_fault.ts";
import { CniCode } from "./failure.ts";
import { member } from "./fold_keys.ts";
import { isJsonObject, type Json, type JsonObject } from "./json.ts";

/** `ipam.ranges[0].subnet` as a path. */
const pathOf = (dotted: string): ConfPath =>
  [...dotted.matchAll(/\[(\d+)\]|[^.[\]]+/g)].map(([key, index]) => index === undefined ? key : Number(index));

function leadsSomewhere(raw: Json, path: ConfPath): boolean {
  let value: Json | undefined = raw;
  for (const key of path) {
    if (typeof key === "number") value = Array.isArray(value) ? value[key] : undefined;
    else value = isJsonObject(value) ? member(value, key) : undefined;
  }
  return value !== undefined;
}

/**
 * The fault that a sentence tells of the configuration `raw`, which stands at `place` of its document: it is about the
 * first of the keys it quotes that the configuration has.
 *
 * @example
 * ```ts
 * import { faultOfSentence } from "./sentence_fault.ts";
 * const { path, text } = faultOfSentence('Cannot use "mtu": 9 is below 68', { mtu: 9 }, ["plugins", 0]);
 * if (path.join() !== "plugins,0,mtu" || text !== '"plugins[0].mtu": 9 is below 68') throw new Error(text);
 * ```
 */
export function faultOfSentence(sentence: string, raw: JsonObject, place: ConfPath): ConfFault {
  const quoted = [...sentence.matchAll(/"([^"]*)"/g)].map(([, text = ""]) => pathOf(text));
  const about = quoted.find((path) => path.length > 0 && leadsSomewhere(raw, path)) ?? [];
  const [, key, rest] = /^Cannot use "([^"]*)"(.*)$/s.exec(sentence) ?? [];
  const text = key === undefined ? `${subject(place)}: ${sentence}` : `${subject([...place, ...pathOf(key)])}${rest}`;
  return { path: [...place, ...about], code: CniCode.INVALID_NETWORK_CONFIG, text };
}
