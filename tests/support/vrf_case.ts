/** Requests and ops for tests of the vrf plugin. */
import type { KernelOp, RouteOp } from "../../src/effects/kernel/op.ts";
import { vrf } from "../../src/plugins/vrf.ts";
import type { JsonObject } from "../../src/spec/json.ts";
import { pluginMachine } from "./plugin_machine.ts";

/** A pair whose end in the container is up. */
export const link = (name: string): readonly KernelOp[] => [
  {
    op: "link.create",
    on: "host",
    name: `host-${name}`,
    link: { kind: "veth", peer: { on: "container", name } },
    up: true,
  },
  { op: "link.set", on: "container", name, set: { up: true } },
];

/** An address that need not be checked. */
export const address = (link: string, address: string): KernelOp => ({
  op: "address.add",
  on: "container",
  link,
  address,
  ...(address.includes(":") ? { noDad: true } : {}),
});

export const route = (link: string, dst: string, more: Partial<RouteOp> = {}): KernelOp => ({
  op: "route.add",
  on: "container",
  link,
  dst,
  ...more,
});

/** An interface with addresses and routes of both families. */
export const INTERFACE: readonly KernelOp[] = [
  ...link("eth0"),
  address("eth0", "10.0.0.2/24"),
  address("eth0", "fd01::2/64"),
  route("eth0", "10.10.0.0/16", { gw: "10.0.0.1", metric: 7, mtu: 1400 }),
  route("eth0", "10.77.0.0/16", { scope: 253 }),
  route("eth0", "fd10::/64", { gw: "fd01::1" }),
];

/** A second one. */
export const SECOND: readonly KernelOp[] = [
  ...link("net1"),
  address("net1", "10.1.0.2/24"),
  route("net1", "10.11.0.0/16", { gw: "10.1.0.1" }),
];

/** A request config. */
export const conf = (
  vrfname: string,
  settings: JsonObject = {},
  ifName = "eth0",
  cniVersion = "1.1.0",
): JsonObject => ({
  cniVersion,
  name: "net",
  type: "vrf",
  vrfname,
  ...settings,
  prevResult: {
    cniVersion,
    interfaces: [{ name: ifName, sandbox: "/ns/c1" }],
    ips: [{ ...(cniVersion < "1.0.0" ? { version: "4" } : {}), address: "10.0.0.2/24", interface: 0 }],
  },
});

/** A VRF that somebody has made. */
export const vrfLink = (name: string, table: number): KernelOp => ({
  op: "link.create",
  on: "container",
  name,
  link: { kind: "vrf", table },
  up: true,
});

interface Shown {
  readonly dst: string;
  readonly gw: string | null;
  readonly link: string;
  readonly table: number;
  readonly metric: number;
}
interface ShownLink {
  readonly kind: string | null;
  readonly master: string | null;
  readonly up: boolean;
  readonly vrfTable?: number;
  readonly addresses: readonly { readonly address: string }[];
}

/** The plugin on a machine, and what its container has. */
export const machineOf = (before: readonly KernelOp[] = INTERFACE, options = {}) => {
  const made = pluginMachine(vrf, before, options);
  const inside = () =>
    made.container() as unknown as { routes: readonly Shown[]; links: Readonly<Record<string, ShownLink>> };
  return {
    ...made,
    of: (ifName: string) => ({ key: { network: "net", containerId: "c1", ifName } }),
    link: (name: string) => inside().links[name],
    addresses: (name: string) =>
      inside().links[name]?.addresses.map(({ address }) => address).filter((text) => !text.startsWith("fe80")),
    routes: (table: number) =>
      inside().routes.filter((each) => each.table === table && !each.dst.startsWith("fe80"))
        .map(({ dst, gw, link }) => `${dst}${gw === null ? "" : ` via ${gw}`} ${link}`).toSorted(),
  };
};
