/** Tests that say in their names which items of the lists they prove: `[B12] …`, `[C20, MV3] …`. */

/** A test as its source has it. */
export interface NamedTest {
  /** The items it proves: `C20`. */
  readonly items: readonly string[];
  /** Its sentence, without the items; what is filled in is `…`. */
  readonly sentence: string;
  /** Path of its file from the project's root. */
  readonly file: string;
}

/** One number: of the checklist, or of a plugin's scenarios; it may point into an item (`A49.3`). */
const NUMBER = String.raw`(?:[A-J]|[A-Z]{2})\d+(?:\.\d+)?`;

/** What a name that carries numbers begins with. */
const NUMBERS = String.raw`\[(${NUMBER}(?:, ?${NUMBER})*)\]`;

/** For `deno test --filter`: the names that carry numbers. */
export const FILTER = String.raw`/^\[(?:[A-J]|[A-Z]{2})\d/`;

const numbersOf = (
  list: string,
): readonly string[] => [...new Set(list.split(",").map((number) => number.trim().replace(/\.\d+$/, "")))];

/** The items that a test's name carries; none for other names. */
export const itemsOf = (name: string): readonly string[] =>
  numbersOf(new RegExp(`^${NUMBERS} `).exec(name)?.[1] ?? "").filter((id) => id !== "");

/** String literals of a source that carry numbers. */
const LITERAL = new RegExp(
  String.raw`"${NUMBERS} ((?:[^"\\\n]|\\.)+)"|` + String.raw`${"`"}${NUMBERS} ((?:[^${"`"}\\\n]|\\.)+)${"`"}`,
  "g",
);

/** As people read it: what a template or `test.each` fills in is `…`, what was escaped is not. */
const readable = (sentence: string): string =>
  sentence.replace(/\$\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}/g, "…").replace(/%[sdifjoO]/g, "…").replace(/\\(.)/g, "$1");

/** The numbered tests of one source. */
export const namedTests = (file: string, source: string): readonly NamedTest[] =>
  [...source.matchAll(LITERAL)].map(([, list, sentence, templateList, templateSentence]) => ({
    items: numbersOf(list ?? templateList ?? ""),
    sentence: readable(sentence ?? templateSentence ?? ""),
    file,
  }));
