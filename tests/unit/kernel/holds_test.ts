import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { HostView } from "../../../src/effects/kernel/host.ts";
import { holds } from "../../../src/effects/kernel/holds.ts";
import type { NftCommand, NftElement } from "../../../src/effects/kernel/nft.ts";
import type { KernelOp, LinkSettings, Op } from "../../../src/effects/kernel/op.ts";
import { undoFor } from "../../../src/effects/kernel/undo.ts";
import { Leases } from "../../../src/effects/leases/leases.ts";
import { memoryLeases } from "../../../src/effects/leases/memory.ts";
import { NETNS, newMachine, pair, up } from "../../support/machine.ts";

const MAC = "0a:58:0a:01:00:02";
const TABLE = { family: "inet", table: "cleat" } as const;
const noLeases = Effect.runSync(Effect.provide(Leases, memoryLeases().layer));

const bridge = (name: string, more: { readonly vlanFiltering?: boolean; readonly up?: boolean } = {}): KernelOp => {
  const { vlanFiltering, ...rest } = more;
  return {
    op: "link.create",
    on: "host",
    name,
    link: { kind: "bridge", ...(vlanFiltering === undefined ? {} : { vlanFiltering }) },
    ...rest,
  };
};
const hostPair = (near: string, far: string): KernelOp => ({
  op: "link.create",
  on: "host",
  name: near,
  link: { kind: "veth", peer: { on: "host", name: far } },
});
const set = (name: string, settings: LinkSettings): KernelOp => ({
  op: "link.set",
  on: name.startsWith("eth") ? "container" : "host",
  name,
  set: settings,
});
const drop = (name: string): KernelOp => ({ op: "link.delete", on: "host", name });
const address = (text: string, link = "eth0"): KernelOp => ({
  op: "address.add",
  on: link.startsWith("eth") ? "container" : "host",
  link,
  address: text,
});
const noAddress = (text: string, link = "eth0"): KernelOp => ({ ...at(link), op: "address.remove", address: text });
const at = (link: string) => ({ on: link.startsWith("eth") ? "container" : "host", link }) as const;
type Via = { readonly gw?: string; readonly metric?: number; readonly table?: number };
const route = (dst: string, via: Via = {}, link = "eth0"): KernelOp => ({ op: "route.add", ...at(link), dst, ...via });
const noRoute = (dst: string, via: Via = {}): KernelOp => ({ op: "route.remove", ...at("eth0"), dst, ...via });
const neighbour = (mac: string): KernelOp => ({ op: "neighbour.add", ...at("eth0"), ip: "10.1.0.9", mac });
const sysctl = (on: "host" | "container", key: string, value: string): KernelOp => ({
  op: "sysctl.write",
  on,
  key,
  value,
});
const nft = (...commands: readonly NftCommand[]): KernelOp => ({ op: "nft.apply", on: "host", commands });
const forward = (target: string): NftElement => ({
  ...TABLE,
  set: "ports",
  key: [{ protocol: "tcp" }, { port: 80 }],
  value: [{ ip: target }, { port: 8080 }],
});
const jump = (chain: string): NftElement => ({
  ...TABLE,
  set: "owners",
  key: [{ ip: "10.1.0.2" }],
  value: { verdict: "goto", chain },
});
const MEMBER: NftElement = { ...TABLE, set: "members", key: [{ ip: "10.1.0.2" }] };
const VLAN = { op: "vlan.add", on: "host", name: "veth1" } as const;
const NO_VLAN = { ...VLAN, op: "vlan.delete" } as const;
const PORT = { op: "port.set", on: "host", name: "veth1" } as const;

/** Two bridges, a pair whose near end is a port, a second one in the container, and nf_tables with three sets. */
const SETTING: readonly KernelOp[] = [
  bridge("cni0", { vlanFiltering: true, up: true }),
  bridge("cni1", { up: true }),
  pair(),
  pair("veth2", "eth1"),
  set("veth1", { up: true, master: "cni0" }),
  set("veth2", { up: true }),
  set("eth0", { up: true }),
  set("eth1", { up: true }),
  address("10.1.0.1/24"),
  address("10.2.0.1/24", "eth1"),
  nft(
    { add: "table", ...TABLE },
    { add: "chain", ...TABLE, chain: "masq" },
    { add: "chain", ...TABLE, chain: "other" },
    { add: "set", ...TABLE, set: "ports", key: ["inet_proto", "inet_service"], value: ["ipv4_addr", "inet_service"] },
    { add: "set", ...TABLE, set: "owners", key: ["ipv4_addr"], value: "verdict" },
    { add: "set", ...TABLE, set: "members", key: ["ipv4_addr"] },
  ),
];

type Change = (view: HostView) => HostView;

/** What holds of the op right after it was applied, which must be all of it, and what after the drift. */
const findingsAfter = (op: KernelOp, drift: readonly KernelOp[] | Change): readonly string[] => {
  const { kernel, host } = newMachine({ duplicates: ["fd00::dad"] });
  kernel.drift(
    NETNS,
    ...SETTING.filter((step) => step.op !== "link.create" || op.op !== step.op || step.name !== op.name),
    op,
  );
  assert.deepEqual(Effect.runSync(holds(op, host, noLeases)), [], "right after it was applied");
  if (typeof drift === "function") return Effect.runSync(holds(op, drift(host), noLeases));
  kernel.drift(NETNS, ...drift);
  return Effect.runSync(holds(op, host, noLeases));
};

const ETH0 = 'link "eth0" in the container';
const VETH1 = 'link "veth1" on the host';
const EXISTS = "expected it to exist, found none";
const ELEMENT = 'element { tcp . 80 } of set "ports" in table "inet cleat" on the host';

/** What drifted; the op; how; the one finding. */
type Drift = readonly [what: string, op: KernelOp, drift: readonly KernelOp[] | Change, finding: string];

const LINKS: readonly Drift[] = [
  ["a pair is gone", pair(), [drop("veth1")], `${VETH1}: ${EXISTS}`],
  ["a bridge is gone", bridge("cni0"), [drop("cni0")], `link "cni0" on the host: ${EXISTS}`],
  [
    "a bridge bears the pair's name",
    pair(),
    [drop("veth1"), bridge("veth1")],
    `${VETH1}: expected kind veth, found bridge`,
  ],
  ["a pair's far end is gone", pair(), [drop("veth1"), pair("veth1", "eth7")], `${ETH0}: ${EXISTS}`],
  [
    "the far end is a bridge",
    pair(),
    [drop("veth1"), hostPair("veth1", "veth7"), { ...bridge("eth0"), on: "container" } as KernelOp],
    `${ETH0}: expected kind veth, found bridge`,
  ],
  [
    "the ends belong to other pairs",
    pair(),
    [drop("veth1"), pair("veth3", "eth0"), pair("veth1", "eth3")],
    `${VETH1}: expected peer ${ETH0}, found another link`,
  ],
  [
    "a created port is in another bridge",
    { ...pair("veth4", "eth4"), master: "cni0" } as KernelOp,
    [set("veth4", { master: "cni1" })],
    'link "veth4" on the host: expected master "cni0", found "cni1"',
  ],
  [
    "a created link is down",
    bridge("cni0", { up: true }),
    [set("cni0", { up: false })],
    'link "cni0" on the host: expected state up, found down',
  ],
  [
    "a bridge no longer filters VLANs",
    bridge("cni0", { vlanFiltering: true }),
    [drop("cni0"), bridge("cni0")],
    'link "cni0" on the host: expected VLAN filtering on, found off',
  ],
];

const SETTINGS: readonly Drift[] = [
  ["a link that was set is gone", set("eth0", { up: true }), [drop("veth1")], `${ETH0}: ${EXISTS}`],
  ["a link is down", set("eth0", { up: true }), [set("eth0", { up: false })], `${ETH0}: expected state up, found down`],
  ["a link is up", set("eth0", { up: false }), [up("container", "eth0")], `${ETH0}: expected state down, found up`],
  ["the MTU", set("eth0", { mtu: 1400 }), [set("eth0", { mtu: 1500 })], `${ETH0}: expected MTU 1400, found 1500`],
  [
    "the MAC",
    set("eth0", { mac: MAC.toUpperCase() }),
    [set("eth0", { mac: "0a:58:0a:01:00:03" })],
    `${ETH0}: expected MAC ${MAC}, found 0a:58:0a:01:00:03`,
  ],
  [
    "promiscuous mode of a port, which counts as promiscuous all the same",
    set("veth1", { promisc: true }),
    [set("veth1", { promisc: false })],
    `${VETH1}: expected promiscuous mode on, found off`,
  ],
  [
    "allmulti",
    set("eth0", { allmulti: true }),
    [set("eth0", { allmulti: false })],
    `${ETH0}: expected allmulti on, found off`,
  ],
  [
    "the transmit queue",
    set("eth0", { txQueueLen: 5 }),
    [set("eth0", { txQueueLen: 6 })],
    `${ETH0}: expected transmit queue length 5, found 6`,
  ],
  [
    "another master",
    set("veth1", { master: "cni0" }),
    [set("veth1", { master: "cni1" })],
    `${VETH1}: expected master "cni0", found "cni1"`,
  ],
  [
    "no master",
    set("veth1", { master: "cni0" }),
    [set("veth1", { master: null })],
    `${VETH1}: expected master "cni0", found none`,
  ],
  [
    "a master where there was none",
    set("veth1", { master: null }),
    [set("veth1", { master: "cni1" })],
    `${VETH1}: expected master none, found "cni1"`,
  ],
  [
    "hairpin mode",
    { ...PORT, set: { hairpin: true } },
    [{ ...PORT, set: { hairpin: false } }],
    `${VETH1}: expected hairpin mode on, found off`,
  ],
  [
    "isolation",
    { ...PORT, set: { isolated: true } },
    [{ ...PORT, set: { isolated: false } }],
    `${VETH1}: expected isolation on, found off`,
  ],
  [
    "a port that is none",
    { ...PORT, set: { hairpin: true } },
    [set("veth1", { master: null })],
    `${VETH1}: expected a bridge port, found no master`,
  ],
  ["a port that is gone", { ...PORT, set: { hairpin: true } }, [drop("veth1")], `${VETH1}: ${EXISTS}`],
  [
    "one VLAN of a range",
    { ...VLAN, vlans: [{ vid: 10, to: 12 }] },
    [{ ...NO_VLAN, vlans: [{ vid: 11 }] }],
    `${VETH1}: expected VLAN 11, found none`,
  ],
  [
    "another PVID",
    { ...VLAN, vlans: [{ vid: 7, pvid: true, untagged: true }] },
    [{ ...VLAN, vlans: [{ vid: 8, pvid: true }] }],
    `${VETH1}: expected VLAN 7 PVID untagged, found 7 untagged`,
  ],
];

const ADDRESSES: readonly Drift[] = [
  [
    "an address is gone",
    address("10.9.0.2/24"),
    [noAddress("10.9.0.2/24"), noAddress("10.1.0.1/24")],
    `${ETH0}: expected address 10.9.0.2/24, found fe80::ff:fe00:3/64`,
  ],
  [
    "an address has another prefix length",
    address("10.1.0.2/24"),
    [noAddress("10.1.0.2/24"), noAddress("10.1.0.1/24"), address("10.1.0.2/16")],
    `${ETH0}: expected address 10.1.0.2/24, found 10.1.0.2/16, fe80::ff:fe00:3/64`,
  ],
  [
    "a link lost its IPv6 addresses",
    address("fd00:0::2/64"),
    [set("eth0", { up: false })],
    `${ETH0}: expected address fd00:0::2/64, found 10.1.0.1/24`,
  ],
  [
    "a route is gone",
    route("10.5.0.0/16", { gw: "10.1.0.9" }),
    [noRoute("10.5.0.0/16")],
    "route to 10.5.0.0/16 in table 254 in the container: expected via 10.1.0.9 over eth0 with metric 0, found none",
  ],
  [
    "a route has another gateway",
    route("0.0.0.0/0", { gw: "10.1.0.9" }),
    [noRoute("0.0.0.0/0"), route("0.0.0.0/0", { gw: "10.1.0.8" })],
    "route to 0.0.0.0/0 in table 254 in the container: expected via 10.1.0.9 over eth0 with metric 0, found via 10.1.0.8 over eth0 with metric 0",
  ],
  [
    "a route leads over another link",
    route("10.5.0.0/16"),
    [noRoute("10.5.0.0/16"), route("10.5.0.0/16", {}, "eth1")],
    "route to 10.5.0.0/16 in table 254 in the container: expected via no gateway over eth0 with metric 0, found via no gateway over eth1 with metric 0",
  ],
  [
    "a route has another metric",
    route("fd05::/64"),
    [noRoute("fd05::/64"), route("fd05::/64", { metric: 7 })],
    "route to fd05::/64 in table 254 in the container: expected via no gateway over eth0 with metric 1024, found via no gateway over eth0 with metric 7",
  ],
  [
    "a route is in another table",
    route("10.5.0.0/16", { table: 5000 }),
    [noRoute("10.5.0.0/16", { table: 5000 }), route("10.5.0.0/16")],
    "route to 10.5.0.0/16 in table 5000 in the container: expected via no gateway over eth0 with metric 0, found none",
  ],
  [
    "a neighbour is gone",
    neighbour(MAC),
    [{ op: "neighbour.remove", ...at("eth0"), ip: "10.1.0.9", mac: MAC }],
    `neighbour 10.1.0.9 of ${ETH0}: expected permanent ${MAC}, found none`,
  ],
  [
    "a neighbour has another MAC",
    neighbour(MAC.toUpperCase()),
    [{ op: "neighbour.remove", ...at("eth0"), ip: "10.1.0.9", mac: MAC }, neighbour("0a:58:0a:01:00:03")],
    `neighbour 10.1.0.9 of ${ETH0}: expected permanent ${MAC}, found permanent 0a:58:0a:01:00:03`,
  ],
  [
    "a neighbour was learned",
    neighbour(MAC),
    (view) => ({ ...view, neighbours: () => Effect.succeed([{ ip: "10.1.0.9", mac: MAC, permanent: false }]) }),
    `neighbour 10.1.0.9 of ${ETH0}: expected permanent ${MAC}, found learned ${MAC}`,
  ],
];

const REST: readonly Drift[] = [
  [
    "a sysctl of the container",
    sysctl("container", "net/ipv4/ip_local_port_range", "2000 3000"),
    [sysctl("container", "net/ipv4/ip_local_port_range", "2000 3001")],
    'sysctl "net/ipv4/ip_local_port_range" in the container: expected 2000 3000, found 2000 3001',
  ],
  [
    "the key of a link that is gone",
    sysctl("container", "net/ipv4/conf/eth0/arp_notify", "1"),
    [drop("veth1")],
    'sysctl "net/ipv4/conf/eth0/arp_notify" in the container: expected 1, found no such key',
  ],
  ["an element is gone", nft({ add: "element", ...forward("10.1.0.2") }), [
    nft({ remove: "element", ...forward("10.1.0.2") }),
  ], `${ELEMENT}: expected 10.1.0.2 . 8080, found none`],
  [
    "an element is somebody else's",
    nft({ add: "element", ...forward("10.1.0.2"), comment: "net/c1/eth0" }),
    [
      nft({ remove: "element", ...forward("10.1.0.2") }),
      nft({ add: "element", ...forward("10.1.0.3"), comment: "net/c2/eth0" }),
    ],
    `${ELEMENT}: expected 10.1.0.2 . 8080, found 10.1.0.3 . 8080 of net/c2/eth0`,
  ],
  [
    "an element leads to another chain",
    nft({ add: "element", ...jump("masq") }),
    [nft({ remove: "element", ...jump("masq") }), nft({ add: "element", ...jump("other") })],
    'element { 10.1.0.2 } of set "owners" in table "inet cleat" on the host: expected goto masq, found goto other',
  ],
  [
    "an element of a set is gone",
    nft({ add: "element", ...MEMBER }),
    [nft({ remove: "element", ...MEMBER })],
    'element { 10.1.0.2 } of set "members" in table "inet cleat" on the host: expected present, found none',
  ],
];

for (const [what, op, drift, finding] of [...LINKS, ...SETTINGS, ...ADDRESSES, ...REST]) {
  Deno.test(`one finding says what drifted: ${what}`, () => assert.deepEqual(findingsAfter(op, drift), [finding]));
}
