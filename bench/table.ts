/** What a section of the benchmark finds out. */
import type { Samples } from "./contest.ts";
import { type Ratio, ratioOf, type Summary, summary } from "./stats.ts";

/** What is counted; "/s" is the only one of which more is better. */
export type Unit = "ms" | "/s" | "MB" | "kB" | "s";

/** One line: a thing that was measured and, where there is one, what it is compared with. */
export interface Row {
  /** Names it in bounds.json: `<section>.<thing>` or `<section>.<thing>/<beside>`. Stays the same from run to run. */
  readonly id: string;
  readonly name: string;
  readonly unit: Unit;
  readonly value: Summary;
  readonly beside?: { readonly name: string; readonly value: Summary; readonly ratio: Ratio };
}

/** A table, with a sentence or two on how it was made. */
export interface Table {
  readonly id: string;
  readonly title: string;
  readonly note: string;
  readonly rows: readonly Row[];
}

/** How much a section may do, and whom it tells how far it is. */
export interface Plan {
  /** The short form, for machines that check every change. */
  readonly quick: boolean;
  /** The folder of Go's plugins, or null where there is none. */
  readonly peer: string | null;
  /** Called with how much of the section is done, from 0 to 1. */
  readonly tick: (done: number) => void;
}

/** A row of what was measured alone. Without a measurement there is no row. */
export const alone = (id: string, name: string, unit: Unit, values: readonly number[]): readonly Row[] =>
  values.length === 0 ? [] : [{ id, name, unit, value: summary(values) }];

/** One side of a comparison. */
export interface Side {
  readonly name: string;
  readonly values: readonly number[];
}

/** A row that compares. Without one side there is only the other's; without either, none. */
export const against = (id: string, unit: Unit, own: Side, other: Side): readonly Row[] => {
  if (own.values.length === 0 || other.values.length === 0) return alone(id, own.name, unit, own.values);
  const ratio = ratioOf(own.values, other.values);
  const beside = { name: other.name, value: summary(other.values), ratio };
  return [{ id, name: own.name, unit, value: summary(own.values), beside }];
};

/** One side, out of a contest. */
export const side = (samples: Samples, contender: string, part: string, name: string): Side => ({
  name,
  values: samples.of(contender, part),
});

/** A part of the progress of a section that has several. */
export const part = ({ tick, ...plan }: Plan, from: number, to: number): Plan => ({
  ...plan,
  tick: (done) => tick(from + (to - from) * done),
});
