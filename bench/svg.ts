/** A table as a chart: a bar per median, with a line from the tenth to the ninetieth of a hundred. */
import type { Summary } from "./stats.ts";
import type { Row, Table, Unit } from "./table.ts";
import { number } from "./words.ts";

/** Lengths in pixels: the whole, the names on the left, the numbers on the right, a bar and what is between two rows. */
const WIDTH = 900;
const NAMES = 330;
const NUMBERS = 150;
const BAR = 11;
const GAP = 9;
const HEAD = 56;

const OWN = "#2563eb";
const OTHER = "#b6bdc9";
const TEXT = "#1f2937";
const FAINT = "#6b7280";

/** Text as it may stand in XML. */
const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

const text = (x: number, y: number, content: string, fill = TEXT, more = ""): string =>
  `<text x="${x}" y="${y}" fill="${fill}"${more}>${escaped(content)}</text>`;

/** Bars of one unit have one scale: its longest reaches the end. */
function scaleOf(rows: readonly Row[], unit: Unit): (value: number) => number {
  const same = rows.filter((row) => row.unit === unit);
  const longest = Math.max(...same.flatMap(({ value, beside }) => [value.p90, beside?.value.p90 ?? 0]));
  return (value) => Math.round(value / longest * (WIDTH - NAMES - NUMBERS) * 10) / 10;
}

function bar(
  y: number,
  { median, p10, p90 }: Summary,
  unit: Unit,
  fill: string,
  scale: (value: number) => number,
): string {
  const middle = y + BAR / 2;
  const end = NAMES + Math.max(scale(median), scale(p90)) + 6;
  return [
    `<rect x="${NAMES}" y="${y}" width="${scale(median)}" height="${BAR}" rx="2" fill="${fill}"/>`,
    `<path d="M${NAMES + scale(p10)} ${middle}H${NAMES + scale(p90)}" stroke="${TEXT}" stroke-opacity=".55"/>`,
    text(end, y + BAR - 1.5, `${number(median)} ${unit}`, fill === OWN ? TEXT : FAINT),
  ].join("");
}

/** What a row is compared with, below its name. */
const heightOf = ({ beside }: Row): number => (beside === undefined ? BAR : 2 * BAR + 2) + GAP;

function rowText(row: Row, y: number, rows: readonly Row[]): string {
  const { name, unit, value, beside } = row;
  const scale = scaleOf(rows, unit);
  const right = ' text-anchor="end"';
  const own = [text(NAMES - 8, y + BAR - 1.5, name, TEXT, right), bar(y, value, unit, OWN, scale)];
  if (beside === undefined) return own.join("");
  const below = y + BAR + 2;
  return [
    ...own,
    text(NAMES - 8, below + BAR - 1.5, beside.name, FAINT, right),
    bar(below, beside.value, unit, OTHER, scale),
    text(WIDTH - 8, y + BAR - 1.5, `${number(beside.ratio.value)} ×`, TEXT, `${right} font-weight="600"`),
  ].join("");
}

/** The chart of a table, as a document of its own. */
export function chart({ title, rows }: Table): string {
  let y = HEAD;
  const drawn = rows.map((row) => {
    const at = y;
    y += heightOf(row);
    return rowText(row, at, rows);
  });
  const height = y + GAP;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="11">`,
    `<title>${escaped(title)}</title><rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    text(16, 24, title, TEXT, ' font-size="15" font-weight="600"'),
    text(16, 42, "Medians; lines from p10 to p90. Bars of one unit have one scale.", FAINT),
    ...drawn,
    "</svg>",
    "",
  ].join("\n");
}
