/** vrf on a simulated machine: no crash and no refusal leaves anything. */
import { prepare, previous } from "../../support/crash_after.ts";
import { testCrashPoints } from "../../support/crash_points.ts";

testCrashPoints({ name: "vrf", plugin: { type: "vrf", vrfname: "red" }, prepare, previous, points: 25 });
