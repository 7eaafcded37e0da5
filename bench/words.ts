/** Tables in words: for a terminal, and for a page. */
import { judge, type Standard, type Standards, type Verdict } from "./bounds.ts";
import type { Ratio, Summary } from "./stats.ts";
import type { Row, Table, Unit } from "./table.ts";

/** A number with as many digits as tell something. */
export const number = (value: number): string =>
  value >= 1000
    ? Math.round(value).toLocaleString("en")
    : value >= 100
    ? value.toFixed(0)
    : value.toPrecision(3).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");

const unitText = (unit: Unit): string => unit === "/s" ? " /s" : ` ${unit}`;

const spread = ({ p10, p90, count }: Summary): string => count < 2 ? "" : ` [${number(p10)}–${number(p90)}]`;

/** A median with its spread and, where less is better, the best of them. */
export const amount = (value: Summary, unit: Unit): string => {
  const best = value.count < 2 || unit === "/s" ? "" : `, at best ${number(value.min)}`;
  return `${number(value.median)}${unitText(unit)}${spread(value)}${best}`;
};

/** A ratio with its spread. */
export const times = ({ value, p10, p90 }: Ratio): string =>
  `${number(value)} ×${p10 === p90 ? "" : ` [${number(p10)}–${number(p90)}]`}`;

const asked = ({ of, limit, target }: Standard): string =>
  `${limit === "most" ? "≤" : "≥"} ${number(target)}${of === "ratio" ? " ×" : ""}`;

/** The target, whether it is met, and whether today's bound holds. */
export const standing = ({ standard, met, held }: Verdict): string => {
  const bound = held === null || standard.bound === null
    ? ""
    : `; bound ${number(standard.bound)} × ${held ? "held" : "BROKEN"}`;
  return `target ${asked(standard)}: ${met ? "met" : "missed"}${bound}`;
};

/** A table for a terminal. */
export function tableLines({ title, note, rows }: Table, standards: Standards): readonly string[] {
  const lines = rows.flatMap((row) => {
    const { name, unit, value, beside } = row;
    const verdict = judge(row, standards);
    return [
      `  ${name}: ${beside === undefined ? "" : `${times(beside.ratio)} ${beside.name}`}`.trimEnd(),
      `      ${amount(value, unit)}${beside === undefined ? "" : ` : ${amount(beside.value, unit)}`}`,
      ...(verdict === null ? [] : [`      ${standing(verdict)}`]),
    ];
  });
  return [title, `  ${note}`, "", ...lines, ""];
}

const pageRow = (row: Row, standards: Standards): string => {
  const { name, unit, value, beside } = row;
  const verdict = judge(row, standards);
  const target = verdict === null ? "" : `${asked(verdict.standard)}, ${verdict.met ? "met" : "**missed**"}`;
  const other = beside === undefined
    ? ["", ""]
    : [`${beside.name}: ${amount(beside.value, unit)}`, times(beside.ratio)];
  return `| ${[name, amount(value, unit), ...other, target].join(" | ")} |`;
};

/** A table for the page. */
export const pageTable = ({ note, rows }: Table, standards: Standards): readonly string[] => [
  note,
  "",
  "| what | median [p10–p90] | beside it | ratio | target |",
  "| --- | --- | --- | --- | --- |",
  ...rows.map((row) => pageRow(row, standards)),
];
