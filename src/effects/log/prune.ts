/** Which streams have been history for long enough. */
import type { Reading } from "./store.ts";

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
