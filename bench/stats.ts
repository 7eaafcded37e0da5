/** What many measurements of one thing come down to. */

/** The middle of the measurements, the smallest, and the range that holds all but the tenth at either end. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly p10: number;
  readonly p90: number;
  readonly count: number;
}

/** One median in terms of another. */
export interface Ratio {
  readonly value: number;
  readonly p10: number;
  readonly p90: number;
  /** Half the width of the interval in which the median of another such run is to be expected. */
  readonly noise: number;
}

/** Half the width of a median's 95 % interval, in interquartile ranges over √n (McGill, Tukey and Larsen, 1978). */
const NOTCH = 1.57;

/** The value below which that part of them lies: 0.5 is the median. NaN of none. */
export const quantile = (values: readonly number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? NaN;

/** The middle value, which one slow run does not move. */
export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Sums measurements up. */
export const summary = (values: readonly number[]): Summary => ({
  median: median(values),
  min: quantile(values, 0),
  p10: quantile(values, 0.1),
  p90: quantile(values, 0.9),
  count: values.length,
});

const notch = (values: readonly number[]): number =>
  NOTCH * (quantile(values, 0.75) - quantile(values, 0.25)) / Math.sqrt(values.length);

/**
 * How much `values` are of `base`. Where there are as many of both they were taken in turns, and the spread is that of
 * the pairs: what slowed both down for a while is not in it.
 */
export function ratioOf(values: readonly number[], base: readonly number[]): Ratio {
  const middle = median(base);
  const paired = values.length === base.length;
  const ratios = values.map((value, i) => value / (paired ? base[i] ?? NaN : middle));
  const value = median(values) / middle;
  return {
    value,
    p10: quantile(ratios, 0.1),
    p90: quantile(ratios, 0.9),
    noise: paired ? notch(ratios) : value * (notch(values) / median(values) + notch(base) / middle),
  };
}
