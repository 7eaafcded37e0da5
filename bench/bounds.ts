/**
 * What rows are held to. `bench/bounds.json` has a target, what we want, and a bound, what the short form measured when it
 * was recorded last: where a target is missed the bound says by how much today, and that it must not get worse.
 */
import type { Row } from "./table.ts";

/** What one row is held to. */
export interface Standard {
  /** The ratio to what is beside it, or the median itself, which depends on the machine and so has no bound. */
  readonly of: "ratio" | "value";
  /** Whether the numbers are the most or the least it may be. */
  readonly limit: "most" | "least";
  readonly target: number;
  /** The ratio when it was recorded, and its noise then. Null until the short form has recorded it. */
  readonly bound: number | null;
  readonly noise: number | null;
}

/** Standards by the ids of rows. */
export type Standards = Readonly<Record<string, Standard>>;

/** How a row stands. */
export interface Verdict {
  readonly standard: Standard;
  readonly found: number;
  readonly met: boolean;
  /** Not behind the bound by more than the noise; null where there is no bound. */
  readonly held: boolean | null;
}

/** The least that a ratio may be behind its bound, as a part of it: no two runs are equal, nor two machines. */
export const SLACK = 0.15;

const BOUNDS = new URL("bounds.json", import.meta.url);

/** The recorded standards. */
export const readStandards = (): Standards => JSON.parse(Deno.readTextFileSync(BOUNDS));

/** Keeps them. */
export const writeStandards = (standards: Standards): void =>
  Deno.writeTextFileSync(BOUNDS, `${JSON.stringify(standards, null, 2)}\n`);

const within = (found: number, limit: number, which: Standard["limit"]): boolean =>
  which === "most" ? found <= limit : found >= limit;

/** Judges a row; null where nothing is asked of it, or where what is asked could not be measured. */
export function judge(row: Row, standards: Standards): Verdict | null {
  const standard = standards[row.id];
  const ratio = row.beside?.ratio;
  if (standard === undefined) return null;
  const found = standard.of === "value" ? row.value.median : ratio?.value;
  if (found === undefined) return null;
  const { target, limit, bound, noise } = standard;
  const met = within(found, target, limit);
  if (bound === null || ratio === undefined) return { standard, found, met, held: null };
  const margin = Math.max(SLACK * bound, ratio.noise + (noise ?? 0));
  return { standard, found, met, held: within(found, limit === "most" ? bound + margin : bound - margin, limit) };
}

/** A number with three digits that count. */
const rounded = (value: number): number => Number(value.toPrecision(3));

/** The standards with today's ratios as bounds, of the rows that have been measured. */
export const recorded = (rows: readonly Row[], standards: Standards): Standards =>
  Object.fromEntries(
    Object.entries(standards).map(([id, standard]) => {
      const ratio = rows.find((row) => row.id === id)?.beside?.ratio;
      if (standard.of === "value" || ratio === undefined) return [id, standard];
      return [id, { ...standard, bound: rounded(ratio.value), noise: rounded(ratio.noise) }];
    }),
  );
