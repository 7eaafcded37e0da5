/**
 * The checklist: what the CNI specification asks and what Go's libcni does, as numbered items. It is the text file
 * `tests/conformance/checklist.txt`: a line per section (`E Result types`), a line per item (`E14 L zero is not
 * absence`), and below an item, indented, why it is met in another way or not at all (`differs:`, `not here:`).
 *
 * What the tests of Go's plugins show has a list for each plugin, `tests/conformance/scenarios/<type>.txt`: the same without
 * sections and letters of who asks (`MV3 DEL without ADD`).
 */

/**
 * Where an item comes from: the specification (`S`), libcni (`L`), both (`SL`), real runtimes (`R`), the tests of Go's
 * plugins (`P`); `-` marks headings and scenarios, which repeat other items.
 */
export type Tag = "S" | "L" | "SL" | "R" | "P" | "-";

/** Why an item needs no test: we do otherwise on purpose, or there is nothing that it could be about. */
export interface Excuse {
  readonly kind: "differs" | "not here";
  readonly reason: string;
}

/** One item. */
export interface Item {
  /** Section and number: `E14`. */
  readonly id: string;
  readonly tag: Tag;
  /** What it is about, in a few words. */
  readonly words: string;
  readonly excuse: Excuse | null;
}

/** One section. */
export interface Section {
  /** `A` to `J`; the two letters of a plugin. */
  readonly letter: string;
  readonly title: string;
  readonly items: readonly Item[];
}

const ITEM = /^([A-J]\d+) (SL|S|L|R|-) (\S.*)$/;
const SECTION = /^([A-J]) (\S.*)$/;
const SCENARIO = /^([A-Z]{2})(\d+) (\S.*)$/;
const EXCUSE = /^ {2}(differs|not here): (\S.*)$/;

interface Draft {
  readonly letter: string;
  readonly title: string;
  readonly items: Item[];
}

const tagOf = (text: string): Tag =>
  text === "S" || text === "L" || text === "SL" || text === "R" || text === "P" ? text : "-";

/** Adds an item to its section, where it must be the next one. */
function addItem(section: Draft | undefined, [, id = "", tag = "", words = ""]: readonly string[]): void {
  const next = section === undefined ? "a section" : `${section.letter}${section.items.length + 1}`;
  if (section === undefined || id !== next) {
    throw new Error(`Cannot read the checklist: "${id}" stands where ${next} belongs`);
  }
  section.items.push({ id, tag: tagOf(tag), words, excuse: null });
}

/** Gives the last item its excuse, or the next line of it. */
function addExcuse(section: Draft | undefined, line: string): void {
  const item = section?.items.at(-1);
  const [, kind, reason = ""] = EXCUSE.exec(line) ?? [];
  const begun = item?.excuse ?? null;
  if (section === undefined || item === undefined || (kind === undefined) === (begun === null)) {
    throw new Error(`Cannot read the checklist: "${line.trim()}" explains nothing`);
  }
  const excuse: Excuse = begun === null
    ? { kind: kind === "differs" ? kind : "not here", reason }
    : { ...begun, reason: `${begun.reason} ${line.trim()}` };
  section.items[section.items.length - 1] = { ...item, excuse };
}

/** Reads the checklist; throws, naming it, at the first line that is out of order. */
export function parseChecklist(text: string): readonly Section[] {
  const sections: Draft[] = [];
  for (const line of text.split("\n")) {
    const item = ITEM.exec(line), section = SECTION.exec(line);
    if (line === "") continue;
    if (line.startsWith(" ")) addExcuse(sections.at(-1), line);
    else if (item !== null) addItem(sections.at(-1), item);
    else if (section !== null) sections.push({ letter: section[1] ?? "", title: section[2] ?? "", items: [] });
    else throw new Error(`Cannot read the checklist: "${line}" is neither a section nor an item`);
  }
  return sections;
}

/** Reads the scenarios of a plugin; throws, naming it, at the first line that is out of order. */
export function parseScenarios(type: string, text: string): Section {
  const [, letter = ""] = SCENARIO.exec(text.split("\n")[0] ?? "") ?? [];
  const section: Draft = { letter, title: type, items: [] };
  for (const line of text.split("\n")) {
    const [, prefix = "", number = "", words = ""] = SCENARIO.exec(line) ?? [];
    if (line === "") continue;
    if (line.startsWith(" ")) addExcuse(section, line);
    else if (words === "") throw new Error(`Cannot read the scenarios of ${type}: "${line}" is none`);
    else addItem(section, ["", `${prefix}${number}`, "P", words]);
  }
  return section;
}
