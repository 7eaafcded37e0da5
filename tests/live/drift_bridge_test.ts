/** Whatever is changed of an attachment to a bridge, CHECK finds it, naming what was expected and what is there. */
import { can } from "../support/capabilities.ts";
import { ipamIn } from "../support/lab.ts";
import { driftTests, loggedDriftTests, type Network } from "../support/live_drift.ts";

const ADDRESSED: Network = {
  name: "bridge of both families",
  plugins: (lab) => [{
    type: "bridge",
    bridge: "br0",
    isDefaultGateway: true,
    ipMasq: true,
    macspoofchk: true,
    hairpinMode: true,
    mtu: 1400,
    portIsolation: true,
    ipam: ipamIn(lab, "10.6.0.0/24", "fd06::/64"),
  }],
};

loggedDriftTests(ADDRESSED, [
  [
    "the container's link down",
    "container",
    "ip link set eth0 down",
    /"eth0" in the container: expected state up, found down/,
  ],
  [
    "its IPv4 address gone",
    "container",
    "ip address del 10.6.0.2/24 dev eth0",
    /expected address 10\.6\.0\.2\/24, found fd06::2/,
  ],
  [
    "another IPv4 address",
    "container",
    "ip address del 10.6.0.2/24 dev eth0; ip address add 10.6.0.9/24 dev eth0; ip route add default via 10.6.0.1",
    /expected address 10\.6\.0\.2\/24, found 10\.6\.0\.9\/24/,
  ],
  [
    "another prefix length",
    "container",
    "ip address del 10.6.0.2/24 dev eth0; ip address add 10.6.0.2/25 dev eth0; ip route add default via 10.6.0.1",
    /expected address 10\.6\.0\.2\/24, found 10\.6\.0\.2\/25/,
  ],
  [
    "its IPv6 address gone",
    "container",
    "ip address del fd06::2/64 dev eth0",
    /expected address fd06::2\/64, found 10\.6\.0\.2/,
  ],
  [
    "the default route gone",
    "container",
    "ip route del default",
    /route to 0\.0\.0\.0\/0 .*expected via 10\.6\.0\.1 over eth0.*found none/,
  ],
  [
    "the default route by another gateway",
    "container",
    "ip route replace default via 10.6.0.9",
    /expected via 10\.6\.0\.1 .*found via 10\.6\.0\.9/,
  ],
  [
    "the default route with another metric",
    "container",
    "ip route del default; ip route add default via 10.6.0.1 metric 7",
    /expected via 10\.6\.0\.1 over eth0 with metric 0, found via 10\.6\.0\.1 over eth0 with metric 7/,
  ],
  [
    "the IPv6 default route gone",
    "container",
    "ip -6 route del default",
    /route to ::\/0 .*expected via fd06::1 .*found none/,
  ],
  ["the host end down", "host", "ip link set $V down", /"veth\w+" on the host: expected state up, found down/],
  [
    "another MTU of the host end",
    "host",
    "ip link set $V mtu 1300",
    /"veth\w+" on the host: expected MTU 1400, found 1300/,
  ],
  ["the host end out of the bridge", "host", "ip link set $V nomaster", /expected master "br0", found none/],
  [
    "the host end in another bridge",
    "host",
    "ip link add br9 type bridge; ip link set $V master br9",
    /expected master "br0", found "br9"/,
  ],
  ["the pair gone", "host", "ip link del $V", /"veth\w+" on the host: expected it to exist, found none/],
  ["hairpin mode off", "host", "bridge link set dev $V hairpin off", /expected hairpin mode on, found off/],
  ["isolation off", "host", "bridge link set dev $V isolated off", /expected isolation on, found off/],
  ["the bridge down", "host", "ip link set br0 down", /"br0" on the host: expected state up, found down/],
  ["the bridge gone", "host", "ip link del br0", /"br0" on the host: expected it to exist, found none/],
  [
    "the gateway's address gone",
    "host",
    "ip address del 10.6.0.1/24 dev br0",
    /"br0" on the host: expected address 10\.6\.0\.1\/24, found fd06::1/,
  ],
  [
    "forwarding off",
    "host",
    "echo 0 > /proc/sys/net/ipv4/ip_forward",
    /"net\/ipv4\/ip_forward" on the host: expected 1, found 0/,
  ],
  [
    "IPv6 forwarding off",
    "host",
    "echo 0 > /proc/sys/net/ipv6/conf/all/forwarding",
    /"net\/ipv6\/conf\/all\/forwarding" on the host: expected 1, found 0/,
  ],
  [
    "a sysctl of the interface changed",
    "container",
    "echo 0 > /proc/sys/net/ipv6/conf/eth0/keep_addr_on_down",
    /"net\/ipv6\/conf\/eth0\/keep_addr_on_down" in the container: expected 1, found 0/,
  ],
  [
    "the table of masquerade gone",
    "host",
    "nft delete table inet cleat",
    /element .* in table "inet cleat" on the host: expected .*found none/,
  ],
  [
    "the table of the MAC check gone",
    "host",
    "nft delete table bridge cleat",
    /element .* in table "bridge cleat" on the host: expected present, found none/,
  ],
  ["the lease gone", "host", "rm $LEASES/drift/10.6.0.2", /lease of c1\/eth0 .*expected 10\.6\.0\.2, found fd06::2/],
  [
    "the lease somebody else's",
    "host",
    "printf 'c9\\r\\neth0' > $LEASES/drift/10.6.0.2",
    /lease of c1\/eth0 .*expected 10\.6\.0\.2, found fd06::2/,
  ],
  [
    "the interface under another name",
    "container",
    "ip link set eth0 down; ip link set eth0 name eth7",
    /"eth0" in the container: expected it to exist, found none/,
  ],
  [
    "a link of another kind under its name",
    "container",
    "ip link del eth0; ip link add eth0 type bridge",
    /"eth0" in the container: expected a veth, found a link of kind "bridge"/,
  ],
]);

driftTests(ADDRESSED, [
  [
    "another MAC",
    "container",
    "ip link set eth0 address 02:00:00:00:00:77",
    /"eth0" in the container: expected MAC ([0-9a-f]{2}:){5}[0-9a-f]{2}, found 02:00:00:00:00:77/,
  ],
  [
    "another MAC of the host end",
    "host",
    "ip link set $V address 02:00:00:00:00:78",
    /"veth\w+": expected MAC ([0-9a-f]{2}:){5}[0-9a-f]{2}, found 02:00:00:00:00:78/,
  ],
]);

loggedDriftTests({
  name: "promiscuous bridge",
  plugins: () => [{ type: "bridge", bridge: "br0", promiscMode: true }],
}, [
  ["that it is no more", "host", "ip link set br0 promisc off", /"br0".*expected promiscuous mode on, found off/],
]);

loggedDriftTests({
  name: "bridge with VLANs",
  works: can.vlanFiltering,
  plugins: () => [{ type: "bridge", bridge: "br0", vlan: 100, vlanTrunk: [{ minID: 200, maxID: 203 }] }],
}, [
  ["its VLAN gone", "host", "bridge vlan del dev $V vid 100", /expected VLAN 100 PVID untagged, found none/],
  ["a VLAN of the trunk gone", "host", "bridge vlan del dev $V vid 202", /expected VLAN 202, found none/],
  ["its VLAN tagged", "host", "bridge vlan add dev $V vid 100 pvid", /expected VLAN 100 PVID untagged, found 100 PVID/],
  [
    "no filter any more",
    "host",
    "ip link set br0 type bridge vlan_filtering 0",
    /expected VLAN filtering on, found off/,
  ],
]);
