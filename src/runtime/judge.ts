/** What is to become of an attachment, from its log alone: a pure decision, so that every case of it can be tested. */
import { afterReboot, type Entry, residue } from "../machines/entry.ts";
import type { AddEvent } from "../machines/event.ts";
import type { StateName } from "../machines/attachment.ts";
import type { Slot, StreamId } from "../spec/key.ts";
import type { CniResult } from "../spec/result.ts";

/** A stream as it was found: its state, who wrote it last, and whether anybody is at work on it. */
export interface StreamFacts {
  /** Its name. */
  readonly id: StreamId;
  /** The state its log ends in. */
  readonly state: StateName;
  /** The ADD that is to be undone; null where none is known. */
  readonly add: AddEvent | null;
  /** What it answered. */
  readonly result: CniResult | null;
  /** What it has done and not undone. */
  readonly stack: readonly Entry[];
  /** Number of the last record; 0 where there is none. */
  readonly seq: number;
  /** When that was written (ISO 8601); empty where there is none. */
  readonly at: string;
  /** Boot in which it was written. */
  readonly boot: string;
  /** Process that wrote it. */
  readonly pid: number;
  /** Why its log cannot be trusted, or null. */
  readonly damage: string | null;
  /** Whether a process has it open at the moment. Only asked where a command is under way or something is owed. */
  readonly held: boolean;
}

/** What is known of a container besides the log: whether its namespace is there; null where there is no telling. */
export interface Life {
  readonly alive: boolean | null;
  readonly why: string;
}

/**
 * "over": nothing is left of it. "alive": leave it alone. "held": somebody is at work on it. "unclear": there is no
 * telling, so it is left alone. "leftover": it may live, but these streams are what a dead process, or a failed undo,
 * has left. "dead": all of it goes.
 */
export type Verdict =
  | { readonly verdict: "over" }
  | { readonly verdict: "alive" | "held" | "unclear" | "dead"; readonly why: string; readonly slots: readonly Slot[] }
  | { readonly verdict: "leftover"; readonly why: string; readonly slots: readonly Slot[] };

/** What a stream still has to undo in this boot: kernel state of another one is void. The last to be undone comes last. */
export const owedBy = (
  { stack, boot }: StreamFacts,
  now: string,
): readonly (Entry & { readonly undo: Entry["op"] })[] => residue(boot === now ? stack : afterReboot(stack));

/** Whether a DEL would have something to do: an ADD that failed and was undone is history, too. */
export const isLive = ({ state, stack }: StreamFacts): boolean =>
  state !== "absent" && state !== "detached" && (state !== "failed" || residue(stack).length > 0);

/** States in which a container uses what the stream made. */
const IN_USE: ReadonlySet<StateName> = new Set(["attached", "drifted", "checking"]);
/** States that only a process at work can be in. */
const UNDER_WAY: ReadonlySet<StateName> = new Set(["attaching", "detaching"]);

const leftoverWhy = ({ id: { slot }, state, pid, stack }: StreamFacts): string => {
  if (UNDER_WAY.has(state)) return `process ${pid} died while "${slot}" was ${state}`;
  const reason = residue(stack).find(({ undoError }) => undoError !== undefined)?.undoError?.msg;
  return `"${slot}" could not be undone${reason === undefined ? "" : `: ${reason}`}`;
};

/**
 * Judges the streams of one attachment in boot `now`. `life` is what is known besides; null asks the log alone, as after
 * a reboot. What is damaged takes no part: DEL undoes what it can of it.
 */
export function judge(streams: readonly StreamFacts[], now: string, life: Life | null = null): Verdict {
  const live = streams.filter((stream) => stream.damage === null && isLive(stream));
  if (live.length === 0) return { verdict: "over" };
  const slots = live.map(({ id: { slot } }) => slot);
  const held = live.find((stream) => stream.held);
  if (held !== undefined) {
    return { verdict: "held", why: `process ${held.pid} is at work on "${held.id.slot}"`, slots };
  }
  const current = live.filter(({ boot }) => boot === now);
  const isStale = current.length < live.length && !current.some(({ state }) => IN_USE.has(state));
  if (isStale) return { verdict: "dead", why: "the host has been rebooted since", slots };
  if (life?.alive === false) return { verdict: "dead", why: life.why, slots };
  const left = current.filter(({ state }) => !IN_USE.has(state));
  if (left.length > 0) {
    return { verdict: "leftover", why: left.map(leftoverWhy).join("; "), slots: left.map(({ id: { slot } }) => slot) };
  }
  if (life?.alive === null) return { verdict: "unclear", why: life.why, slots };
  return { verdict: "alive", why: life?.why ?? "it was used in this boot, and nobody has ended it", slots };
}
