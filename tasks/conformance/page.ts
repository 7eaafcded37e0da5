/** `docs/conformance.md`: the checklist with the tests and reasons that meet it, written from the sources. */
import type { Item, Section, Tag } from "./checklist.ts";
import type { NamedTest } from "./named_tests.ts";
import { scores, type Standing, standingOf, TARGETS } from "./score.ts";

/** Where the page is. */
export const PAGE = "docs/conformance.md";

const TAGS = {
  S: "the specification",
  SL: "both",
  L: "libcni",
  R: "real runtimes",
  P: "the tests of Go's plugins",
  "-": "other items, repeated",
} as const;

/** What stands before the table. The first comment keeps `deno fmt` away from what is generated. */
const HEAD = `<!-- deno-fmt-ignore-file -->
<!-- Written by \`deno task conformance --write\` out of tests/conformance/checklist.txt, the lists beside it, and the names of the tests. -->

# Conformance

Each statement of the CNI specification, and each thing that Go's libcni does and somebody could notice, has a number. A
test that proves one carries its number in its name: \`[B12] …\`. \`deno task conformance\` runs those tests and fails when
the specification is not met entirely, or libcni by less than 95 %. Where Cleat does otherwise on purpose, the reason is
below. The letters after a number say who asks for it: **S** ${TAGS.S}, **L** ${TAGS.L}, **SL** both; **R** is what
${TAGS.R} do, which is listed and not counted.

What ${TAGS.P} show has numbers, too, with two letters for each plugin. There nothing may be without a test.
`;

/** Literal in Markdown. */
const plain = (text: string): string => text.replace(/[\\`*<>[\]|]/g, "\\$&");

const testLine = ({ sentence, file }: NamedTest): string =>
  `  - ${plain(sentence)} ([${file.replace(/^tests\//, "")}](../${file}))`;

/** What is to be said of an item beside its tests. */
const markOf = ({ tag, excuse }: Item, isTested: boolean): string => {
  if (excuse !== null) return excuse.kind === "not here" ? ": *does not apply*" : ": *differs*";
  return isTested || !TARGETS.some((target) => target.tag === tag) ? "" : ": *no test*";
};

const itemLines = (item: Item, tests: readonly NamedTest[]): readonly string[] => {
  const own = tests.filter(({ items }) => items.includes(item.id));
  const { id, tag, words, excuse } = item;
  return [
    `- **${id}**${tag === "-" || tag === "P" ? "" : ` ${tag}`} ${plain(words)}${markOf(item, own.length > 0)}`,
    ...(excuse === null ? [] : [`  - ${plain(excuse.reason)}`]),
    ...own.map(testLine),
  ];
};

const HEADING = ["tested | different, for a reason | of |", " ---: | ---: | ---: |"] as const;

/** The scores of some sections as rows of a table; `what` says what a row is about. */
const rows = (sections: readonly Section[], standing: (item: Item) => Standing, what: (tag: Tag) => string) =>
  scores(sections, standing).filter(({ total }) => total > 0)
    .map(({ tag, tested, differing, total }) => `| ${what(tag)} | ${tested} | ${differing} | ${total} |`);

const isOfPlugin = ({ items }: Section): boolean => items.some(({ tag }) => tag === "P");

/** The whole page. Tests of the sources count as passed: that they do is another task's to find. */
export function renderPage(sections: readonly Section[], tests: readonly NamedTest[]): string {
  const has = (item: Item) => tests.some(({ items }) => items.includes(item.id));
  const standing = (item: Item) => standingOf(item, has(item) ? ["passed"] : []);
  const plugins = sections.filter(isOfPlugin);
  const others = sections.filter((section) => !isOfPlugin(section));
  const body = (section: Section) => section.items.flatMap((item) => itemLines(item, tests));
  return [
    HEAD,
    `| asked by | ${HEADING[0]}`,
    `| --- |${HEADING[1]}`,
    ...rows(others, standing, (tag) => `${tag}: ${TAGS[tag]}`),
    ...rows(plugins, standing, (tag) => `${tag}: ${TAGS[tag]}`),
    ...others.flatMap((section) => [`\n## ${section.letter}. ${section.title}\n`, ...body(section)]),
    ...(plugins.length === 0 ? [] : ["\n## Plugins\n", `| plugin | ${HEADING[0]}`, `| --- |${HEADING[1]}`]),
    ...plugins.flatMap((section) => rows([section], standing, () => section.title)),
    ...plugins.flatMap((section) => [`\n### ${section.title}\n`, ...body(section)]),
    "",
  ].join("\n");
}
