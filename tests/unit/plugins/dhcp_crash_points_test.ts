/** A bridge whose addresses a DHCP server gives, on a simulated machine: no crash and no refusal leaves a lease. */
import { testCrashPoints } from "../../support/crash_points.ts";

testCrashPoints({
  name: "bridge with addresses of a DHCP server",
  plugin: { type: "bridge", bridge: "br0", ipam: { type: "dhcp", request: [{ option: "121" }] } },
  points: 20,
});
