import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { Address } from "../../../src/effects/kernel/host.ts";
import { addressing } from "../../../src/plugins/bridge/addressing.ts";
import { gatewayAddresses, obstacles } from "../../../src/plugins/bridge/gateway.ts";
import { asRanges, portVlans, surplusVlans, trunkIds } from "../../../src/plugins/bridge/vlans.ts";
import { routeOps } from "../../../src/plugins/ipam.ts";
import { hostVethName, portNameOf } from "../../../src/plugins/names.ts";
import { parseResolvConf } from "../../../src/plugins/resolv_conf.ts";
import { DEFAULT_PLAN } from "../../support/bridge_plan.ts";

const PLAN = { ...DEFAULT_PLAN, ipam: "host-local" };
const GATEWAY = { ...PLAN, isGateway: true };
const DEFAULT_GATEWAY = { ...GATEWAY, isDefaultGateway: true };
const result = (addresses: string[], routes: { dst: string; gw?: string }[] = []) => ({
  cniVersion: "1.1.0",
  ips: addresses.map((address) => ({ address })),
  routes,
});

Deno.test("every address belongs to the container end, third of the interfaces", () => {
  assert.deepEqual(addressing(PLAN, result(["10.1.0.2/16"])), {
    ips: [{ address: "10.1.0.2/16", interface: 2 }],
    routes: [],
  });
});

Deno.test("a gateway IPAM did not name is the network's first address; one it named stays", () => {
  const { ips } = addressing(GATEWAY, {
    cniVersion: "1.1.0",
    ips: [{ address: "10.1.0.2/16" }, { address: "fd00::2/64", gateway: "fd00::ff" }],
  });
  assert.deepEqual(ips.map(({ gateway }) => gateway), ["10.1.0.1", "fd00::ff"]);
});

Deno.test("[BR5] isDefaultGateway adds one default route per family, through the first gateway", () => {
  const { routes } = addressing(DEFAULT_GATEWAY, result(["10.1.0.2/16", "10.2.0.2/16", "fd00::2/64"]));
  assert.deepEqual(routes, [{ dst: "0.0.0.0/0", gw: "10.1.0.1" }, { dst: "::/0", gw: "fd00::1" }]);
});

Deno.test("[D12] a default route from IPAM is not doubled, with or without a next hop", () => {
  for (const route of [{ dst: "0.0.0.0/0" }, { dst: "0.0.0.0/0", gw: "10.1.0.9" }]) {
    assert.deepEqual(addressing(DEFAULT_GATEWAY, result(["10.1.0.2/16"], [route])).routes, [route]);
  }
});

Deno.test("[D12] the gateway of an address makes no route, and a route of IPAM stays without one", () => {
  const answer = { cniVersion: "1.1.0", ips: [{ address: "10.1.0.2/16", gateway: "10.1.0.1" }] };
  assert.deepEqual(addressing(GATEWAY, answer).routes, []);
  const routes = [{ dst: "10.9.0.0/16" }];
  assert.deepEqual(addressing(GATEWAY, { ...answer, routes }).routes, routes);
});

Deno.test("gateways take the prefix of the address they serve, each once, IPv4 first", () => {
  const ips = [
    { address: "fd00::2/64", gateway: "fd00::1" },
    { address: "10.1.0.2/16", gateway: "10.1.0.1" },
    { address: "10.1.0.3/16", gateway: "10.1.0.1" },
    { address: "10.9.0.3/16" },
  ];
  assert.deepEqual(gatewayAddresses(ips), ["10.1.0.1/16", "fd00::1/64"]);
});

const present = (...addresses: string[]): Address[] =>
  addresses.map((address) => ({
    address,
    scope: address.startsWith("fe80") ? 253 : 0,
    tentative: false,
    dadFailed: false,
  }));

Deno.test("[BR9] any other IPv4 address is in the way, an IPv6 one only if the networks overlap", () => {
  assert.deepEqual(obstacles(present("10.9.0.1/16"), ["10.1.0.1/16"], "10.1.0.1/16"), ["10.9.0.1/16"]);
  assert.deepEqual(obstacles(present("fd00::9/64"), ["fd00::1/64"], "fd00::1/64"), ["fd00::9/64"]);
  assert.deepEqual(obstacles(present("fd00::9/48"), ["fd00::1/64"], "fd00::1/64"), ["fd00::9/48"]);
  assert.deepEqual(obstacles(present("fd01::9/64"), ["fd00::1/64"], "fd00::1/64"), []);
  assert.deepEqual(obstacles(present("10.9.0.1/16"), ["fd00::1/64"], "fd00::1/64"), []);
});

Deno.test("two gateways of one request, and link-local addresses, are not in each other's way", () => {
  const wanted = ["10.1.0.1/16", "10.2.0.1/16"];
  assert.deepEqual(obstacles(present("10.1.0.1/16"), wanted, "10.2.0.1/16"), []);
  assert.deepEqual(obstacles(present("fe80::8/64"), ["fe80::1/64"], "fe80::1/64"), []);
});

Deno.test("trunk ids are sorted and distinct, and ranges join neighbours", () => {
  assert.deepEqual(trunkIds([{ minID: 5, maxID: 7 }, { id: 6 }, { id: 2 }]), [2, 5, 6, 7]);
  assert.deepEqual(asRanges([2, 5, 6, 7]), [{ vid: 2 }, { vid: 5, to: 7 }]);
});

Deno.test("[BR6] a trunk alone keeps VLAN 1 native; the default VLAN goes when it is not wanted", () => {
  const byDefault = [{ vid: 1, pvid: true, untagged: true }];
  assert.deepEqual(surplusVlans(byDefault, portVlans(0, [{ id: 101 }])), []);
  assert.deepEqual(surplusVlans(byDefault, portVlans(100, [])), [{ vid: 1 }]);
  assert.deepEqual(surplusVlans([{ vid: 1, to: 4 }], portVlans(100, [{ id: 3 }])), [{ vid: 1, to: 2 }, { vid: 4 }]);
});

const IPS = [
  { address: "10.1.0.2/16", gateway: "10.1.0.1" },
  { address: "fd00::2/64", gateway: "fd00::1" },
  { address: "10.2.0.2/16", gateway: "10.2.0.1" },
];

Deno.test("[E9] a route without a next hop takes the first gateway of its family, also in another table", () => {
  const [first, second] = routeOps("eth0", IPS, [{ dst: "0.0.0.0/0" }, { dst: "fd09::/64", table: 5000, scope: 200 }]);
  assert.deepEqual(first, { op: "route.add", on: "container", link: "eth0", dst: "0.0.0.0/0", gw: "10.1.0.1" });
  assert.deepEqual(second, {
    op: "route.add",
    on: "container",
    link: "eth0",
    dst: "fd09::/64",
    gw: "fd00::1",
    table: 5000,
    scope: 200,
  });
});

Deno.test("a route of link scope goes to the link itself", () => {
  assert.equal(routeOps("eth0", IPS, [{ dst: "10.9.0.0/16", scope: 253 }])[0]?.gw, undefined);
});

Deno.test("route attributes reach the kernel, and 0 is no wish", () => {
  const [op, none] = routeOps("eth0", IPS, [
    { dst: "10.9.0.0/16", priority: 7, mtu: 1400, advmss: 1300 },
    { dst: "10.8.0.0/16", priority: 0, mtu: 0, advmss: 0, table: 0 },
  ]);
  assert.deepEqual([op?.metric, op?.mtu, op?.advmss], [7, 1400, 1300]);
  assert.deepEqual(Object.keys(none ?? {}), ["op", "on", "link", "dst", "gw"]);
});

Deno.test("host bits of a destination are cleared, and the same route is made once", () => {
  const ops = routeOps("eth0", IPS, [{ dst: "10.9.1.2/16" }, { dst: "10.9.0.0/16" }]);
  assert.deepEqual(ops.map(({ dst }) => dst), ["10.9.0.0/16"]);
});

Deno.test("host veth names are 15 bytes, stable, and differ between any two attachments", async () => {
  const key = { network: "n", containerId: "c", ifName: "eth0" };
  const name = await Effect.runPromise(hostVethName(key));
  assert.match(name, /^veth[0-9a-f]{11}$/);
  assert.equal(await Effect.runPromise(hostVethName(key)), name);
  const others = await Promise.all(
    [{ ...key, network: "n2" }, { ...key, containerId: "c2" }, { ...key, ifName: "eth1" }].map((other) =>
      Effect.runPromise(hostVethName(other))
    ),
  );
  assert.equal(new Set([name, ...others, await Effect.runPromise(portNameOf("cni0.100"))]).size, 5);
});

Deno.test("[HL53] resolv.conf: comments are skipped, lists add up, the last domain wins", () => {
  assert.deepEqual(parseResolvConf("nameserver 192.0.2.1\n"), { nameservers: ["192.0.2.1"] });
  assert.deepEqual(
    parseResolvConf(
      "# a\n; b\n\n nameserver 192.0.2.1 ignored\nnameserver\t192.0.2.2\nsearch a.example b.example\nsearch c.example\n" +
        "options ndots:2\noptions timeout:1 rotate\ndomain old.example\ndomain new.example\nnameserver\nsortlist x\n",
    ),
    {
      nameservers: ["192.0.2.1", "192.0.2.2"],
      domain: "new.example",
      search: ["a.example", "b.example", "c.example"],
      options: ["ndots:2", "timeout:1", "rotate"],
    },
  );
  assert.deepEqual(parseResolvConf(""), {});
});
