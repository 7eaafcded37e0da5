import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { NftElement } from "../../../src/effects/kernel/nft.ts";
import type { Op } from "../../../src/effects/kernel/op.ts";
import { createdLinks, undoFor } from "../../../src/effects/kernel/undo.ts";
import { newMachine, pair, up } from "../../support/machine.ts";

const CREATED = new Set(["host/veth1", "container/eth0"]);
const NOTHING: ReadonlySet<string> = new Set();

/** The undo on a machine with a bridge, a pair made by somebody, and an address and a route in the container. */
const undoOf = (op: Op, created: ReadonlySet<string> = NOTHING): Op | null => {
  const { host, run } = newMachine();
  const outcomes = run(
    { op: "link.create", on: "host", name: "cni0", link: { kind: "bridge" } },
    { op: "link.create", on: "container", name: "br0", link: { kind: "bridge" } },
    { op: "vlan.add", on: "container", name: "br0", vlans: [{ vid: 20, to: 21 }] },
    pair(),
    up("host", "cni0"),
    { op: "link.set", on: "host", name: "veth1", set: { up: true, master: "cni0" } },
    { op: "link.set", on: "container", name: "eth0", set: { up: true, mtu: 1400, mac: "0a:58:0a:01:00:02" } },
    { op: "address.add", on: "container", link: "eth0", address: "10.1.0.2/24" },
    { op: "route.add", on: "container", link: "eth0", dst: "10.9.0.0/16", gw: "10.1.0.1" },
    { op: "neighbour.add", on: "container", link: "eth0", ip: "10.1.0.9", mac: "0a:58:0a:01:00:09" },
  );
  assert.deepEqual(new Set(outcomes), new Set(["ok"]));
  return Effect.runSync(undoFor(op, { view: host, created }));
};

const OWNER = { containerId: "c1", ifName: "eth0" };
const RANGES = [{ subnet: "10.1.0.0/24", rangeStart: "10.1.0.2", rangeEnd: "10.1.0.254", gateway: "10.1.0.1" }];
const TABLE = { family: "inet", table: "cleat" } as const;
const element = (port: number): NftElement => ({
  ...TABLE,
  set: "hostports4",
  key: [{ protocol: "tcp" }, { port }],
  value: [{ ip: "10.1.0.2" }, { port: 80 }],
});

Deno.test("a new veth pair is undone by deleting its near end", () => {
  assert.deepEqual(undoOf(pair("veth2", "eth1")), { op: "link.delete", on: "host", name: "veth2" });
});

Deno.test("a veth pair whose name is taken has no undo: the link that bears the name is somebody else's", () => {
  assert.equal(undoOf(pair("veth1", "eth1")), null);
});

Deno.test("a bridge, and a veth pair within the host, are shared and have no undo", () => {
  assert.equal(undoOf({ op: "link.create", on: "host", name: "cni9", link: { kind: "bridge" } }), null);
  const peer = { on: "host", name: "veth9" } as const;
  assert.equal(undoOf({ op: "link.create", on: "host", name: "cni0.7", link: { kind: "veth", peer } }), null);
});

Deno.test("what is set on links of the stream is covered by their deletion", () => {
  for (const [on, name, link] of [["host", "veth1", "veth1"], ["container", "eth0", "eth0"]] as const) {
    assert.equal(undoOf({ op: "link.set", on, name, set: { up: true } }, CREATED), null);
    assert.equal(undoOf({ op: "port.set", on, name, set: { hairpin: true } }, CREATED), null);
    assert.equal(undoOf({ op: "vlan.add", on, name, vlans: [{ vid: 7 }] }, CREATED), null);
    assert.equal(undoOf({ op: "address.add", on, link, address: "10.1.0.7/24" }, CREATED), null);
    assert.equal(undoOf({ op: "route.add", on, link, dst: "10.8.0.0/16" }, CREATED), null);
    assert.equal(undoOf({ op: "neighbour.add", on, link, ip: "10.1.0.8", mac: "0a:58:0a:01:00:08" }, CREATED), null);
  }
});

Deno.test("what is set on other links of the host is shared", () => {
  const on = "host";
  assert.equal(undoOf({ op: "link.set", on, name: "cni0", set: { promisc: true } }), null);
  assert.equal(undoOf({ op: "port.set", on, name: "veth1", set: { hairpin: true } }), null);
  assert.equal(undoOf({ op: "vlan.add", on, name: "veth1", vlans: [{ vid: 7 }] }), null);
  assert.equal(undoOf({ op: "address.add", on, link: "cni0", address: "10.1.0.1/24" }), null);
  assert.equal(undoOf({ op: "route.add", on, link: "cni0", dst: "10.8.0.0/16" }), null);
  assert.equal(undoOf({ op: "neighbour.add", on, link: "cni0", ip: "10.1.0.8", mac: "0a:58:0a:01:00:08" }), null);
  assert.equal(undoOf({ op: "sysctl.write", on, key: "net/ipv4/ip_forward", value: "1" }), null);
});

Deno.test("a container link that was there gets back exactly the settings that are being changed", () => {
  const set = { mtu: 1300, promisc: true, mac: "0a:58:0a:01:00:77" };
  assert.deepEqual(undoOf({ op: "link.set", on: "container", name: "eth0", set }), {
    op: "link.set",
    on: "container",
    name: "eth0",
    set: { mtu: 1400, promisc: false, mac: "0a:58:0a:01:00:02" },
  });
  const rest = { up: false, master: null, allmulti: true, txQueueLen: 5 };
  assert.deepEqual(undoOf({ op: "link.set", on: "container", name: "eth0", set: rest }), {
    op: "link.set",
    on: "container",
    name: "eth0",
    set: { up: true, master: null, allmulti: false, txQueueLen: 1000 },
  });
});

Deno.test("settings of a link that is missing, and port flags of a link that is no port, have no undo", () => {
  assert.equal(undoOf({ op: "link.set", on: "container", name: "eth7", set: { mtu: 1300 } }), null);
  assert.equal(undoOf({ op: "port.set", on: "container", name: "eth0", set: { hairpin: true } }), null);
});

Deno.test("what is added to a container link that was there is removed", () => {
  const on = "container", link = "eth0";
  const address = { on, link, address: "10.1.0.7/24" } as const;
  assert.deepEqual(undoOf({ op: "address.add", ...address }), { op: "address.remove", ...address });
  const route = { on, link, dst: "10.8.0.0/16", gw: "10.1.0.1", metric: 3 } as const;
  assert.deepEqual(undoOf({ op: "route.add", ...route }), { op: "route.remove", ...route });
  const neighbour = { on, link, ip: "10.1.0.8", mac: "0a:58:0a:01:00:08" } as const;
  assert.deepEqual(undoOf({ op: "neighbour.add", ...neighbour }), { op: "neighbour.remove", ...neighbour });
  const vlans = { on, name: "br0", vlans: [{ vid: 7 }, { vid: 8, to: 10 }] } as const;
  assert.deepEqual(undoOf({ op: "vlan.add", ...vlans }), { op: "vlan.delete", ...vlans });
});

Deno.test("VLANs that were there stay, and a link that can have none has none to remove", () => {
  const on = "container", name = "br0";
  assert.equal(undoOf({ op: "vlan.add", on, name, vlans: [{ vid: 1 }, { vid: 20, to: 21 }] }), null);
  assert.deepEqual(undoOf({ op: "vlan.add", on, name, vlans: [{ vid: 19, to: 22, untagged: true }] }), {
    op: "vlan.delete",
    on,
    name,
    vlans: [{ vid: 19 }, { vid: 22 }],
  });
  assert.equal(undoOf({ op: "vlan.add", on, name: "eth0", vlans: [{ vid: 7 }] }), null);
  assert.equal(undoOf({ op: "vlan.add", on, name: "eth7", vlans: [{ vid: 7 }] }), null);
});

Deno.test("what is there already is not undone: adding it fails, and it belongs to somebody else", () => {
  const on = "container", link = "eth0";
  assert.equal(undoOf({ op: "address.add", on, link, address: "10.1.0.2/24" }), null);
  assert.equal(undoOf({ op: "route.add", on, link, dst: "10.9.0.0/16", gw: "10.1.0.1" }), null);
  assert.equal(undoOf({ op: "neighbour.add", on, link, ip: "10.1.0.9", mac: "0a:58:0a:01:00:08" }), null);
});

Deno.test("what is taken from a link that was there before is given back as it was, what is not there is not", () => {
  const on = "container", link = "eth0";
  const address = (address: string): Op => ({ op: "address.remove", on, link, address });
  assert.deepEqual(undoOf(address("10.1.0.2/24")), { op: "address.add", on, link, address: "10.1.0.2/24" });
  assert.equal(undoOf(address("10.1.0.3/24")), null);
  assert.equal(undoOf(address("10.1.0.2/24"), CREATED), null);
  const route = { op: "route.remove", on, link, dst: "10.9.0.0/16", gw: "10.1.0.1" } as const;
  const same = { on, link, metric: 0, table: 254 } as const;
  assert.deepEqual(undoOf(route), { op: "route.add", ...same, dst: "10.9.0.0/16", gw: "10.1.0.1", scope: 0 });
  assert.equal(undoOf({ ...route, protocol: 4 }), null);
  assert.equal(undoOf(route, CREATED), null);
  const connected = { ...same, op: "route.add", dst: "10.1.0.0/24", scope: 253, protocol: 2, src: "10.1.0.2" };
  for (const who of [{ protocol: 2 }, { byKernel: true }]) {
    assert.deepEqual(undoOf({ op: "route.remove", on, link, dst: "10.1.0.0/24", ...who }), connected);
  }
});

Deno.test("a rule of the container is undone by exactly its removal; those of the host are everybody's", () => {
  const rule = { op: "rule.add", on: "container", from: "10.1.0.2/32", table: 100, priority: 32_765 } as const;
  assert.deepEqual(undoOf(rule), { ...rule, op: "rule.remove" });
  assert.equal(undoOf({ ...rule, on: "host" }), null);
});

Deno.test("a VRF that attachments share goes with its last member, whoever has made it", () => {
  const vrf = { op: "link.create", on: "container", name: "red", link: { kind: "vrf", table: 7 } } as const;
  const gone = { op: "link.delete", on: "container", name: "red" } as const;
  const join = { alias: "shared" };
  assert.deepEqual(undoOf({ ...vrf, join }), { ...gone, whileUnused: { aliases: ["", "shared"] } });
  assert.deepEqual(undoOf(vrf), gone);
});

Deno.test("removals of links, and of what cannot be looked at, have no undo", () => {
  const on = "container", link = "eth0";
  const removals: readonly Op[] = [
    { op: "link.delete", on, name: link },
    { op: "vlan.delete", on, name: link, vlans: [{ vid: 7 }] },
    { op: "rule.remove", on, from: "10.1.0.2/32", table: 100, priority: 32_765 },
    { op: "neighbour.remove", on, link, ip: "10.1.0.9", mac: "0a:58:0a:01:00:09" },
    { op: "nft.apply", on: "host", commands: [{ remove: "element", ...element(80) }] },
    { op: "lease.release", pool: "/p", owner: OWNER },
    { op: "plugin.invoke", plugin: "host-local", command: "DEL", config: {} },
  ];
  for (const op of removals) assert.equal(undoOf(op), null, op.op);
});

Deno.test("a container sysctl gets its old value back, unless it belongs to a link of the stream", () => {
  const write = (key: string) => ({ op: "sysctl.write", on: "container", key, value: "1" }) as const;
  for (const key of ["net/ipv4/conf/eth0/arp_notify", "net/ipv6/neigh/eth0/ucast_solicit"]) {
    assert.equal(undoOf(write(key), CREATED), null, key);
  }
  assert.deepEqual(undoOf(write("net/ipv4/conf/eth0/arp_notify")), {
    ...write("net/ipv4/conf/eth0/arp_notify"),
    value: "0",
  });
  assert.deepEqual(undoOf(write("net/core/somaxconn"), CREATED), { ...write("net/core/somaxconn"), value: "4096" });
  assert.deepEqual(undoOf(write("net/ipv4/conf/all/arp_notify"), CREATED)?.op, "sysctl.write");
  assert.equal(undoOf(write("net/ipv4/no_such_key")), null);
});

Deno.test("elements are undone by removing key and value, the last one first; the rest of a batch is shared", () => {
  const undo = undoOf({
    op: "nft.apply",
    on: "host",
    commands: [
      { add: "table", ...TABLE },
      { add: "element", ...element(80), comment: "net/c1/eth0" },
      { remove: "element", ...element(81) },
      { add: "element", ...element(82) },
    ],
  });
  const commands = [{ remove: "element", ...element(82) }, { remove: "element", ...element(80) }];
  assert.deepEqual(undo, { op: "nft.apply", on: "host", commands });
  assert.equal(undoOf({ op: "nft.apply", on: "host", commands: [{ add: "table", ...TABLE }] }), null);
});

Deno.test("connections are flushed again on the way back", () => {
  const flush = { op: "conntrack.flush", on: "host", family: 4, protocol: "udp", port: 53 } as const;
  assert.deepEqual(undoOf(flush), flush);
});

Deno.test("leases are released by owner and ranges, plugins are run again with DEL", () => {
  const undo = undoOf({ op: "lease.reserve", pool: "/p", owner: OWNER, set: 0, ranges: RANGES, want: "10.1.0.7" });
  assert.deepEqual(undo, { op: "lease.release", pool: "/p", owner: OWNER, ranges: RANGES });
  const invoke = { op: "plugin.invoke", plugin: "host-local", config: { name: "net" } } as const;
  assert.deepEqual(undoOf({ ...invoke, command: "ADD" }), { ...invoke, command: "DEL" });
});

Deno.test("created links are both ends of pairs towards the container, and nothing shared", () => {
  const ops: readonly Op[] = [
    { op: "link.create", on: "host", name: "cni0", link: { kind: "bridge" } },
    { op: "link.create", on: "host", name: "cni0.7", link: { kind: "veth", peer: { on: "host", name: "veth7" } } },
    pair(),
    up("container", "eth1"),
  ];
  assert.deepEqual(createdLinks(ops), CREATED);
});
