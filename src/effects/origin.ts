/** Ambient facts, brought in by hand: a test writes its own in one line. */
import * as Context from "effect/Context";

/** Who writes, when, in which boot of the machine. `now` answers ISO 8601 in UTC with milliseconds. */
export interface OriginShape {
  readonly boot: string;
  readonly pid: number;
  readonly by: string;
  readonly now: () => string;
}

/** The source of the facts every record carries. */
export class Origin extends Context.Service<Origin, OriginShape>()("cleat/Origin") {}
