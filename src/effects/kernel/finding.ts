/** How CHECK says what no longer holds: the thing, what was expected, and what is there. */
import type { Side } from "./op.ts";

/** Sentences; none when all is as it was left. */
export type Findings = readonly string[];

/** Nothing was found. */
export const FINE: Findings = [];

/** Which side a thing is on. */
export const where = (on: Side): string => on === "host" ? "on the host" : "in the container";

/** A link, as a finding names it. */
export const linkAt = (on: Side, name: string): string => `link "${name}" ${where(on)}`;

/** One finding, or none when expected and found agree. */
export const expect = (thing: string, what: string, expected: string, found: string): Findings =>
  expected === found ? FINE : [`${thing}: expected ${what}${expected}, found ${found}`];

/** What should be there and is not. */
export const missing = (thing: string): Findings => [`${thing}: expected it to exist, found none`];

/** What was found instead, where that may be several things or none. */
export const listed = (things: readonly string[]): string => things.length === 0 ? "none" : things.join(", ");

/** A switch in words. */
export const onOff = (flag: boolean): string => flag ? "on" : "off";
