/** Whatever is changed of an attachment by ptp, macvlan, tap, host-device or loopback, CHECK finds it. */
import { can } from "../support/capabilities.ts";
import { ipamIn } from "../support/lab.ts";
import { driftTests, loggedDriftTests, type Network } from "../support/live_drift.ts";

const DEFAULTS = [{ dst: "0.0.0.0/0" }, { dst: "::/0" }];

const PTP: Network = {
  name: "ptp of both families",
  plugins: (
    lab,
  ) => [{ type: "ptp", ipMasq: true, ipam: { ...ipamIn(lab, "10.7.0.0/24", "fd07::/64"), routes: DEFAULTS } }],
};

loggedDriftTests(PTP, [
  [
    "the container's link down",
    "container",
    "ip link set eth0 down",
    /"eth0" in the container: expected state up, found down/,
  ],
  [
    "its address gone",
    "container",
    "ip address del 10.7.0.2/24 dev eth0",
    /expected address 10\.7\.0\.2\/24, found fd07::2/,
  ],
  ["the default route gone", "container", "ip route del default", /route to 0\.0\.0\.0\/0 .*found none/],
  [
    "the default route by another gateway",
    "container",
    "ip route replace default via 10.7.0.1 metric 9; ip route del default metric 0",
    /expected via 10\.7\.0\.1 over eth0 with metric 0, found via 10\.7\.0\.1 over eth0 with metric 9/,
  ],
  [
    "the route to the gateway gone",
    "container",
    "ip route del 10.7.0.1/32",
    /route to 10\.7\.0\.1\/32 in table 254 in the container: expected via no gateway over eth0.*found none/,
  ],
  ["the host's end down", "host", "ip link set $V down", /"veth\w+" on the host: expected state up, found down/],
  ["the host's end gone", "host", "ip link del $V", /"veth\w+" on the host: expected it to exist, found none/],
  [
    "the gateway's address gone",
    "host",
    "ip address del 10.7.0.1/32 dev $V",
    /"veth\w+" on the host: expected address 10\.7\.0\.1\/32, found fd07::1/,
  ],
  [
    "the way to the container gone",
    "host",
    "ip route del 10.7.0.2/32",
    /route to 10\.7\.0\.2\/32 in table 254 on the host: expected via no gateway over veth\w+.*found none/,
  ],
  [
    "forwarding off",
    "host",
    "echo 0 > /proc/sys/net/ipv4/ip_forward",
    /"net\/ipv4\/ip_forward" on the host: expected 1, found 0/,
  ],
  [
    "masquerade gone",
    "host",
    "nft delete table inet cleat",
    /in table "inet cleat" on the host: expected .*found none/,
  ],
]);

driftTests(PTP, [
  [
    "another MAC",
    "container",
    "ip link set eth0 address 02:00:00:00:00:77",
    /expected MAC .*, found 02:00:00:00:00:77/,
  ],
]);

const MACVLAN: Network = {
  name: "macvlan",
  works: can.macvlan,
  // Some machines have it on already.
  inside: "echo 0 > /proc/sys/net/ipv4/conf/default/arp_notify",
  prepare:
    "ip link add out0 type veth peer name out1; ip link set out0 up; ip link set out1 up; ip link add out2 type veth",
  plugins: (lab) => [{
    type: "macvlan",
    master: "out0",
    ipam: { ...ipamIn(lab, "10.8.0.0/24"), routes: [{ dst: "10.9.0.0/16" }] },
  }],
};

loggedDriftTests(MACVLAN, [
  ["the link down", "container", "ip link set eth0 down", /"eth0" in the container: expected state up, found down/],
  [
    "another address",
    "container",
    "ip address replace 10.8.0.9/24 dev eth0; ip address del 10.8.0.2/24 dev eth0",
    /expected address 10\.8\.0\.2\/24, found/,
  ],
  [
    "a route changed",
    "container",
    "ip route replace 10.9.0.0/16 via 10.8.0.7",
    /expected via 10\.8\.0\.1 .*found via 10\.8\.0\.7/,
  ],
  [
    "another mode",
    "container",
    "ip link set eth0 type macvlan mode private",
    /"eth0" in the container: expected mode bridge, found private/,
  ],
  ["the master gone", "host", "ip link del out0", /"eth0" in the container: expected it to exist, found none/],
  [
    "another master",
    "host",
    "ip link set out0 down; ip link set out0 name out5; ip link set out2 name out0",
    /expected link "out0" on the host as its parent, found another link/,
  ],
  [
    "notices of its addresses off",
    "container",
    "echo 0 > /proc/sys/net/ipv4/conf/eth0/arp_notify",
    /arp_notify" in the container: expected 1, found 0/,
  ],
]);

driftTests(MACVLAN, [
  [
    "another MAC",
    "container",
    "ip link set eth0 address 02:00:00:00:00:77",
    /expected MAC .*, found 02:00:00:00:00:77/,
  ],
]);

const TAP: Network = {
  name: "tap",
  works: can.tap,
  inside: "ip link add br5 type bridge; ip link add br6 type bridge",
  plugins: (
    lab,
  ) => [{ type: "tap", owner: 7, bridge: "br5", mac: "02:00:00:00:00:05", ipam: ipamIn(lab, "10.8.1.0/24") }],
};

const TAP_AGAIN = "ip link del eth0; ip tuntap add dev eth0 mode tap";

loggedDriftTests(TAP, [
  ["the device down", "container", "ip link set eth0 down", /"eth0" in the container: expected state up, found down/],
  [
    "another bridge",
    "container",
    "ip link set eth0 master br6",
    /"eth0" in the container: expected master "br5", found "br6"/,
  ],
  ["another owner", "container", `${TAP_AGAIN} user 8`, /"eth0" in the container: expected owner 7, found 8/],
  ["no owner", "container", TAP_AGAIN, /"eth0" in the container: expected owner 7, found none/],
  ["no address", "container", "ip address flush dev eth0", /expected address 10\.8\.1\.2\/24, found none/],
]);

driftTests(TAP, [
  [
    "another MAC",
    "container",
    "ip link set eth0 address 02:00:00:00:00:77",
    /expected MAC 02:00:00:00:00:05, found 02:00:00:00:00:77/,
  ],
  [
    "a device of packets",
    "container",
    "ip link del eth0; ip tuntap add dev eth0 mode tun",
    /expected a tap, found a link of kind "tun"/,
  ],
]);

loggedDriftTests({
  name: "host-device",
  prepare: "ip link add dev0 type veth peer name dev1; ip link set dev1 up",
  kept: ["dev0", "dev1"],
  plugins: (lab) => [{ type: "host-device", device: "dev0", ipam: ipamIn(lab, "10.8.2.0/24") }],
}, [
  ["the device down", "container", "ip link set eth0 down", /"eth0" in the container: expected state up, found down/],
  ["no address", "container", "ip -4 address flush dev eth0", /expected address 10\.8\.2\.2\/24, found/],
  ["the device gone", "host", "ip link del dev1", /"eth0" in the container: expected it to exist, found none/],
]);

const LOOPBACK: Network = {
  name: "loopback",
  inside: "ip link set lo down",
  plugins: () => [{ type: "loopback" }],
};

loggedDriftTests(LOOPBACK, [
  ["lo down", "container", "ip link set lo down", /"lo" in the container: expected state up, found down/],
]);

driftTests(LOOPBACK, [
  [
    "127.0.0.1 gone",
    "container",
    "ip address del 127.0.0.1/8 dev lo",
    /expected address 127\.0\.0\.1\/8, found ::1\/128/,
  ],
  ["::1 gone", "container", "ip address del ::1/128 dev lo", /expected address ::1\/128, found 127\.0\.0\.1\/8/],
]);
