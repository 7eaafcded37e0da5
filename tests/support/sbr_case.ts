/** Requests for tests of the sbr plugin, and the machine they are run on. */
import type { KernelOp, RouteOp } from "../../src/effects/kernel/op.ts";
import { sbr } from "../../src/plugins/sbr.ts";
import type { JsonObject } from "../../src/spec/json.ts";
import { pluginMachine } from "./plugin_machine.ts";

/** A pair whose end on the host is up. */
export const veth = (name: string, peer: string): KernelOp => ({
  op: "link.create",
  on: "host",
  name,
  link: { kind: "veth", peer: { on: "container", name: peer } },
  up: true,
});
/** Sets a link of the container up. */
export const up = (name: string): KernelOp => ({ op: "link.set", on: "container", name, set: { up: true } });
/** An address in the container. */
export const address = (link: string, address: string): KernelOp => ({
  op: "address.add",
  on: "container",
  link,
  address,
});
/** A route in the container. */
export const route = (link: string, dst: string, more: Partial<RouteOp> = {}): KernelOp => ({
  op: "route.add",
  on: "container",
  link,
  dst,
  ...more,
});
/** A rule in the container. */
export const rule = (from: string, table: number, priority: number): KernelOp => ({
  op: "rule.add",
  on: "container",
  from,
  table,
  priority,
});

/** Two interfaces: the first with the default route, the second with one by its gateway. */
export const TWO: readonly KernelOp[] = [
  veth("v0", "eth0"),
  veth("v1", "net1"),
  up("eth0"),
  up("net1"),
  address("eth0", "10.0.0.2/24"),
  route("eth0", "10.0.0.0/16", { gw: "10.0.0.1" }),
  route("eth0", "0.0.0.0/0", { gw: "10.0.0.1" }),
  address("net1", "192.168.1.209/24"),
  route("net1", "192.168.2.0/24", { gw: "192.168.1.2" }),
];

/** The attachment. */
export const KEY = { network: "net", containerId: "c1", ifName: "net1" };
/** Both interfaces. */
export const INTERFACES = [{ name: "eth0", sandbox: "/ns/c1" }, { name: "net1", sandbox: "/ns/c1" }];
/** The address of the second interface. */
export const IP = { address: "192.168.1.209/24", gateway: "192.168.1.1", interface: 1 };
/** An IPv6 address of the second, and both interfaces with it. */
export const V6 = { address: "2001:db8:1::209/64", gateway: "2001:db8:1::1", interface: 1 };
export const BOTH: readonly KernelOp[] = [...TWO, address("net1", V6.address)];
/** The address of the first. */
export const FIRST = { address: "10.0.0.2/24", interface: 0 };

/** A request config. */
export const conf = (
  settings: JsonObject = {},
  ips: readonly JsonObject[] = [FIRST, IP],
  cniVersion = "1.1.0",
): JsonObject => ({
  cniVersion,
  name: "net",
  type: "sbr",
  ...settings,
  prevResult: cniVersion < "1.0.0"
    ? { cniVersion, interfaces: INTERFACES, ips: ips.map((ip) => ({ version: "4", ...ip })) }
    : { cniVersion, interfaces: INTERFACES, ips: [...ips] },
});

interface Shown {
  readonly dst: string;
  readonly gw: string | null;
  readonly link: string;
  readonly table: number;
  readonly src?: string;
}

/** The plugin on a machine, and what its container has. */
export const machineOf = (before: readonly KernelOp[] = TWO) => {
  const made = pluginMachine(sbr, before);
  const inside = () => made.container() as unknown as { routes: readonly Shown[]; rules: readonly JsonObject[] };
  return {
    ...made,
    run: (verb: Parameters<typeof made.run>[0], raw: JsonObject, change: object = {}) =>
      made.run(verb, raw, { key: KEY, ...change }),
    /** Rules as `source → table`, the first to be asked first. */
    rules: () =>
      inside().rules.toSorted((a, b) => Number(a.priority) - Number(b.priority))
        .map(({ from, table }) => `${from} → ${table}`),
    routes: (table: number) =>
      inside().routes.filter((each) => each.table === table && !each.dst.startsWith("fe80"))
        .map(({ dst, gw, link, src }) => `${dst}${gw === null ? "" : ` via ${gw}`} ${link}${src ? ` from ${src}` : ""}`)
        .toSorted(),
  };
};

/** What the main table keeps. */
export const MAIN = ["0.0.0.0/0 via 10.0.0.1 eth0", "10.0.0.0/16 via 10.0.0.1 eth0", "10.0.0.0/24 eth0"];
/** What the table of the second interface has. */
export const OWN = [
  "0.0.0.0/0 via 192.168.1.1 net1",
  "192.168.1.0/24 net1 from 192.168.1.209",
  "192.168.2.0/24 via 192.168.1.2 net1",
];
