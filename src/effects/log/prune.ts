/** Which streams have been history for long enough. */
import type { AttachmentKey } from "../../spec/key.ts";
import type { PruneLimits, Reading } from "./store.ts";

/**
 * Whether a stream was detached before that time (ISO 8601). A damaged stream never is: it is kept for people. An empty
 * file is what a process leaves that ended between making it and writing to it; nothing is lost with it.
 */
export const isPrunable = ({ records, corruption }: Reading, before: string): boolean => {
  const last = records.at(-1);
  if (corruption !== null) return false;
  if (last === undefined) return true;
  return last.event.type === "del.succeeded" && Date.parse(last.at) < Date.parse(before);
};

/** How a log ends, by its last line alone, which nobody has verified: good enough for putting logs in order. */
export interface LogEnd {
  /** When it was written (ISO 8601); empty where there is none. */
  readonly at: string;
  /** Whether it says that nothing is left. */
  readonly isOver: boolean;
}

const NEWLINE = 0x0a;
const decoder = new TextDecoder();

/** The end of a log in these bytes. A torn line is the end of nothing. */
export function endOf(bytes: Uint8Array<ArrayBuffer>): LogEnd {
  if (bytes.length === 0) return { at: "", isOver: true };
  if (bytes.at(-1) !== NEWLINE) return { at: "", isOver: false };
  const start = bytes.lastIndexOf(NEWLINE, bytes.length - 2) + 1;
  try {
    const { at, event } = JSON.parse(decoder.decode(bytes.subarray(start)));
    return { at: typeof at === "string" ? at : "", isOver: event?.type === "del.succeeded" };
  } catch {
    return { at: "", isOver: false };
  }
}

/** An attachment's logs by their ends. */
export interface Ending {
  readonly key: AttachmentKey;
  readonly ends: readonly LogEnd[];
}

/** Later than any record. */
const NEVER = "9999-12-31T00:00:00Z";

const lastAt = ({ ends }: Ending): string => ends.map(({ at }) => at).reduce((a, b) => a > b ? a : b, "");

/**
 * Before when a stream of each attachment must have been detached to be removed: of the newest `keep` that are over, of
 * each network, and of those that are not, what is as old as `before`; of the others everything.
 */
export function deadlines<E extends Ending>(
  endings: readonly E[],
  before: string,
  { keep = Infinity }: PruneLimits,
): ReadonlyMap<E, string> {
  const found = new Map<E, string>(endings.map((ending) => [ending, before]));
  for (const ofNetwork of Map.groupBy(endings, ({ key }) => key.network).values()) {
    const over = ofNetwork.filter(({ ends }) => ends.every(({ isOver }) => isOver));
    over.sort((a, b) => lastAt(a) > lastAt(b) ? -1 : 1);
    for (const ending of over.slice(keep)) found.set(ending, NEVER);
  }
  return found;
}
