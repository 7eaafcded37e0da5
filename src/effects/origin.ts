/** Ambient facts, brought in by hand: a test writes its own in one line. */
import * as Context from "effect/Context";

/** Who writes, when, in which boot of the machine. */
export interface OriginShape {
  /** The kernel's boot id (random(4)). */
  readonly boot: string;
  /** Id of this process. */
  readonly pid: number;
  /** Program and version: `cleat 1.2.3`. */
  readonly by: string;
  /** The time: ISO 8601 in UTC, with milliseconds. */
  readonly now: () => string;
}

/** The source of the facts every record carries. */
export class Origin extends Context.Service<Origin, OriginShape>()("cleat/Origin") {}
