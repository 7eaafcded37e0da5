/** Waiting for a turn at something that others hold. */
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";

/** How long others are waited for, in milliseconds, unless a caller says otherwise. */
export const DEFAULT_WAIT_MS = 60_000;

/** First and longest pause between two attempts, in milliseconds: locks are held for about one. */
const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 32;

/**
 * Attempts at once, and as long as the answer is null again and again, with growing pauses, until `limitMs`
 * milliseconds have passed: then the answer is null. No clock is touched when the first attempt succeeds.
 *
 * To be run uninterruptibly, so that what an attempt has taken cannot be lost; `restore`, from the caller's
 * `uninterruptibleMask`, makes the pauses as interruptible as the caller is.
 */
export const takeTurn = <A, E, R>(
  attempt: Effect.Effect<A | null, E, R>,
  limitMs: number,
  restore: (pause: Effect.Effect<void>) => Effect.Effect<void>,
): Effect.Effect<A | null, E, R> =>
  Effect.gen(function* () {
    const first = yield* attempt;
    if (first !== null) return first;
    const start = yield* Clock.currentTimeMillis;
    for (let pause = FIRST_PAUSE_MS;; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      const left = limitMs - ((yield* Clock.currentTimeMillis) - start);
      if (left <= 0) return null;
      yield* restore(Effect.sleep(Math.min(pause, left)));
      const answer = yield* attempt;
      if (answer !== null) return answer;
    }
  });
