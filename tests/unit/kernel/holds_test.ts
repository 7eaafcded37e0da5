import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { holds } from "../../../src/effects/kernel/holds.ts";
import type { Op } from "../../../src/effects/kernel/op.ts";
import { undoFor } from "../../../src/effects/kernel/undo.ts";
import { Leases } from "../../../src/effects/leases/leases.ts";
import { memoryLeases } from "../../../src/effects/leases/memory.ts";
import {
  address,
  at,
  bridge,
  type Case,
  drop,
  findingsAfter,
  forward,
  jump,
  MAC,
  MEMBER,
  neighbour,
  nft,
  noAddress,
  noLeases,
  noRoute,
  route,
  set,
  sysctl,
  TABLE,
  testDrifts,
} from "../../support/drift.ts";
import { NETNS, newMachine, pair, up } from "../../support/machine.ts";

const ETH0 = 'link "eth0" in the container';
const ELEMENT = 'element { tcp . 80 } of set "ports" in table "inet cleat" on the host';

const ADDRESSES: readonly Case[] = [
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
    [noRoute("10.5.0.0/16", { gw: "10.1.0.9" })],
    "route to 10.5.0.0/16 in table 254 in the container: expected via 10.1.0.9 over eth0 with metric 0, found none",
  ],
  [
    "a route has another gateway",
    route("0.0.0.0/0", { gw: "10.1.0.9" }),
    [noRoute("0.0.0.0/0", { gw: "10.1.0.9" }), route("0.0.0.0/0", { gw: "10.1.0.8" })],
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

const REST: readonly Case[] = [
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

testDrifts([...ADDRESSES, ...REST]);

Deno.test("a duplicate address is a finding, a tentative one is none", () => {
  const { kernel, host } = newMachine({ duplicates: ["fd00::2"] });
  const op = address("fd00::2/64");
  kernel.drift(NETNS, pair(), up("host", "veth1"), up("container", "eth0"), op);
  assert.deepEqual(Effect.runSync(holds(op, host, noLeases)), []);
  assert.equal(Effect.runSync(host.awaitDad("container", "eth0", 1)), "failed");
  assert.deepEqual(Effect.runSync(holds(op, host, noLeases)), [
    `${ETH0}: expected address fd00::2/64 usable, found it a duplicate in the network`,
  ]);
});

Deno.test("what is written in another way still holds", () => {
  assert.deepEqual(findingsAfter(address("FD00:0:0::2/64"), []), []);
  assert.deepEqual(findingsAfter(route("fd05::9/64"), []), []);
  assert.deepEqual(findingsAfter(sysctl("container", "net/ipv4/tcp_rmem", "4096 87380  6291456"), []), []);
  assert.deepEqual(findingsAfter(nft({ add: "element", ...forward("10.1.0.2") }), []), []);
});

Deno.test("a multipath route holds while one of its next hops is the op's", () => {
  const op = route("10.5.0.0/16", { gw: "10.1.0.9" });
  const hop = (gw: string) => ({
    dst: "10.5.0.0/16",
    gw,
    link: "eth0",
    metric: 0,
    table: 254,
    scope: 0,
    mtu: null,
    advmss: null,
  });
  const hops = (...gateways: string[]) =>
    findingsAfter(op, (view) => ({ ...view, routes: () => Effect.succeed(gateways.map(hop)) }));
  assert.deepEqual(hops("10.1.0.8", "10.1.0.9"), []);
  assert.equal(hops("10.1.0.8", "10.1.0.7").length, 1);
});

Deno.test("a later plugin may set MTU and MAC of the container's end of a created pair, and nobody the host end's MTU", () => {
  const op = { ...pair("veth9", "eth9"), mtu: 1400, mac: MAC };
  assert.deepEqual(findingsAfter(op, [set("eth9", { mtu: 1300, mac: "0a:58:0a:01:00:03" })]), []);
  assert.deepEqual(findingsAfter(op, [set("veth9", { mtu: 1300 })]), [
    'link "veth9" on the host: expected MTU 1400, found 1300',
  ]);
});

Deno.test("becoming a port is no promiscuous mode that somebody set", () => {
  assert.deepEqual(findingsAfter(set("veth2", { promisc: false }), [set("veth2", { master: "cni1" })]), []);
});

Deno.test("shared things, which nobody restores, are looked at all the same", () => {
  const shared: readonly Case[] = [
    ["bridge", bridge("cni9"), [drop("cni9")], 'link "cni9" on the host: expected it to exist, found none'],
    [
      "bridge address",
      address("10.1.0.1/24", "cni0"),
      [noAddress("10.1.0.1/24", "cni0")],
      'link "cni0" on the host: expected address 10.1.0.1/24, found fe80::ff:fe00:1/64',
    ],
    [
      "forwarding",
      sysctl("host", "net/ipv4/ip_forward", "1"),
      [sysctl("host", "net/ipv4/ip_forward", "0")],
      'sysctl "net/ipv4/ip_forward" on the host: expected 1, found 0',
    ],
  ];
  const { host: view } = newMachine();
  for (const [what, op, drift, finding] of shared) {
    assert.equal(Effect.runSync(undoFor(op, { view, created: new Set() })), null, what);
    assert.deepEqual(findingsAfter(op, drift), [finding], what);
  }
});

Deno.test("every element of a batch is looked at, tables, chains and rules are not", () => {
  const op = nft(
    { add: "table", family: "ip", table: "other" },
    { add: "element", ...forward("10.1.0.2") },
    { add: "element", ...jump("masq") },
    { remove: "element", ...MEMBER },
  );
  const gone = nft({ remove: "element", ...forward("10.1.0.2") }, { remove: "element", ...jump("masq") });
  assert.deepEqual(findingsAfter(op, [gone]), [
    `${ELEMENT}: expected 10.1.0.2 . 8080, found none`,
    'element { 10.1.0.2 } of set "owners" in table "inet cleat" on the host: expected goto masq, found none',
  ]);
});

const OWNER = { containerId: "c1", ifName: "eth0" };
const RESERVE: Op = {
  op: "lease.reserve",
  pool: "/p",
  owner: OWNER,
  set: 0,
  ranges: [{ subnet: "10.1.0.0/24", rangeStart: "10.1.0.2", rangeEnd: "10.1.0.9", gateway: "10.1.0.1" }],
};

/** What holds of a lease of 10.1.0.2, before and after somebody changed the pool. */
const leaseFindings = (value: unknown, change: (pool: ReturnType<typeof memoryLeases>) => void) => {
  const pool = memoryLeases();
  const leases = Effect.runSync(Effect.provide(Leases, pool.layer));
  assert.deepEqual(Effect.runSync(leases.apply(RESERVE)), { address: "10.1.0.2/24", gateway: "10.1.0.1" });
  const { host } = newMachine();
  assert.deepEqual(Effect.runSync(holds(RESERVE, host, leases, { address: "10.1.0.2/24", gateway: "10.1.0.1" })), []);
  change(pool);
  return Effect.runSync(holds(RESERVE, host, leases, value));
};

Deno.test("a lease that is gone, or another owner's, is a finding", () => {
  const value = { address: "10.1.0.2/24", gateway: "10.1.0.1" };
  const expected = 'lease of c1/eth0 in pool "/p": expected 10.1.0.2, found';
  const release: Op = { op: "lease.release", pool: "/p", owner: OWNER };
  const released = leaseFindings(value, (pool) => {
    const leases = Effect.runSync(Effect.provide(Leases, pool.layer));
    assert.equal(Effect.runSync(leases.apply(release)), undefined);
  });
  assert.deepEqual(released, [`${expected} none`]);
  assert.deepEqual(leaseFindings(value, (pool) => pool.put("/p", "10.1.0.2", "c2\r\neth0")), [`${expected} none`]);
  const moved = leaseFindings(value, (pool) => {
    pool.put("/p", "10.1.0.2", "c2\r\neth0");
    pool.put("/p", "10.1.0.7", "c1\r\neth0");
  });
  assert.deepEqual(moved, [`${expected} 10.1.0.7`]);
});

Deno.test("a lease whose address the log does not know cannot be missed", () => {
  const taken = (pool: ReturnType<typeof memoryLeases>) => pool.put("/p", "10.1.0.2", "c2\r\neth0");
  for (const value of [undefined, null, {}, { address: 7 }]) assert.deepEqual(leaseFindings(value, taken), []);
});

Deno.test("removals, flushes and other plugins' work hold nothing", () => {
  const { host } = newMachine();
  const nothing: readonly Op[] = [
    drop("veth1"),
    { op: "vlan.delete", on: "host", name: "veth1", vlans: [{ vid: 7 }] },
    noAddress("10.1.0.2/24"),
    noRoute("10.5.0.0/16"),
    { op: "neighbour.remove", ...at("eth0"), ip: "10.1.0.9", mac: MAC },
    { op: "conntrack.flush", on: "host", family: 4, protocol: "udp", port: 53 },
    nft({ add: "table", ...TABLE }, { remove: "element", ...MEMBER }),
    { op: "lease.release", pool: "/p", owner: OWNER },
    { op: "plugin.invoke", plugin: "host-local", command: "ADD", config: {} },
    { op: "plugin.invoke", plugin: "host-local", command: "DEL", config: {} },
  ];
  for (const op of nothing) assert.deepEqual(Effect.runSync(holds(op, host, noLeases)), [], op.op);
});
