/** The clock of the DHCP daemon. */
import assert from "node:assert/strict";
import { steadyClock } from "../../../src/effects/dhcp/steady_clock_system.ts";
import { bootTimeNanos } from "../../../src/effects/libc/boot_time.ts";

Deno.test("the clock of leases goes on from the time it began with, whatever the time of day is set to", () => {
  let uptime = 7_000_000_000n;
  const clock = steadyClock(1_000_000, () => uptime);
  assert.equal(clock.currentTimeMillisUnsafe(), 1_000_000);
  uptime += 2_500_000n;
  assert.equal(clock.currentTimeMillisUnsafe(), 1_000_002);
  const { now } = Date;
  Date.now = () => now() + 31_536_000_000;
  try {
    assert.equal(clock.currentTimeMillisUnsafe(), 1_000_002);
  } finally {
    Date.now = now;
  }
});

Deno.test("the time since the host was started is the kernel's", () => {
  const seconds = Number(Deno.readTextFileSync("/proc/uptime").split(" ")[0]);
  const told = Number(bootTimeNanos()) / 1e9;
  assert.ok(told >= seconds && told < seconds + 5, `${told} and ${seconds}`);
});
