/** How long the host has been up: a clock that nobody sets. Throws `SystemError`. */
import { checked } from "./checked.ts";
import { libcFunction } from "./ffi.ts";

const clockGettimeFn = libcFunction("clock_gettime", { parameters: ["i32", "buffer"], result: "i32" });

/** linux/time.h: goes on while the host sleeps. */
const CLOCK_BOOTTIME = 7;

/** Nanoseconds since the host was started. */
export function bootTimeNanos(): bigint {
  const timespec = new Uint8Array(16); // struct timespec { time_t tv_sec; long tv_nsec; }
  checked("clock_gettime", () => clockGettimeFn().call(CLOCK_BOOTTIME, timespec));
  const view = new DataView(timespec.buffer);
  return view.getBigInt64(0, true) * 1_000_000_000n + view.getBigInt64(8, true);
}
