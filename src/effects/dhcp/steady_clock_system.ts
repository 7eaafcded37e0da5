/** The clock of the DHCP daemon. */
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import { bootTimeNanos } from "../libc/boot_time.ts";

const MILLION = 1_000_000n;

/**
 * A clock that begins with the time it is, and that nobody sets: a lease is for so many seconds, and the time of day may
 * jump by years when a host hears of it. Its monotonic time is how long the host has been up.
 *
 * @example
 * ```ts
 * import { steadyClock } from "./steady_clock_system.ts";
 * let uptime = 5_000_000n;
 * const clock = steadyClock(1000, () => uptime);
 * uptime += 2_000_000n;
 * if (clock.currentTimeMillisUnsafe() !== 1002) throw new Error("two milliseconds have passed");
 * ```
 */
export function steadyClock(now = Date.now(), uptimeNanos: () => bigint = bootTimeNanos): Clock.Clock {
  const timers = Clock.Clock.defaultValue();
  const offset = BigInt(now) * MILLION - uptimeNanos();
  const nanos = () => uptimeNanos() + offset;
  const millis = () => Number(nanos() / MILLION);
  return {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: uptimeNanos,
    monotonicTimeNanos: Effect.sync(uptimeNanos),
    sleep: (duration) => timers.sleep(duration),
  };
}
