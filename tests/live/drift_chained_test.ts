/** Whatever is changed of what tuning, portmap, bandwidth and firewall have set, CHECK finds it. */
import { can } from "../support/capabilities.ts";
import { ipamIn, type Lab } from "../support/lab.ts";
import { loggedDriftTests, type Network } from "../support/live_drift.ts";

const ptp = (lab: Lab) => ({ type: "ptp", ipam: ipamIn(lab, "10.7.0.0/24") });

const bridge = (lab: Lab) => ({
  type: "bridge",
  bridge: "br0",
  isDefaultGateway: true,
  ipam: ipamIn(lab, "10.6.0.0/24", "fd06::/64"),
});

loggedDriftTests({
  name: "tuning",
  plugins: (lab) => [ptp(lab), {
    type: "tuning",
    sysctl: { "net.core.somaxconn": "500", "net.ipv4.conf.IFNAME.arp_filter": "1" },
    mac: "02:00:00:00:00:21",
    mtu: 1300,
    promisc: true,
    allmulti: true,
    txQLen: 77,
  }],
}, [
  [
    "a sysctl",
    "container",
    "echo 600 > /proc/sys/net/core/somaxconn",
    /"net\/core\/somaxconn" in the container: expected 500, found 600/,
  ],
  [
    "a sysctl of the interface",
    "container",
    "echo 0 > /proc/sys/net/ipv4/conf/eth0/arp_filter",
    /"net\/ipv4\/conf\/eth0\/arp_filter" in the container: expected 1, found 0/,
  ],
  ["another MTU", "container", "ip link set eth0 mtu 1400", /"eth0" in the container: expected MTU 1300, found 1400/],
  [
    "another MAC",
    "container",
    "ip link set eth0 address 02:00:00:00:00:77",
    /"eth0" in the container: expected MAC 02:00:00:00:00:21, found 02:00:00:00:00:77/,
  ],
  [
    "promiscuous mode off",
    "container",
    "ip link set eth0 promisc off",
    /"eth0" in the container: expected promiscuous mode on, found off/,
  ],
  [
    "allmulti off",
    "container",
    "ip link set eth0 allmulticast off",
    /"eth0" in the container: expected allmulti on, found off/,
  ],
  [
    "another length of the queue",
    "container",
    "ip link set eth0 txqueuelen 78",
    /"eth0" in the container: expected transmit queue length 77, found 78/,
  ],
]);

const WEB = { hostPort: 8080, containerPort: 80, protocol: "tcp" };

const portmap = (more: object): Network => ({
  name: "portmap",
  capabilityArgs: { portMappings: [WEB] },
  plugins: (lab) => [bridge(lab), { type: "portmap", capabilities: { portMappings: true }, ...more }],
});

loggedDriftTests(portmap({}), [
  [
    "the port gone",
    "host",
    "nft flush map inet cleat hostports4",
    /element \{ tcp \. 8080 \} of set "hostports4" .*expected 10\.6\.0\.2 \. 80, found none/,
  ],
  [
    "the port led to another container",
    "host",
    "nft flush map inet cleat hostports4; nft add element inet cleat hostports4 { tcp . 8080 : 10.6.0.9 . 81 }",
    /element \{ tcp \. 8080 \} of set "hostports4" .*expected 10\.6\.0\.2 \. 80, found 10\.6\.0\.9 \. 81/,
  ],
  [
    "the IPv6 port gone",
    "host",
    "nft flush map inet cleat hostports6",
    /element \{ tcp \. 8080 \} of set "hostports6" .*expected fd06::2 \. 80, found none/,
  ],
  [
    "the table gone",
    "host",
    "nft delete table inet cleat",
    /table "inet cleat" on the host: expected 10\.6\.0\.2 \. 80, found none/,
  ],
  [
    "route_localnet off",
    "host",
    "echo 0 > /proc/sys/net/ipv4/conf/br0/route_localnet",
    /"net\/ipv4\/conf\/br0\/route_localnet" on the host: expected 1, found 0/,
  ],
]);

loggedDriftTests({
  ...portmap({ masqAll: true }),
  name: "[PM25] portmap with masqAll",
}, [
  [
    "the port gone",
    "host",
    "nft flush map inet cleat hostports4",
    /"hostports4" .*expected 10\.6\.0\.2 \. 80, found none/,
  ],
  [
    "what masquerades gone",
    "host",
    "nft delete table inet cleat",
    /of set "snat4" .*expected jump snat-all, found none/,
  ],
]);

loggedDriftTests({
  name: "bandwidth",
  plugins: (lab) => [ptp(lab), {
    type: "bandwidth",
    ingressRate: 8_000_000,
    ingressBurst: 8_000_000,
    egressRate: 16_000_000,
    egressBurst: 8_000_000,
  }],
}, [
  [
    "the limit gone",
    "host",
    "tc qdisc del dev $(tc qdisc show | sed -n 's/.*tbf .* dev \\(veth[^ ]*\\) .*/\\1/p') root",
    /expected .*tbf.*found/,
  ],
  [
    "another rate",
    "host",
    "tc qdisc change dev $(tc qdisc show | sed -n 's/.*tbf .* dev \\(veth[^ ]*\\) .*/\\1/p') root tbf rate 1mbit burst 10kb latency 25ms",
    /expected a rate of 1000000 bytes per second, found 125000 bytes/,
  ],
  ["the way to it gone", "host", "tc qdisc del dev $V ingress", /expected .*found none/],
  [
    "the device of the other way gone",
    "host",
    "ip link del $(ip -o link show type ifb | sed -n '1s/^[0-9]*: \\([^:]*\\):.*/\\1/p')",
    /expected it to exist, found none/,
  ],
]);

loggedDriftTests({
  name: "firewall",
  works: can.iptables,
  prepare: "iptables -P FORWARD DROP",
  plugins: (lab) => [bridge(lab), { type: "firewall", backend: "iptables" }],
}, [
  ["its rules gone", "host", "iptables -F CNI-FORWARD", /expected .*found/],
]);
