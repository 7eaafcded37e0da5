/** Sentences for the operator that are no result and no error: they go to stderr. */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";

/** Where notices go; the doors point it at stderr. A library user may point it at a logger. */
export const Notices: Context.Reference<(sentence: string) => void> = Context.Reference<
  (sentence: string) => void
>("cleat/Notices", { defaultValue: () => () => {} });

/** Says a sentence to the operator. */
export const notice = (sentence: string): Effect.Effect<void> =>
  Effect.flatMap(Notices, (say) => Effect.sync(() => say(sentence)));
