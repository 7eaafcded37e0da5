/** What differs from what ADD made and is as good, or what CHECK of Go's plugins wrongly refuses: CHECK agrees. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { can, unless } from "../support/capabilities.ts";
import { ipamIn, type Lab } from "../support/lab.ts";
import { attached, type Network, noDriftTests } from "../support/live_drift.ts";

const fixed = (...addresses: readonly [address: string, gateway?: string][]): JsonObject => ({
  type: "static",
  addresses: addresses.map(([address, gateway]) => ({ address, ...(gateway === undefined ? {} : { gateway }) })),
});

const bridge = (name: string, ipam: (lab: Lab) => JsonObject, more: JsonObject = {}): Network => ({
  name,
  plugins: (lab) => [{ type: "bridge", bridge: "br0", ipam: ipam(lab), ...more }],
});

const NOTHING = ["that nothing was changed", "host", ":"] as const;

noDriftTests({ name: "bridge without addresses", plugins: () => [{ type: "bridge", bridge: "br0" }] }, [
  NOTHING,
  ["that the bridge is promiscuous", "host", "ip link set br0 promisc on"],
  [
    "another MAC of the bridge",
    "host",
    "ip link add first address 02:00:00:00:00:00 type veth; ip link set first master br0",
  ],
]);

noDriftTests(bridge("bridge with a /32", () => fixed(["10.6.0.2/32"])), [NOTHING]);

noDriftTests(
  bridge("bridge with a route in another table", (lab) => ({
    ...ipamIn(lab, "10.6.0.0/24"),
    routes: [{ dst: "10.9.0.0/16", table: 100 }, { dst: "10.10.0.0/16", scope: 253 }],
  })),
  [NOTHING],
);

noDriftTests(
  bridge("bridge with host bits in destinations", (lab) => ({
    ...ipamIn(lab, "10.6.0.0/24", "fd06::/64"),
    routes: [{ dst: "10.9.1.1/16" }, { dst: "fd09::1/64" }],
  })),
  [NOTHING],
);

noDriftTests(
  bridge("bridge with two next hops", () => ({
    ...fixed(["fd06::2/64", "fd06::1"]),
    routes: [{ dst: "fd09::/64", gw: "fd06::1" }, { dst: "fd09::/64", gw: "fd06::7" }],
  })),
  [NOTHING],
);

noDriftTests(
  bridge("bridge with default routes from IPAM and for itself", (lab) => ({
    ...ipamIn(lab, "10.6.0.0/24"),
    routes: [{ dst: "0.0.0.0/0" }],
  }), { isDefaultGateway: true }),
  [
    NOTHING,
    ["one more address", "container", "ip address add 10.6.0.77/24 dev eth0"],
    ["one more route", "container", "ip route add 10.66.0.0/16 via 10.6.0.1"],
    ["one more address of the bridge", "host", "ip address add 10.6.9.1/24 dev br0"],
    [
      "one more element of somebody else's",
      "host",
      "nft add table inet other; nft add set inet other s { type ipv4_addr\\; }",
    ],
    ["an IPv6 address of the network's own", "container", "ip address add fd77::2/64 dev eth0"],
    ["another MTU of the interface", "container", "ip link set eth0 mtu 1400"],
    ["an alias of the interface", "container", "ip link set eth0 alias web"],
  ],
);

noDriftTests({
  name: "ptp with a /32 and a gateway outside of it",
  plugins: () => [{ type: "ptp", ipam: { ...fixed(["10.7.0.2/32", "169.254.1.1"]), routes: [{ dst: "0.0.0.0/0" }] } }],
}, [NOTHING]);

noDriftTests({
  name: "ptp with one gateway for two addresses",
  plugins: () => [{ type: "ptp", ipam: fixed(["10.7.0.2/24", "10.7.0.1"], ["10.7.0.3/24", "10.7.0.1"]) }],
}, [NOTHING]);

noDriftTests({
  name: "macvlan on the link of the default route",
  works: can.macvlan,
  prepare: "ip link add out0 type veth peer name out1; ip link set out0 up; ip link set out1 up; " +
    "ip address add 192.0.2.1/24 dev out0; ip route add default via 192.0.2.2",
  plugins: (lab) => [{ type: "macvlan", ipam: ipamIn(lab, "10.8.0.0/24") }],
}, [
  NOTHING,
  ["that the default route is gone", "host", "ip route del default"],
]);

noDriftTests({
  name: "macvlan with an MTU",
  works: can.macvlan,
  prepare: "ip link add out0 type veth peer name out1; ip link set out0 up; ip link set out1 up",
  plugins: (lab) => [{ type: "macvlan", master: "out0", mtu: 1400, ipam: ipamIn(lab, "10.8.0.0/24") }],
}, [
  NOTHING,
  ["that its master has a smaller MTU by now", "host", "ip link set out0 mtu 1300"],
]);

noDriftTests({ name: "loopback", plugins: () => [{ type: "loopback" }] }, [
  ["an address of an administrator on lo", "container", "ip address add 192.0.2.9/32 dev lo"],
]);

noDriftTests({
  name: "tuning",
  plugins: () => [{ type: "bridge", bridge: "br0" }, {
    type: "tuning",
    sysctl: { "net.ipv4.ip_local_port_range": "32768 50000" },
  }],
}, [
  ["that several numbers are read back with tabs", "container", "grep -q 50000 /proc/sys/net/ipv4/ip_local_port_range"],
]);

Deno.test({
  ...unless(
    can.netns && can.bridge && can.veth && can.ip,
    "a bridge whose MAC follows its ports: CHECK of the first container agrees while others come and go",
    "no bridge, veth or ip",
  ),
  fn: () =>
    attached({ name: "", plugins: () => [{ type: "bridge", bridge: "br0" }] }, async ({ another, check }) => {
      await another(async () => assert.equal(await check(), null));
      assert.equal(await check(), null);
    }),
});
