import assert from "node:assert/strict";
import { masquerade } from "../../src/plugins/masquerade.ts";
import { spoofCheck } from "../../src/plugins/spoof_check.ts";
import { can, unless } from "../support/capabilities.ts";
import { openHost } from "../support/linux_host.ts";
import { type Netns, newNetns } from "../support/netns.ts";
import { hasNfTables } from "../support/nft_tables.ts";
import { keyOf, mapped, portmapAdd, web } from "../support/portmap.ts";
import { recipesOn } from "../support/recipe.ts";
import { dial, serve } from "../support/traffic.ts";

const WORKS = hasNfTables && can.ip && can.bridge && can.veth;
const MISSING = "no nf_tables, ip, bridge or veth";

/** Containers 10.1.0.2 and 10.1.0.3 on a bridge with hairpin ports, and 192.0.2.2 outside. No DAD: nothing waits. */
const plug = (host: Netns, containers: readonly Netns[], outside: Netns): void => {
  host.must(`
    ip link add cni0 type bridge; echo 0 > /proc/sys/net/ipv6/conf/cni0/accept_dad; ip link set cni0 up
    ip address add 10.1.0.1/24 dev cni0; ip address add fd00:1::1/64 dev cni0 nodad
    ip link add vo type veth peer name eth0; ip link set eth0 netns ${outside.path}; ip link set vo up
    ip address add 192.0.2.1/24 dev vo; ip address add 2001:db8::1/64 dev vo nodad
    echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding`);
  containers.forEach((ns, index) => {
    const last = index + 2;
    host.must(`
      ip link add v${last} type veth peer name eth0; ip link set eth0 netns ${ns.path}
      ip link set v${last} master cni0 up; ip link set v${last} type bridge_slave hairpin on`);
    ns.must(`
      ip link set eth0 up; ip address add 10.1.0.${last}/24 dev eth0; ip route add default via 10.1.0.1
      ip address add fd00:1::${last}/64 dev eth0 nodad; ip route add default via fd00:1::1`);
  });
  outside.must(`
    ip link set eth0 up; ip address add 192.0.2.2/24 dev eth0; ip address add 2001:db8::2/64 dev eth0 nodad`);
};

/** A host with two containers and an outside, open to recipes. */
const newSite = () => {
  using stack = new DisposableStack();
  const open = () => stack.use(newNetns({ lo: true }));
  const [host, c1, c2, outside] = [open(), open(), open(), open()];
  plug(host, [c1, c2], outside);
  const opened = stack.use(openHost(host, null));
  const owned = stack.move();
  return { host, c1, c2, outside, opened, [Symbol.dispose]: () => owned.dispose() };
};

Deno.test({
  ...unless(
    WORKS,
    "[portmap 5.9] host ports work from outside, from the host, from the container and its sibling",
    MISSING,
  ),
  fn: async () => {
    using site = newSite();
    const { host, c1, c2, outside, opened } = site;
    const recipes = recipesOn(opened.host);
    await recipes.run(masquerade({ key: keyOf("c1"), network: "net1", addresses: ["10.1.0.2/24", "fd00:1::2/64"] }));
    const bound = { hostPort: 9090, containerPort: 80, protocol: "tcp" };
    await recipes.run(
      portmapAdd("c1", 2, mapped(web, { ...bound, hostIP: "192.0.2.1" }, { ...bound, hostIP: "2001:db8::1" })),
    );
    const stack = recipes.takeUndo();
    await using _inside = serve(c1, 80);
    await using _outside = serve(outside, 80);

    assert.equal(await dial(outside, "192.0.2.1", 8080), "192.0.2.2", "from outside, the client's own address");
    assert.equal(await dial(outside, "2001:db8::1", 8080), "2001:db8::2", "from outside over IPv6");
    assert.equal(await dial(outside, "192.0.2.1", 9090), "192.0.2.2", "bound to one address");
    assert.equal(await dial(outside, "2001:db8::1", 9090), "2001:db8::2", "bound to one IPv6 address");
    assert.equal(await dial(host, "192.0.2.1", 8080), "192.0.2.1", "from the host to its own address");
    assert.equal(await dial(host, "127.0.0.1", 8080), "10.1.0.1", "from the host's loopback, masqueraded");
    await assert.rejects(dial(host, "127.0.0.1", 9090), Deno.errors.ConnectionRefused, "bound to another address");
    assert.equal(await dial(c1, "192.0.2.1", 8080), "10.1.0.1", "from the container itself, masqueraded");
    assert.equal(await dial(c2, "192.0.2.1", 8080), "10.1.0.1", "from a sibling, masqueraded");
    assert.equal(await dial(c2, "2001:db8::1", 8080), "fd00:1::1", "from a sibling over IPv6, masqueraded");
    assert.equal(await dial(c2, "10.1.0.2", 80), "10.1.0.3", "within the subnet, untouched");
    assert.equal(await dial(c1, "192.0.2.2", 80), "192.0.2.1", "to outside, masqueraded");
    assert.equal(await dial(c1, "2001:db8::2", 80), "2001:db8::1", "to outside over IPv6, masqueraded");

    await recipes.undo(stack);
    await assert.rejects(dial(outside, "192.0.2.1", 8080), Deno.errors.ConnectionRefused, "closed");
    if (can.nft) assert.doesNotMatch(host.must("nft list table inet cleat"), /elements/);
  },
});

Deno.test({
  ...unless(
    WORKS && can.ping,
    "[portmap 5.8] route_localnet does not open the host's loopback to containers",
    `${MISSING}, or no ping`,
  ),
  fn: async () => {
    using host = newNetns({ lo: true });
    using c1 = newNetns();
    using outside = newNetns({ lo: true });
    plug(host, [c1], outside);
    using opened = openHost(host, null);
    c1.must("echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet; ip route add 127.0.0.0/8 via 10.1.0.1");
    const reach = () => c1.sh("ping -c 1 -W 0.3 127.0.0.1").code;
    host.must("echo 1 > /proc/sys/net/ipv4/conf/cni0/route_localnet");
    assert.equal(reach(), 0, "without the guard loopback answers");
    await recipesOn(opened.host).run(portmapAdd("c1", 2, mapped(web)));
    assert.notEqual(reach(), 0, "with it, it does not");
    assert.equal(c1.sh("ping -c 1 -W 0.3 10.1.0.1").code, 0, "the bridge's own address does");
  },
});

Deno.test({
  ...unless(WORKS, "[portmap 5.8] conditions limit one container's port and not another's", MISSING),
  fn: async () => {
    using site = newSite();
    const { host, c1, c2, outside, opened } = site;
    outside.must("ip address add 192.0.2.3/24 dev eth0");
    const { run } = recipesOn(opened.host);
    await run(portmapAdd("c1", 2, mapped(web)));
    await run(
      portmapAdd("c2", 3, {
        ...mapped({ ...web, hostIP: "0.0.0.0" }),
        conditionsV4: ["!", "-i", "v+", "-s", "10.1.0.0/24"],
      }),
    );
    await using _one = serve(c1, 80, "c1 saw ");
    await using _two = serve(c2, 80, "c2 saw ");
    const listing = can.nft ? host.must("nft list chain inet cleat conditions") : "";
    if (can.nft) assert.match(listing, /iifname != "v\*" ip saddr 10\.1\.0\.0\/24 jump hostports4-[0-9a-f]{12}/);
    assert.equal(await dial(outside, "192.0.2.1", 8080), "c1 saw 192.0.2.2");
    assert.equal(await dial(c1, "192.0.2.1", 8080), "c2 saw 10.1.0.1");
  },
});

Deno.test({
  ...unless(
    WORKS && can.nft && can.ping,
    "[link 8.4] the spoof check drops frames of other senders from a checked port only",
    `${MISSING}, or no ping`,
  ),
  fn: async () => {
    using site = newSite();
    const { host, c1, c2, opened } = site;
    for (const ns of [c1, c2]) ns.must("ip link set eth0 address 0a:58:0a:01:00:02");
    const recipes = recipesOn(opened.host);
    await recipes.run(spoofCheck({ key: keyOf("c1"), hostVeth: "v2", mac: "0a:58:0a:01:00:02" }));
    const ping = (ns: Netns) => ns.sh("ping -c 1 -W 0.3 10.1.0.1").code;
    c2.must("ip link set eth0 down");
    assert.equal(ping(c1), 0, "its own address");
    c1.must("ip link set eth0 address 0a:58:0a:01:00:09");
    assert.notEqual(ping(c1), 0, "another address");
    c1.must("ip link set eth0 down");
    c2.must("ip link set eth0 up");
    assert.equal(ping(c2), 0, "a port that is not checked");
    await recipes.undo(recipes.takeUndo());
    c1.must("ip link set eth0 up");
    assert.equal(ping(c1), 0, "no longer checked");
    assert.match(
      host.must("nft list chain bridge cleat prerouting").replace(/\s+/g, " "),
      /priority dstnat; policy accept; iifname @spoof_checked iifname \. ether saddr != @spoof_allowed drop/,
    );
  },
});
