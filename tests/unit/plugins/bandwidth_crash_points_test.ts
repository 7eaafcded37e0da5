/** bandwidth on a simulated machine: no crash and no refusal leaves anything. */
import { pairOf } from "../../support/bandwidth_machine.ts";
import { testCrashPoints } from "../../support/crash_points.ts";
import type { Machine } from "../../support/engine.ts";

const NAMES = ["blue", "neighbour"] as const;

/** Pairs of both containers, as a plugin before has left them. */
const prepare = ({ kernel }: Machine): void => {
  for (const name of NAMES) kernel.drift(`/ns/${name}`, ...pairOf(`veth-${name}`, "eth0"));
};

const previous = (containerId: string) => ({
  cniVersion: "1.1.0",
  interfaces: [{ name: `veth-${containerId}` }, { name: "eth0", sandbox: `/ns/${containerId}` }],
});

const LIMITS = { ingressRate: 8_000_000, ingressBurst: 800_000, egressRate: 16_000_000, egressBurst: 400_000 };

testCrashPoints({
  name: "bandwidth in both directions",
  plugin: { type: "bandwidth", ...LIMITS },
  prepare,
  previous,
  points: 18,
});

testCrashPoints({
  name: "bandwidth for some partners",
  plugin: { type: "bandwidth", ...LIMITS, shapedSubnets: ["10.0.0.0/8", "fd00::/8"] },
  prepare,
  previous,
  points: 40,
});
