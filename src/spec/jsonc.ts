/**
 * JSON with comments and trailing commas, and places in its text. The parser comes as an argument, because it is loaded
 * only when a file is no plain JSON or has a fault: what runs for every container never needs it.
 *
 * @module
 */
import type * as Jsonc from "jsonc-parser";
import type { Node, ParseError } from "jsonc-parser";
import { type ConfFault, type ConfPath, subject } from "./conf_fault.ts";
import { CniCode } from "./failure.ts";
import { foldKey, sameKey } from "./fold_keys.ts";
import type { Json } from "./json.ts";

/** What is used of the package jsonc-parser. */
export type Parser = Pick<typeof Jsonc, "parseTree" | "printParseErrorCode">;

/** A place in a text, both from 1; columns count characters. */
export interface Place {
  /** Lines end with LF, CR LF or CR. */
  readonly line: number;
  /** Of the line's first character: 1. */
  readonly column: number;
}

/** A syntax error: what is wrong and what was expected, and where. */
export interface SyntaxFault {
  /** Where it is. */
  readonly place: Place;
  /** `"}" stands where a value was expected`. */
  readonly text: string;
}

/** What each syntax error expected, or, where nothing else stands there, what is wrong. Keys are jsonc-parser's names. */
const WORDS: Readonly<Record<string, readonly [expected: string | null, wrong?: string]>> = {
  InvalidSymbol: ["a value in JSON: true, false, null, a number, a string, [ or {"],
  InvalidNumberFormat: ["a number"],
  PropertyNameExpected: ['a key in double quotes, or "}"'],
  ValueExpected: ["a value"],
  ColonExpected: ['":"'],
  CommaExpected: ['","'],
  CloseBraceExpected: ['"," or "}"'],
  CloseBracketExpected: ['"," or "]"'],
  EndOfFileExpected: ["the end of the file"],
  InvalidCommentToken: ["no comment"],
  UnexpectedEndOfComment: [null, 'a comment does not end, expected "*/"'],
  UnexpectedEndOfString: [null, "a string does not end in its line, expected a double quote"],
  UnexpectedEndOfNumber: [null, "a number ends early, expected a digit"],
  InvalidUnicode: [null, "an escape is not complete, expected four hexadecimal digits after \\u"],
  InvalidEscapeCharacter: [null, 'an escape is unknown, expected \\ with one of " \\ / b f n r t u'],
  InvalidCharacter: [null, "a string has a control character, expected it as an escape such as \\n"],
};

/** Longest piece of the text that a message quotes, in characters. */
const MAX_TOKEN = 20;

/** A piece of the text as a message shows it. */
function token(text: string, { offset, length }: ParseError): string {
  if (offset >= text.length) return "the end of the file";
  if (text.codePointAt(offset) === 0xfeff) return "a byte order mark";
  const found = [...text.slice(offset, offset + Math.max(length, 1))];
  return JSON.stringify(found.length > MAX_TOKEN ? `${found.slice(0, MAX_TOKEN - 1).join("")}…` : found.join(""));
}

function describe(parser: Parser, text: string, error: ParseError): string {
  const [expected, wrong] = WORDS[parser.printParseErrorCode(error.error)] ?? ["JSON"];
  return expected === null ? `${wrong}` : `${token(text, error)} stands where ${expected} was expected`;
}

/** How many of the sorted numbers are at most `bound`. */
function countUpTo(sorted: readonly number[], bound: number): number {
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) <= bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Turns offsets of a text into places. */
function placer(text: string): (offset: number) => Place {
  const starts = [0, ...Array.from(text.matchAll(/\r\n|\n|\r/g), (end) => end.index + end[0].length)];
  // Characters that are two units of the text: where each ends.
  const pairs = Array.from(text.matchAll(/[\ud800-\udbff][\udc00-\udfff]/g), (pair) => pair.index + 2);
  return (offset) => {
    const line = countUpTo(starts, offset);
    const start = starts[line - 1] ?? 0;
    const column = offset - start - (countUpTo(pairs, offset) - countUpTo(pairs, start)) + 1;
    return { line, column };
  };
}

/** The value of a node. Keys such as `__proto__` are keys like others; the last of equal ones wins. */
function valueOf(node: Node): Json {
  const children = node.children ?? [];
  if (node.type === "array") return children.map(valueOf);
  if (node.type === "object") return Object.fromEntries(members(node).map(([key, value]) => [key, valueOf(value)]));
  return node.value;
}

/** Key, value and the key's own node, for those of an object's members that have all. */
function members(node: Node): readonly (readonly [key: string, value: Node, keyNode: Node])[] {
  return (node.type === "object" ? node.children ?? [] : []).flatMap(({ children }) => {
    const [key, value] = children ?? [];
    return key === undefined || value === undefined ? [] : [[String(key.value), value, key] as const];
  });
}

/** More levels than any configuration has; the parser, and what walks its trees, recurse. */
const MAX_DEPTH = 1_000;

function isTooDeep(tree: Node): boolean {
  let level: readonly Node[] = [tree];
  // An object takes two levels of the tree: its members, and their keys and values.
  for (let depth = 0; depth < 2 * MAX_DEPTH && level.length > 0; depth++) {
    level = level.flatMap(({ children }) => children ?? []);
  }
  return level.length > 0;
}

/** The tree of a text, as far as it can be read; undefined when there is none, or it is too deep. */
function treeOf(parser: Parser, text: string, errors: ParseError[]): Node | undefined {
  try {
    const tree = parser.parseTree(text, errors, { allowTrailingComma: true });
    return tree === undefined || isTooDeep(tree) ? undefined : tree;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return undefined;
  }
}

/** So many syntax errors are told of one text: what is no JSON at all has one at every word. */
const MAX_SYNTAX_FAULTS = 10;

/** One error per place: the parser reports what follows from an error as further ones. */
function syntaxFaults(parser: Parser, text: string, errors: readonly ParseError[]): readonly SyntaxFault[] {
  const at = placer(text);
  const offsets = new Set<number>();
  return errors.filter(({ offset }) => !offsets.has(offset) && offsets.add(offset))
    .slice(0, MAX_SYNTAX_FAULTS)
    .map((error) => ({ place: at(error.offset), text: describe(parser, text, error) }));
}

/**
 * Reads JSON with comments and trailing commas: its value, or the syntax errors, of which there is at least one.
 *
 * @example
 * ```ts
 * import * as parser from "jsonc-parser";
 * import { parseJsonc } from "./jsonc.ts";
 * const { value } = parseJsonc(parser, '{ "name": "lab", } // a network');
 * if (JSON.stringify(value) !== '{"name":"lab"}') throw new Error("comments and the last comma do not count");
 * ```
 */
export function parseJsonc(
  parser: Parser,
  text: string,
): { readonly value: Json; readonly faults: readonly SyntaxFault[] } {
  const errors: ParseError[] = [];
  const tree = treeOf(parser, text, errors);
  if (tree !== undefined && errors.length === 0) return { value: valueOf(tree), faults: [] };
  const deep = { place: { line: 1, column: 1 }, text: "its values are nested too deeply to be read" };
  return { value: null, faults: errors.length === 0 ? [deep] : syntaxFaults(parser, text, errors) };
}

/** The value of a key at the top of a text that may be broken elsewhere; null when there is none to be seen. */
export function topLevelString(parser: Parser, text: string, key: string): string | null {
  const tree = treeOf(parser, text, []);
  const found = tree === undefined ? undefined : members(tree).findLast(([name]) => sameKey(name, key))?.[1];
  return found?.type === "string" ? String(found.value) : null;
}

type Member = ReturnType<typeof members>[number];

/** Members by their key, and by their key in lower case: the last of each. */
function indexOf(
  node: Node,
): { readonly exact: ReadonlyMap<string, Member>; readonly folded: ReadonlyMap<string, Member> } {
  const all = members(node);
  return {
    exact: new Map(all.map((member) => [member[0], member])),
    folded: new Map(all.map((member) => [foldKey(member[0]), member])),
  };
}

/** Finds the member of a key as Go finds it: the last one, the exact spelling before others. */
function finder(): (node: Node, key: string) => Member | undefined {
  const indexes = new Map<Node, ReturnType<typeof indexOf>>();
  return (node, key) => {
    const index = indexes.get(node) ?? indexOf(node);
    indexes.set(node, index);
    return index.exact.get(key) ?? index.folded.get(foldKey(key));
  };
}

/** The offset of a fault: of its value, of its key, or of the innermost object that lacks it. */
function offsetOf(tree: Node, find: ReturnType<typeof finder>, { path, at }: ConfFault): number {
  let node = tree;
  let offset = tree.offset;
  for (const key of path) {
    const found = typeof key === "number" ? undefined : find(node, key);
    const next = typeof key === "number" ? node.type === "array" ? node.children?.[key] : undefined : found?.[1];
    if (next === undefined) return node.offset;
    offset = at === "key" && found !== undefined ? found[2].offset : next.offset;
    node = next;
  }
  return offset;
}

/** Finds the places of faults in a text. A text that cannot be read has only one: its beginning. */
export function locator(parser: Parser, text: string): (fault: ConfFault) => Place {
  const tree = treeOf(parser, text, []);
  const at = placer(text);
  const find = finder();
  return (fault) => at(tree === undefined ? 0 : offsetOf(tree, find, fault));
}

/** Keys that stand twice in one object: only the last one counts, which nobody means. */
export function repeatedKeys(parser: Parser, text: string): readonly ConfFault[] {
  const tree = treeOf(parser, text, []);
  return tree === undefined ? [] : repeatedIn(tree, []);
}

function repeatedIn(node: Node, path: ConfPath): readonly ConfFault[] {
  if (node.type === "array") {
    return (node.children ?? []).flatMap((child, index) => repeatedIn(child, [...path, index]));
  }
  const seen = new Set<string>();
  return members(node).flatMap(([key, value]) => {
    const here = [...path, key];
    const code = CniCode.INVALID_NETWORK_CONFIG;
    const twice: readonly ConfFault[] = seen.has(key)
      ? [{ path: here, code, at: "key", text: `${subject(here)}: it stands there twice, and only the last one counts` }]
      : [];
    seen.add(key);
    return [...twice, ...repeatedIn(value, here)];
  });
}
