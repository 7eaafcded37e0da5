import assert from "node:assert/strict";
import { masquerade } from "../../src/plugins/masquerade.ts";
import { can, unless } from "../support/capabilities.ts";
import { openHost } from "../support/linux_host.ts";
import { newNetns } from "../support/netns.ts";
import { hasNfTables } from "../support/nft_tables.ts";
import { keyOf, mapped, portmapAdd, web } from "../support/portmap.ts";
import { recipesOn } from "../support/recipe.ts";

const LISTING = `table inet cleat {
comment "Host ports and masquerade of containers, made by cleat"
map hostips4 {
type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service
}
map hostports4 {
type inet_proto . inet_service : ipv4_addr . inet_service
elements = { tcp . 8080 comment "net1/c1/eth0" : 10.1.0.2 . 80 }
}
map hostips6 {
type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service
}
map hostports6 {
type inet_proto . inet_service : ipv6_addr . inet_service
elements = { tcp . 8080 comment "net1/c1/eth0" : fd00:1::2 . 80 }
}
map snat4 {
type ipv4_addr : verdict
elements = { 10.1.0.2 comment "net1/c1/eth0" : jump snat-10.1.0.0/24 }
}
map snat6 {
type ipv6_addr : verdict
elements = { fd00:1::2 comment "net1/c1/eth0" : jump snat-fd00_1__/64 }
}
map masq4 {
type ipv4_addr : verdict
elements = { 10.1.0.2 comment "net1/c1/eth0" : goto masq-10.1.0.0/24 }
}
map masq6 {
type ipv6_addr : verdict
elements = { fd00:1::2 comment "net1/c1/eth0" : goto masq-fd00_1__/64 }
}
chain prerouting {
type nat hook prerouting priority dstnat; policy accept;
fib daddr type local jump hostports
}
chain output {
type nat hook output priority -100; policy accept;
fib daddr type local jump hostports
}
chain postrouting {
type nat hook postrouting priority srcnat; policy accept;
ct status dnat ip daddr vmap @snat4
ct status dnat ip6 daddr vmap @snat6
ip saddr vmap @masq4
ip6 saddr vmap @masq6
}
chain conditions {
comment "Host ports with conditions, looked up first"
}
chain hostports {
comment "One look-up each, whatever the number of ports"
jump conditions
dnat ip to ip daddr . meta l4proto . th dport map @hostips4
meta nfproto ipv4 dnat ip to meta l4proto . th dport map @hostports4
dnat ip6 to ip6 daddr . meta l4proto . th dport map @hostips6
meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @hostports6
}
chain masq-10.1.0.0/24 {
comment "Out of 10.1.0.0/24"
ip daddr 10.1.0.0/24 return
ip daddr 224.0.0.0/4 return
masquerade
}
chain masq-fd00_1__/64 {
comment "Out of fd00:1::/64"
ip6 daddr fd00:1::/64 return
ip6 daddr ff00::/8 return
masquerade
}
chain loopback {
comment "127.0.0.0/8 from outside stays outside, also with route_localnet"
type filter hook prerouting priority raw; policy accept;
iifname != "lo" ip daddr 127.0.0.0/8 drop
}
chain snat-10.1.0.0/24 {
ip saddr 10.1.0.0/24 masquerade
ip saddr 127.0.0.0/8 masquerade
}
chain snat-fd00_1__/64 {
ip6 saddr fd00:1::/64 masquerade
}
}`;

Deno.test({
  ...unless(
    hasNfTables && can.nft,
    "the table reads as intended, and the names in it can be typed into nft",
    "no nf_tables or nft",
  ),
  fn: async () => {
    using host = newNetns({ lo: true });
    using opened = openHost(host, null);
    const { run } = recipesOn(opened.host);
    await run(masquerade({ key: keyOf("c1"), network: "net1", addresses: ["10.1.0.2/24", "fd00:1::2/64"] }));
    await run(portmapAdd("c1", 2, mapped(web)));
    const listing = host.must("nft list table inet cleat");
    assert.equal(listing.split("\n").map((line) => line.trim()).filter((line) => line !== "").join("\n"), LISTING);
    host.must("nft list chain inet cleat masq-fd00_1__/64");
    // What nft prints it must also read, or nobody could save and restore a ruleset that has our table.
    host.must(
      "nft list ruleset > /dev/shm/cleat-$$.nft && nft -c -f /dev/shm/cleat-$$.nft; s=$?; rm /dev/shm/cleat-$$.nft; exit $s",
    );
  },
});
