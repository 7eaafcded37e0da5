/** The firewall plugin on a simulated machine, behind a bridge. */
import type { KernelOp } from "../../src/effects/kernel/op.ts";
import type { SimulatedOptions } from "../../src/effects/kernel/simulated.ts";
import type { Command } from "../../src/engine/command.ts";
import { firewall } from "../../src/plugins/firewall.ts";
import type { JsonObject } from "../../src/spec/json.ts";
import { pluginMachine } from "./plugin_machine.ts";

/** The network. */
export const NET = { cniVersion: "1.1.0", name: "net", type: "firewall" } as const;

/** A bridge with the host's ends of two containers. */
export const BRIDGED: readonly KernelOp[] = [
  { op: "link.create", on: "host", name: "br0", link: { kind: "bridge" } },
  ...["v1", "v2"].map((name): KernelOp => ({
    op: "link.create",
    on: "host",
    name,
    link: { kind: "veth", peer: { on: "container", name: `e${name}` } },
    master: "br0",
  })),
];

/** The result of a bridge plugin with these addresses. */
export const prev = (...ips: readonly string[]): JsonObject => ({
  cniVersion: "1.1.0",
  interfaces: [{ name: "br0" }, { name: "v1" }, { name: "eth0", sandbox: "/ns/c1" }],
  ips: ips.map((address) => ({ address, interface: 2 })),
});

/** One of each family. */
export const BOTH = prev("10.1.0.2/24", "fd00:1::2/64");

/** A machine with `BRIDGED`, or with what was `before`. */
export const machineOf = (options: SimulatedOptions = {}, before = BRIDGED) => {
  const made = pluginMachine(firewall, before, options);
  const of = (containerId: string): Partial<Command> => ({ key: { network: "net", containerId, ifName: "eth0" } });
  const firewallOf = () => {
    const { host } = made.machine.kernel.dump();
    const { iptables = {}, firewalld = null, tables = {} } = host as {
      iptables?: Record<string, string[][]>;
      firewalld?: Record<string, string> | null;
      tables?: Record<string, { sets: Record<string, { elements: { comment: string; value?: { chain: string } }[] }> }>;
    };
    const sets = Object.entries(tables["inet cleat-firewall"]?.sets ?? {});
    const elements = sets.flatMap(([set, { elements }]) =>
      elements.map(({ comment, value }) => [set, comment, value?.chain ?? ""].join(" ").trim())
    );
    const rules = Object.fromEntries(
      Object.entries(iptables).map(([chain, rules]) => [
        chain,
        rules.map((words) => words.join(" ")),
      ]),
    );
    return { rules, firewalld, elements };
  };
  return { ...made, of, firewallOf };
};

/** The jump from FORWARD. */
export const JUMP = "-m comment --comment CNI firewall plugin rules -j CNI-FORWARD";
/** The jump to the chain that follows. */
export const ADMIN = "-m comment --comment CNI firewall plugin admin overrides -j ";
/** The rules of an address. */
export const pair = (address: string) => [
  `-d ${address} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
  `-s ${address} -j ACCEPT`,
];
