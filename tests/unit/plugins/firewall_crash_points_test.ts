/** firewall behind ptp and bridge on a simulated machine: no crash and no refusal leaves anything. */
import { testCrashPoints } from "../../support/crash_points.ts";

const chain = (maker: object, firewall: object) => ({
  type: "cleat",
  plugins: [maker, { type: "firewall", ...firewall }],
});

testCrashPoints({
  name: "firewall of both families with iptables, isolated on a bridge",
  plugin: chain({
    type: "bridge",
    isGateway: true,
    ipam: { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd01::/64" }]] },
  }, { ingressPolicy: "isolated" }),
  points: 60,
});

testCrashPoints({
  name: "firewall with firewalld behind ptp",
  plugin: chain({
    type: "ptp",
    ipam: { type: "host-local", subnet: "10.1.0.0/24" },
  }, { ingressPolicy: "same-bridge" }),
  prepare: ({ kernel }) => kernel.setFirewalld(true),
  points: 30,
});
