/** What a run of the matrix has found, as plain data: workers print it, and the page is made of it. */
import type { Verb } from "../../tests/support/dying_call.ts";
import type { Step } from "../../tests/support/dying_layer.ts";

/** One death: where, how the host recovered, and what was left. */
export interface Death {
  readonly scenario: string;
  readonly verb: Verb;
  /** Points 2n and 2n + 1 are before and after step n. */
  readonly at: number;
  readonly way: string;
  readonly left: readonly string[];
}

/** One full disk: from which append of which verb on. */
export interface FullDisk {
  readonly scenario: string;
  readonly verb: "ADD" | "DEL";
  readonly append: number;
  readonly left: readonly string[];
}

/** One lost log. */
export interface LostLog {
  readonly scenario: string;
  readonly known: string;
  readonly left: readonly string[];
}

/** The steps of a scenario's verbs, and which ways of recovery there are for it. */
export interface Steps {
  readonly scenario: string;
  readonly steps: Readonly<Record<Verb, readonly Step[]>>;
  readonly ways: readonly string[];
}

/** What a worker found in its share of the work. */
export interface Share {
  readonly steps: readonly Steps[];
  readonly deaths: readonly Death[];
  readonly disks: readonly FullDisk[];
  readonly lost: readonly LostLog[];
}

/** A sentence for everything that was left anywhere. */
export const residueOf = ({ deaths, disks, lost }: Share): readonly string[] => [
  ...deaths.filter(({ left }) => left.length > 0).map(({ scenario, verb, at, way, left }) =>
    `${scenario}: ${verb} died ${at % 2 === 0 ? "before" : "after"} step ${(at >> 1) + 1}, then ${way}:${told(left)}`
  ),
  ...disks.filter(({ left }) => left.length > 0).map(({ scenario, verb, append, left }) =>
    `${scenario}: ${verb} on a disk that was full from append ${append + 1} on:${told(left)}`
  ),
  ...lost.filter(({ left }) => left.length > 0).map(({ scenario, known, left }) =>
    `${scenario}: DEL without a log, ${known}:${told(left)}`
  ),
];

const told = (left: readonly string[]): string => left.map((line) => `\n    ${line}`).join("");
