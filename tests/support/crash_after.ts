/** An interface of both families in every container of the crash-point tests, for plugins that come after the one which made it. */
import type { KernelOp } from "../../src/effects/kernel/op.ts";
import type { Machine } from "./engine.ts";
import { address, link, route } from "./vrf_case.ts";

/** What the plugin before has answered. */
export const previous = () => ({
  cniVersion: "1.1.0",
  interfaces: [{ name: "eth0" }],
  ips: [{ address: "10.0.0.2/24", gateway: "10.0.0.1", interface: 0 }, { address: "fd01::2/64", interface: 0 }],
});

const INSIDE: readonly KernelOp[] = [
  address("eth0", "10.0.0.2/24"),
  address("eth0", "fd01::2/64"),
  route("eth0", "10.10.0.0/16", { gw: "10.0.0.1", protocol: 4 }),
  route("eth0", "10.77.0.0/16", { scope: 253 }),
  route("eth0", "fd10::/64", { gw: "fd01::1" }),
];

/** Each container has an interface of its own kind of name on the host. */
export const prepare = ({ kernel }: Machine): void => {
  for (const id of ["blue", "neighbour"]) {
    const [pair, up] = link("eth0");
    if (pair?.op !== "link.create" || up === undefined) throw new Error("no pair");
    kernel.drift(`/ns/${id}`, { ...pair, name: `host-${id}` }, up, ...INSIDE);
  }
};
