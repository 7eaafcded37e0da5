/** sbr on a simulated machine: no crash and no refusal leaves anything. */
import { prepare, previous } from "../../support/crash_after.ts";
import { testCrashPoints } from "../../support/crash_points.ts";

for (
  const each of [
    { name: "sbr with tables of its own", plugin: { type: "sbr" }, points: 20 },
    { name: "sbr with a configured table", plugin: { type: "sbr", table: 5000 }, points: 6 },
  ]
) {
  testCrashPoints({ ...each, prepare, previous });
}
