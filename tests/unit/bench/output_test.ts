/** Tables as text, as a page and as a chart. */
import assert from "node:assert/strict";
import type { Standards } from "../../../bench/bounds.ts";
import { fillIn } from "../../../bench/page.ts";
import { barText } from "../../../bench/progress.ts";
import { isSection, SECTIONS } from "../../../bench/sections.ts";
import { chart } from "../../../bench/svg.ts";
import { against, alone, type Table } from "../../../bench/table.ts";
import { amount, number, pageTable, tableLines } from "../../../bench/words.ts";
import { summary } from "../../../bench/stats.ts";

const table: Table = {
  id: "some",
  title: "Some & others",
  note: "How it was made.",
  rows: [
    ...against("some.add/go", "ms", { name: "ADD <ours>", values: [1, 2, 3] }, { name: "Go's", values: [4, 4, 4] }),
    ...alone("some.rate", "rate", "/s", [12_345]),
  ],
};
const standards: Standards = {
  "some.add/go": { of: "ratio", limit: "most", target: 0.4, bound: 0.45, noise: 0.01 },
  "some.rate": { of: "value", limit: "least", target: 10_000, bound: null, noise: null },
};

Deno.test.each([[0.0123456, "0.0123"], [1.5, "1.5"], [2, "2"], [12.34, "12.3"], [123.4, "123"], [12_345.6, "12,346"], [
  0,
  "0",
]])(
  "%s is written as %s",
  (value, text) => assert.equal(number(value), text),
);

Deno.test("an amount tells median, spread and the best, where less is better and there are several", () => {
  assert.equal(amount(summary([1, 2, 3]), "ms"), "2 ms [1–3], at best 1");
  assert.equal(amount(summary([1, 2, 3]), "/s"), "2 /s [1–3]");
  assert.equal(amount(summary([2]), "kB"), "2 kB");
});

Deno.test("a table for people says target and bound, met or missed, held or broken", () => {
  const text = tableLines(table, standards).join("\n");
  assert.match(text, /ADD <ours>: 0\.5 × \[0\.25–0\.75\] Go's/);
  assert.match(text, /target ≤ 0\.4 ×: missed; bound 0\.45 × held/);
  assert.match(text, /rate:\n {6}12,345 \/s\n {6}target ≥ 10,000: met/);
  const worse = { "some.add/go": { of: "ratio", limit: "most", target: 0.4, bound: 0.01, noise: 0 } } as const;
  assert.match(tableLines({ ...table, rows: table.rows.slice(0, 1) }, worse).join("\n"), /bound 0\.01 × BROKEN/);
});

Deno.test("a table for the page has one row for each, of five cells", () => {
  const [note, empty, ...rows] = pageTable(table, standards);
  assert.equal(note, "How it was made.");
  assert.equal(empty, "");
  assert.equal(rows.length, 2 + table.rows.length);
  for (const row of rows) assert.equal(row.split("|").length, 7, row);
  assert.match(rows[2] ?? "", /≤ 0\.4 ×, \*\*missed\*\*/);
});

Deno.test("only what is between a section's markers changes, and doing it again changes nothing", () => {
  const page = "before\n<!-- bench a -->\nold\n<!-- bench end -->\nbetween\n<!-- bench b -->\nb\n<!-- bench end -->\n";
  const filled = fillIn(page, "a", ["new"]);
  assert.equal(filled, page.replace("\nold\n", "\n\nnew\n\n"));
  assert.equal(fillIn(filled, "a", ["new"]), filled);
  assert.throws(() => fillIn(page, "c", []), /the page has no "<!-- bench c -->"/);
});

Deno.test("the page has a place for the machine and for every section", () => {
  const page = Deno.readTextFileSync(new URL("../../../docs/performance.md", import.meta.url));
  for (const id of ["machine", ...Object.keys(SECTIONS)]) assert.notEqual(fillIn(page, id, ["found"]), page, id);
});

Deno.test("a chart is one well-formed picture: every tag ends, and names are escaped", () => {
  const svg = chart(table);
  assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" /);
  assert.match(svg, /ADD &lt;ours>/);
  assert.match(svg, /<title>Some &amp; others<\/title>/);
  const open: string[] = [];
  for (const [, close, name = "", self] of svg.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
    if (self === "/") continue;
    if (close === "") open.push(name);
    else assert.equal(open.pop(), name);
  }
  assert.deepEqual(open, []);
  assert.doesNotMatch(svg, /NaN|Infinity|undefined/);
});

Deno.test("in a chart the longest bar of a unit is as long as that of another unit", () => {
  const widths = [...chart(table).matchAll(/<rect x="[1-9]\d*" y="[^"]*" width="([\d.]+)"/g)].map(([, width]) =>
    Number(width)
  );
  assert.equal(widths.length, 3);
  assert.equal(widths[1], widths[2], "4 of 4 ms, and the only rate");
  assert.equal(widths[0], (widths[1] ?? NaN) / 2, "2 of 4 ms");
});

Deno.test("the progress bar is as long at the beginning as at the end", () => {
  const lengths = [0, 0.5, 1, -1, 2].map((done) =>
    barText("x", done).replace(/\d+/, "").trimEnd().split(" ")[0]?.length
  );
  assert.deepEqual(lengths, [30, 30, 30, 30, 30]);
});

Deno.test("sections are named by what they are called, and by nothing that every object has", () => {
  assert.ok(isSection("growth"));
  assert.ok(!isSection("toString"));
});
