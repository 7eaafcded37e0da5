import assert from "node:assert/strict";
import { currentPage, readSources } from "../../../tasks/conformance.ts";
import { type Item, parseChecklist, parseScenarios } from "../../../tasks/conformance/checklist.ts";
import { FILTER, itemsOf, namedTests } from "../../../tasks/conformance/named_tests.ts";
import { outcomesOf } from "../../../tasks/conformance/outcomes.ts";
import { PAGE, renderPage } from "../../../tasks/conformance/page.ts";
import { scores, standingOf } from "../../../tasks/conformance/score.ts";

const CHECKLIST = `A First
A1 S one
A2 L two
  differs: because
  of this
A3 SL three

B Second
B1 R four
  not here: never
`;

const item = (tag: Item["tag"], excuse: Item["excuse"] = null): Item => ({ id: "A1", tag, words: "one", excuse });
const differing = item("L", { kind: "differs", reason: "because" });

Deno.test("the page of conformance is what the checklist and the names of the tests make", () => {
  const page = Deno.readTextFileSync(PAGE);
  assert(page === currentPage(), `${PAGE} is not current: run deno task conformance --write`);
});

Deno.test("a checklist has sections, items with a tag, and reasons over several lines", () => {
  const [first, second, ...others] = parseChecklist(CHECKLIST);
  assert.deepEqual(others, []);
  assert.deepEqual(first?.items.map(({ id, tag }) => `${id} ${tag}`), ["A1 S", "A2 L", "A3 SL"]);
  assert.deepEqual(first?.items[1]?.excuse, { kind: "differs", reason: "because of this" });
  assert.deepEqual(second?.items[0]?.excuse, { kind: "not here", reason: "never" });
});

for (
  const [what, text] of [
    ["an item before any section", "A1 S one"],
    ["a number left out", "A First\nA1 S one\nA3 S three"],
    ["a number twice", "A First\nA1 S one\nA1 S one"],
    ["an item of another section", "A First\nB1 S one"],
    ["a reason without an item", "A First\n  differs: because"],
    ["a line more without a reason", "A First\nA1 S one\n  of this"],
    ["two reasons", "A First\nA1 S one\n  differs: a\n  not here: b"],
    ["an unknown tag", "A First\nA1 X one"],
  ] as const
) {
  Deno.test(`a checklist with ${what} is refused`, () => {
    assert.throws(() => parseChecklist(text), /^Error: Cannot read the checklist: "/);
  });
}

Deno.test("the scenarios of a plugin are one section, whose items all count", () => {
  const { letter, title, items } = parseScenarios("macvlan", "MV1 one\n  differs: because\n  of this\nMV2 two\n");
  assert.deepEqual([letter, title], ["MV", "macvlan"]);
  assert.deepEqual(items, [
    { id: "MV1", tag: "P", words: "one", excuse: { kind: "differs", reason: "because of this" } },
    { id: "MV2", tag: "P", words: "two", excuse: null },
  ]);
  for (const wrong of ["MV2 two", "MV1 one\nPT2 two", "MV1 one\nMV3 three", "one", "  differs: a", "MV1 one\nMV2"]) {
    assert.throws(() => parseScenarios("macvlan", wrong), /^Error: Cannot read the /, wrong);
  }
});

Deno.test("no two plugins have one prefix", () => {
  const { sections } = readSources();
  const plugins = sections.filter(({ items }) => items.some(({ tag }) => tag === "P"));
  assert(plugins.length > 0);
  assert.equal(new Set(plugins.map(({ letter }) => letter)).size, plugins.length);
});

Deno.test("a test's name carries one number or several, also of a part of an item", () => {
  assert.deepEqual(itemsOf("[B12] a sentence"), ["B12"]);
  assert.deepEqual(itemsOf("[A49.2, C20] a sentence"), ["A49", "C20"]);
  assert.deepEqual(itemsOf("[MV3, B12] a sentence"), ["MV3", "B12"]);
  for (const name of ["a sentence [B12]", "[cache] a sentence", "[K1] a sentence", "[B12]", "[B12,] a", ""]) {
    assert.deepEqual(itemsOf(name), [], name);
  }
});

Deno.test("the filter keeps exactly the names that carry a number", () => {
  const pattern = new RegExp(FILTER.slice(1, -1));
  for (const name of ["[B12] a sentence", "[MV3] a sentence"]) assert(pattern.test(name), name);
  for (const name of ["B12 a sentence", "[cache] a sentence", "a [B12] sentence"]) assert(!pattern.test(name), name);
});

Deno.test("numbered tests are found in a source, plain, in options and in templates", () => {
  const source = [
    'Deno.test("[A1] a \\"word\\"", () => {});',
    'Deno.test({ name: "[A2, A3] in options", ignore }, () => {});',
    "Deno.test(`[B1] for ${{ a: 1 }.a} and ${version}`, () => {});",
    'Deno.test.each([1])("[B2] each of %d, %o", () => {});',
    'Deno.test("without a number", () => assert.equal(list[A1], "[x] "));',
  ].join("\n");
  assert.deepEqual(namedTests("tests/a_test.ts", source), [
    { items: ["A1"], sentence: 'a "word"', file: "tests/a_test.ts" },
    { items: ["A2", "A3"], sentence: "in options", file: "tests/a_test.ts" },
    { items: ["B1"], sentence: "for … and …", file: "tests/a_test.ts" },
    { items: ["B2"], sentence: "each of …, …", file: "tests/a_test.ts" },
  ]);
});

Deno.test("a report tells what passed, was skipped or failed, under each number", () => {
  const outcomes = outcomesOf(`<?xml version="1.0"?>
    <testsuite name="./a_test.ts" tests="4">
      <testcase name="[A1] a &lt; b &amp;lt; &#34;c&#34;" time="0.001"></testcase>
      <testcase name="[A1, A2] skipped" time="0.000">
        <skipped/>
      </testcase>
      <testcase name="[A3] failed" time="0.001">
        <failure message="Uncaught">[A2] is not it</failure>
      </testcase>
      <testcase name="[A4] short" time="0.001"/>
      <testcase name="no number" time="0.001"/>
    </testsuite>`);
  assert.deepEqual([...outcomes], [
    ["A1", ["passed", "skipped"]],
    ["A2", ["skipped"]],
    ["A3", ["failed"]],
    ["A4", ["passed"]],
  ]);
});

Deno.test("an item is met by a test that passed while none failed; a reason does not hide a failure", () => {
  assert.equal(standingOf(item("S"), ["skipped", "passed"]), "met");
  assert.equal(standingOf(item("S"), ["passed", "failed"]), "failed");
  assert.equal(standingOf(item("S"), ["skipped"]), "skipped");
  assert.equal(standingOf(item("S"), []), "open");
  assert.equal(standingOf(differing, []), "differs");
  assert.equal(standingOf(differing, ["failed"]), "failed");
});

Deno.test("all of the specification is asked, of libcni 95 of 100; what does not apply does not count", () => {
  const section = { letter: "A", title: "First", items: Array.from({ length: 100 }, () => item("L")) };
  const libcni = (open: number, rest: "differs" | "not here" | "met") => {
    let at = 0;
    return scores([section], () => at++ < open ? "open" : rest).find(({ tag }) => tag === "L");
  };
  assert.equal(libcni(5, "met")?.reached, true);
  assert.equal(libcni(6, "met")?.reached, false);
  assert.equal(libcni(5, "differs")?.reached, true);
  assert.deepEqual(libcni(5, "not here"), { tag: "L", share: 95, tested: 0, differing: 0, total: 5, reached: false });
  const spec = { ...section, items: [item("S"), item("S"), item("SL")] };
  const [own, both] = scores([spec], ({ tag }) => tag === "S" ? "skipped" : "met");
  assert.deepEqual([own?.reached, own?.total, both?.reached, both?.tested], [false, 2, true, 1]);
});

Deno.test("the page shows reasons, tests with their files, and what has no test", () => {
  const page = renderPage(parseChecklist(CHECKLIST), [{ items: ["A1"], sentence: "it *is*", file: "tests/a_test.ts" }]);
  assert(page.includes("| S: the specification | 1 | 0 | 1 |\n"));
  assert(page.includes("| L: libcni | 0 | 1 | 1 |\n"));
  assert(page.includes("- **A1** S one\n  - it \\*is\\* ([a_test.ts](../tests/a_test.ts))\n"));
  assert(page.includes("- **A2** L two: *differs*\n  - because of this\n- **A3** SL three: *no test*\n"));
  assert(page.includes("\n## B. Second\n\n- **B1** R four: *does not apply*\n  - never\n"));
  assert(!page.includes("## Plugins"));
});

Deno.test("the page has a table of the plugins, and a section for each", () => {
  const plugins = [parseScenarios("ptp", "PT1 one\nPT2 two\n  differs: because"), parseScenarios("vlan", "VL1 three")];
  const tests = [{ items: ["PT1"], sentence: "it is", file: "tests/a_test.ts" }];
  const page = renderPage([...parseChecklist(CHECKLIST), ...plugins], tests);
  assert(page.includes("| P: the tests of Go's plugins | 1 | 1 | 3 |\n"));
  assert(page.includes("\n## Plugins\n\n| plugin | tested | different, for a reason | of |\n"));
  assert(page.includes("| ptp | 1 | 1 | 2 |\n| vlan | 0 | 0 | 1 |\n"));
  assert(
    page.includes(
      "\n### ptp\n\n- **PT1** one\n  - it is ([a_test.ts](../tests/a_test.ts))\n- **PT2** two: *differs*\n",
    ),
  );
  assert(page.includes("\n### vlan\n\n- **VL1** three: *no test*\n"));
});
