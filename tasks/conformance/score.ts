/** How much of the checklist is met. */
import type { Item, Section, Tag } from "./checklist.ts";
import type { Outcome } from "./outcomes.ts";

/** What counts, and how much of it must be met, in percent. */
export const TARGETS: readonly { readonly tag: Tag; readonly share: number }[] = [
  { tag: "S", share: 100 },
  { tag: "SL", share: 100 },
  { tag: "L", share: 95 },
  { tag: "P", share: 100 },
];

/**
 * How an item stands. `met`: a test of it passed and none failed. `differs` and `not here` have a reason; the former
 * counts as met, the latter does not count. `open` has no test.
 */
export type Standing = "met" | "differs" | "not here" | "failed" | "skipped" | "open";

/** What the tests that carry an item's number say of it; an excuse does not outweigh a failure. */
export function standingOf(item: Item, outcomes: readonly Outcome[]): Standing {
  if (outcomes.includes("failed")) return "failed";
  if (item.excuse !== null) return item.excuse.kind;
  if (outcomes.includes("passed")) return "met";
  return outcomes.includes("skipped") ? "skipped" : "open";
}

/** One target and what came of it. */
export interface Score {
  readonly tag: Tag;
  readonly share: number;
  /** Items with a test that passed. */
  readonly tested: number;
  /** Items met in another way, for a reason. */
  readonly differing: number;
  /** Items that count. */
  readonly total: number;
  readonly reached: boolean;
}

/** Whether `met` of `total` is `share` percent. */
const reaches = (met: number, total: number, share: number): boolean => met * 100 >= total * share;

/** The score of each target. */
export function scores(sections: readonly Section[], standing: (item: Item) => Standing): readonly Score[] {
  const items = sections.flatMap(({ items }) => items);
  return TARGETS.map(({ tag, share }) => {
    const standings = items.filter((item) => item.tag === tag).map(standing).filter((found) => found !== "not here");
    const tested = standings.filter((found) => found === "met").length;
    const differing = standings.filter((found) => found === "differs").length;
    const total = standings.length;
    return { tag, share, tested, differing, total, reached: reaches(tested + differing, total, share) };
  });
}
