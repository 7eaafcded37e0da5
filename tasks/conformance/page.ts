/** `docs/conformance.md`: the checklist with the tests and reasons that meet it, written from the sources. */
import type { Item, Section } from "./checklist.ts";
import type { NamedTest } from "./named_tests.ts";
import { scores, standingOf, TARGETS } from "./score.ts";

/** Where the page is. */
export const PAGE = "docs/conformance.md";

const TAGS = {
  S: "the specification",
  SL: "both",
  L: "libcni",
  R: "real runtimes",
  "-": "other items, repeated",
} as const;

/** What stands before the table. The first comment keeps `deno fmt` away from what is generated. */
const HEAD = `<!-- deno-fmt-ignore-file -->
<!-- Written by \`deno task conformance --write\` out of tests/conformance/checklist.txt and the names of the tests. -->

# Conformance

Each statement of the CNI specification, and each thing that Go's libcni does and somebody could notice, has a number. A
test that proves one carries its number in its name: \`[B12] …\`. \`deno task conformance\` runs those tests and fails when
the specification is not met entirely, or libcni by less than 95 %. Where Cleat does otherwise on purpose, the reason is
below. The letters after a number say who asks for it: **S** ${TAGS.S}, **L** ${TAGS.L}, **SL** both; **R** is what
${TAGS.R} do, which is listed and not counted.
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
    `- **${id}**${tag === "-" ? "" : ` ${tag}`} ${plain(words)}${markOf(item, own.length > 0)}`,
    ...(excuse === null ? [] : [`  - ${plain(excuse.reason)}`]),
    ...own.map(testLine),
  ];
};

/** The whole page. Tests of the sources count as passed: that they do is another task's to find. */
export function renderPage(sections: readonly Section[], tests: readonly NamedTest[]): string {
  const has = (item: Item) => tests.some(({ items }) => items.includes(item.id));
  const table = scores(sections, (item) => standingOf(item, has(item) ? ["passed"] : [])).map(
    ({ tag, tested, differing, total }) => `| ${tag}: ${TAGS[tag]} | ${tested} | ${differing} | ${total} |`,
  );
  const head = ["| asked by | tested | different, for a reason | of |", "| --- | ---: | ---: | ---: |", ...table];
  const body = sections.flatMap(({ letter, title, items }) => [
    `\n## ${letter}. ${title}\n`,
    ...items.flatMap((item) => itemLines(item, tests)),
  ]);
  return [HEAD, ...head, ...body, ""].join("\n");
}
