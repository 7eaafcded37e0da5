/** Texts that are almost JSON: as somebody else's printer writes them, with comments, torn. */
import { isJsonObject, type Json, jsonOf } from "../../src/spec/json.ts";
import type { Random } from "../property/spec_random.ts";
import { anyJson, faulty, isArray, oneOf, smallerJson } from "./fuzz_json.ts";

/** JSON text as somebody else's printer might write it: keys twice, escapes, white space. */
export function written(random: Random, value: Json): string {
  const space = random.below(8) === 0 ? random.pick([" ", "\n", "\t", "\r\n  "]) : "";
  const text = (item: string): string =>
    random.below(40) === 0
      ? `"${item.replace(/[^]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)}"`
      : JSON.stringify(item);
  const write = (item: Json): string => {
    if (isArray(item)) return `[${item.map((each) => space + write(each)).join(",")}]`;
    if (!isJsonObject(item)) return typeof item === "string" ? text(item) : JSON.stringify(item);
    const members = Object.entries(item).flatMap(([key, child]) => {
      const member = `${space}${text(key)}:${write(child)}`;
      return random.below(150) === 0 ? [`${text(key)}:${write(anyJson(random, 1))}`, member] : [member];
    });
    return `{${members.join(",")}}`;
  };
  return write(value);
}

const SCRAPS = [
  ...'{}[]",:\\/-+.0eE ntfu\0\n',
  "//",
  "/*",
  "*/",
  ",]",
  ",}",
  "\ufeff",
  "\ud800",
  "\\u",
  "\\ud800",
  "1e999",
  "NaN",
  "'",
];

/** A text with up to three scraps put in, characters taken out, or its end cut off. */
export function torn(random: Random, text: string): string {
  for (let left = 1 + random.below(3); left > 0; left--) {
    const from = random.below(text.length + 1);
    const kind = random.below(5);
    if (kind === 0) text = text.slice(0, from);
    else if (kind === 1) text = text.slice(0, from) + text.slice(from + 1 + random.below(4));
    else if (kind === 2) text = text.slice(from) + text.slice(0, from);
    else text = text.slice(0, from) + oneOf(random, SCRAPS) + text.slice(from + random.below(2));
  }
  return text;
}

/** The text of a document with faults: three in four are JSON still. */
export function almost(random: Random, good: Json): string {
  const text = written(random, faulty(random, good));
  return random.below(4) === 0 ? torn(random, text) : text;
}

/** Texts that are a little smaller: as JSON where they are JSON. */
export function* smallerText(text: string): Iterable<string> {
  const value = jsonOf(text);
  if (value !== undefined) { for (const smaller of smallerJson(value)) yield JSON.stringify(smaller); }
  for (let length = text.length >> 1; length > 0; length >>= 1) {
    for (let from = 0; from < text.length; from += length) yield text.slice(0, from) + text.slice(from + length);
  }
}

const NOISES = ["// a comment\n", "/* a comment */", "/**/", " ", "\n", "\t", "\r\n"];

/** The same document with comments, white space and trailing commas. */
export function commented(random: Random, value: Json): string {
  const tokens = JSON.stringify(value).match(/"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^{}[\]:,"]+/g) ?? [];
  const text = tokens.map((token, index) => {
    const ends = (token === "}" || token === "]") && !"{[".includes(tokens[index - 1] ?? "");
    const comma = ends && random.below(4) === 0 ? "," : "";
    return `${comma}${random.below(6) === 0 ? oneOf(random, NOISES) : ""}${token}`;
  });
  return text.join("");
}
