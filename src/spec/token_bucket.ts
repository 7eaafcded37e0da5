/**
 * How the kernel counts a token bucket: what may pass at once is a time, which that much takes at the bucket's rate.
 *
 * @module
 */

/** How much passes: what came in at `rate` and did not pass is saved up to `burst`. */
export interface TokenBucket {
  /** In bytes per second. */
  readonly rate: number;
  /** In bytes: so much may pass at once. */
  readonly burst: number;
}

/** Nanoseconds of a tick (PSCHED_SHIFT, net/pkt_sched.h). */
const TICK_NS = 64;

/** The kernel has 32 bits for it: 275 seconds. */
const MAX_TICKS = 0xffff_ffff;

/** Ticks of a microsecond. */
const TICKS_PER_MICROSECOND = 1_000 / TICK_NS;

/** Above so many microseconds, a fraction of one does not matter. */
const WHOLE_MICROSECONDS = 100;

/**
 * The burst of a bucket in ticks of 64 ns, at most what the kernel can hold. Long times are whole microseconds, as tc(8) and
 * Go's plugin count; of short ones, which are those of fast links, that would take away too much.
 *
 * @example
 * ```ts
 * import { burstTicks } from "./token_bucket.ts";
 * const ticks = burstTicks({ rate: 1_000, burst: 10 });
 * if (ticks !== 156_250) throw new Error(`${ticks}`);
 * ```
 */
export const burstTicks = ({ rate, burst }: TokenBucket): number => {
  const microseconds = (burst * 1e6) / rate;
  const ticks = microseconds < WHOLE_MICROSECONDS
    ? Math.ceil(microseconds * TICKS_PER_MICROSECOND)
    : Math.floor(Math.floor(microseconds) * TICKS_PER_MICROSECOND);
  return Math.min(ticks, MAX_TICKS);
};

/** What passes at once in so many ticks, in whole bytes. */
export const bytesIn = (ticks: number, rate: number): number => Math.round((ticks * TICK_NS * rate) / 1e9);

/** Whether a burst that the kernel shows in ticks is the bucket's, to a microsecond. */
export const sameBurst = (bucket: TokenBucket, ticks: number): boolean =>
  Math.abs(burstTicks(bucket) - ticks) <= TICKS_PER_MICROSECOND + 1;
