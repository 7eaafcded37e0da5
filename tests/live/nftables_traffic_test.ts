import assert from "node:assert/strict";
import { applyNft } from "../../src/effects/kernel/linux/nftables/apply.ts";
import { readElement } from "../../src/effects/kernel/linux/nftables/element.ts";
import type { NftCommand, NftElement } from "../../src/effects/kernel/nft.ts";
import { can, unless } from "../support/capabilities.ts";
import { type Netns, newNetns } from "../support/netns.ts";
import { at, demoTable, hasNfTables, hostPort, nftSocket } from "../support/nft_tables.ts";
import { dial, serve } from "../support/traffic.ts";

/** A host with 192.0.2.1 towards `outside` (192.0.2.2), and a container 10.1.0.2 behind 10.1.0.1. Without DAD nothing waits. */
function plug(host: Netns, container: Netns, outside: Netns): void {
  for (const [name, ns] of [["vc", container], ["vo", outside]] as const) {
    host.must(`ip link add ${name} type veth peer name eth0`);
    host.must(`ip link set eth0 netns ${ns.path}; echo 0 > /proc/sys/net/ipv6/conf/${name}/accept_dad`);
    ns.must("echo 0 > /proc/sys/net/ipv6/conf/eth0/accept_dad");
  }
  host.must(`
    ip link set lo up; ip link set vc up; ip link set vo up
    ip address add 10.1.0.1/24 dev vc; ip address add 192.0.2.1/24 dev vo
    ip address add fd00:1::1/64 dev vc; ip address add 2001:db8::1/64 dev vo
    echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
    echo 1 > /proc/sys/net/ipv4/conf/vc/route_localnet`);
  container.must(`
    ip link set eth0 up; ip address add 10.1.0.2/24 dev eth0; ip route add default via 10.1.0.1
    ip address add fd00:1::2/64 dev eth0; ip route add default via fd00:1::1`);
  outside.must(
    "ip link set eth0 up; ip address add 192.0.2.2/24 dev eth0; ip address add 2001:db8::2/64 dev eth0",
  );
}

Deno.test({
  ...unless(
    hasNfTables && can.ip && can.veth,
    "host ports and masquerade carry real connections",
    "no nf_tables, ip or veth",
  ),
  fn: async () => {
    using host = newNetns();
    using container = newNetns();
    using outside = newNetns();
    plug(host, container, outside);
    using nft = nftSocket(host);
    const masq: NftElement = {
      ...at,
      set: "masq4",
      key: [{ ip: "10.1.0.2" }],
      value: { verdict: "goto", chain: "net-demo" },
    };
    applyNft(nft.socket, [
      ...demoTable,
      { add: "element", ...hostPort(8080, "10.1.0.2", 80, "any address") },
      {
        add: "element",
        ...at,
        set: "hostports4ip",
        key: [{ ip: "192.0.2.1" }, { protocol: "tcp" }, { port: 9090 }],
        value: [{ ip: "10.1.0.2" }, { port: 80 }],
      },
      {
        add: "element",
        ...at,
        set: "hostports6",
        key: [{ protocol: "tcp" }, { port: 8080 }],
        value: [{ ip: "fd00:1::2" }, { port: 80 }],
      },
      { add: "element", ...masq },
    ]);
    await using _inside = serve(container, 80);
    await using _outside = serve(outside, 80);

    assert.equal(await dial(outside, "192.0.2.1", 8080), "192.0.2.2", "any local address");
    assert.equal(await dial(outside, "192.0.2.1", 9090), "192.0.2.2", "one local address");
    assert.equal(await dial(outside, "2001:db8::1", 8080), "2001:db8::2", "IPv6");
    assert.equal(await dial(host, "192.0.2.1", 8080), "192.0.2.1", "from the host itself");
    assert.equal(await dial(host, "127.0.0.1", 8080), "10.1.0.1", "from the host's loopback, masqueraded");
    await assert.rejects(dial(host, "127.0.0.1", 9090), Deno.errors.ConnectionRefused, "bound to another address");
    assert.equal(await dial(container, "192.0.2.2", 80), "192.0.2.1", "from the container, masqueraded");

    applyNft(nft.socket, [{ remove: "element", ...hostPort(8080, "10.1.0.2", 80) }]);
    await assert.rejects(dial(outside, "192.0.2.1", 8080), Deno.errors.ConnectionRefused, "removed");
    assert.equal(await dial(outside, "192.0.2.1", 9090), "192.0.2.2", "the other one stays");
  },
});

const bridgeAt = { family: "bridge", table: "cleat" } as const;

/** Frames that enter by a port, but not with the address that belongs to it, are counted and dropped. */
const spoofTable: readonly NftCommand[] = [
  { add: "table", ...bridgeAt },
  { add: "set", ...bridgeAt, set: "macs", key: ["ifname", "ether_addr"], comment: "who may send what" },
  { add: "set", ...bridgeAt, set: "ports", key: ["ifname"] },
  { add: "set", ...bridgeAt, set: "senders", key: ["ether_addr"] },
  { add: "chain", ...bridgeAt, chain: "check", hook: { type: "filter", hook: "prerouting", priority: -300 } },
  {
    add: "rule",
    ...bridgeAt,
    chain: "check",
    exprs: [
      { expr: "meta", key: "iifname", to: 1 },
      { expr: "lookup", set: "ports", from: 1 },
      { expr: "payload", base: "link", offset: 6, length: 6, to: 12 },
      { expr: "lookup", set: "macs", from: 1, not: true },
      { expr: "counter" },
      { expr: "verdict", verdict: "drop" },
    ],
  },
];

Deno.test({
  ...unless(
    hasNfTables && can.nft && can.ip && can.bridge && can.veth && can.ping,
    "a set of port and Ethernet address on a bridge drops spoofed frames and lets true ones pass",
    "no nf_tables, nft, ip, ping, bridge or veth",
  ),
  fn: () => {
    using host = newNetns();
    using container = newNetns();
    host.must(`
      ip link add br0 type bridge; ip link set br0 up; ip address add 10.1.0.1/24 dev br0
      ip link add vc type veth peer name eth0; ip link set vc master br0 up; ip link set eth0 netns ${container.path}`);
    container.must("ip link set eth0 address 0a:58:0a:01:00:02 up; ip address add 10.1.0.2/24 dev eth0");
    using nft = nftSocket(host);
    const mine: NftElement = {
      ...bridgeAt,
      set: "macs",
      key: [{ ifName: "vc" }, { mac: "0a:58:0a:01:00:02" }],
      comment: "demo/c1/eth0",
    };
    applyNft(nft.socket, [
      ...spoofTable,
      { add: "element", ...mine },
      { add: "element", ...bridgeAt, set: "ports", key: [{ ifName: "vc" }] },
      { add: "element", ...bridgeAt, set: "senders", key: [{ mac: "0a:58:0a:01:00:02" }] },
    ]);
    assert.deepEqual(readElement(nft.socket, mine), mine);
    const listing = () => host.must("nft list table bridge cleat").replace(/\s+/g, " ");
    assert.match(listing(), /elements = \{ "vc" \. 0a:58:0a:01:00:02 comment "demo\/c1\/eth0" \}/);
    assert.match(listing(), /elements = \{ 0a:58:0a:01:00:02 \}/);
    const ping = () => container.sh("ping -c 1 -W 0.3 10.1.0.1").code;
    assert.equal(ping(), 0, "with its own address");
    assert.match(listing(), /counter packets 0 /);
    container.must("ip link set eth0 address 0a:58:0a:01:00:03");
    assert.notEqual(ping(), 0, "with a stranger's address");
    assert.doesNotMatch(listing(), /counter packets 0 /);
  },
});
