/** ptp on a simulated machine: no crash and no refusal leaves anything. */
import { testCrashPoints } from "../../support/crash_points.ts";

testCrashPoints({
  name: "ptp of both families with masquerade",
  plugin: {
    type: "ptp",
    ipMasq: true,
    mtu: 1400,
    ipam: {
      type: "host-local",
      ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd01::/64" }]],
      routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
    },
  },
  points: 60,
});

testCrashPoints({
  name: "ptp of single addresses given by static",
  plugin: {
    type: "ptp",
    ipam: {
      type: "static",
      addresses: [{ address: "10.1.0.9/32", gateway: "169.254.1.1" }],
      routes: [{ dst: "0.0.0.0/0" }],
    },
  },
  points: 20,
});
