/** Sentences for the operator that are no result and no error: they go to stderr. */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";

/**
 * Where notices go: nowhere by default; the doors point it at stderr.
 *
 * @example Collect them
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { notice, Notices } from "./notice.ts";
 * const said: string[] = [];
 * Effect.runSync(Effect.provideService(notice("The log is full"), Notices, (sentence) => void said.push(sentence)));
 * if (said[0] !== "The log is full") throw new Error("not heard");
 * ```
 */
export const Notices: Context.Reference<(sentence: string) => void> = Context.Reference<
  (sentence: string) => void
>("cleat/Notices", { defaultValue: () => () => {} });

/** Says a sentence to the operator. */
export const notice = (sentence: string): Effect.Effect<void> =>
  Effect.flatMap(Notices, (say) => Effect.sync(() => say(sentence)));
