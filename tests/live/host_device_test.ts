/** The host-device executable on a real kernel. Numbers are those of its scenarios. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { withDevices } from "../support/fake_sysfs.ts";
import { ipamIn, Lab } from "../support/lab.ts";
import { newNetns } from "../support/netns.ts";
import { dial, serve } from "../support/traffic.ts";

const bin = await builtBin();
const live = (name: string) => unless(can.netns && can.veth && can.ip, name, "no veth or ip");

const STATIC = { type: "static", addresses: [{ address: "192.0.2.50/24", gateway: "192.0.2.2" }] };

const config = (settings: JsonObject = {}): JsonObject => ({
  cniVersion: "1.1.0",
  name: "net6",
  type: "host-device",
  device: "out0",
  ...settings,
});

const linkOf = (ns: { must: (command: string) => string }, name = "eth0") =>
  JSON.parse(ns.must(`ip -d -j link show ${name}`))[0];

/** Ends when all addresses can be used, which waits for the links' carrier. */
const SETTLED = "timeout 5 sh -c 'while ip -6 address show tentative | grep -q inet6; do :; done'";

/** What the host has, with the settings of its link; addresses come back as the kernel is given them, with a broadcast address. */
const stateOf = (lab: Lab, name = "out0") => {
  lab.host.must(SETTLED);
  const { mtu, address, flags, ifalias, txqlen } = linkOf(lab.host, name);
  const remains = lab.remains();
  const addresses = remains.addresses.map((line) => line.replace(/ brd \S+| nodad/g, ""));
  return { ...remains, addresses, link: { mtu, address, up: flags.includes("UP"), ifalias, txqlen } };
};

Deno.test({
  ...live(
    "[HD1, HD4] the container reaches what the link leads to; DEL gives it back with all that the host had on it",
  ),
  async fn() {
    using lab = new Lab(bin);
    const outside = lab.outside();
    lab.host.must(`ip link set out0 mtu 1400 txqueuelen 77 alias uplink
      ip route add 198.51.100.0/24 via 192.0.2.2 metric 5; ip route add fd09::/64 via 2001:db8::2 dev out0`);
    const before = stateOf(lab);
    const netns = lab.container();
    const call = { config: config({ ipam: { ...STATIC, routes: [{ dst: "0.0.0.0/0" }] } }), netns };
    const prevResult = await lab.ok("host-device", { verb: "ADD", ...call });
    assert.deepEqual(prevResult.interfaces, [{ name: "eth0", mac: before.link.address, sandbox: netns.path }]);
    const { mtu, flags, ifalias } = linkOf(netns);
    assert.deepEqual([mtu, flags.includes("UP"), ifalias], [1400, true, "out0"]);
    assert.deepEqual(lab.remains().links, []);
    await using _ = serve(outside, 80, "outside saw ");
    assert.equal(await dial(netns, "192.0.2.2", 80), "outside saw 192.0.2.50");
    const checked = { config: { ...call.config, prevResult }, netns };
    await lab.ok("host-device", { verb: "CHECK", ...checked });
    netns.must("ip link set eth0 down");
    assert.match((await lab.refused("host-device", { verb: "CHECK", ...checked })).msg, /state up, found down/);
    for (const _ of [1, 2]) await lab.ok("host-device", { verb: "DEL", ...call });
    assert.deepEqual(stateOf(lab), before);
    await lab.isClean("out0");
  },
});

Deno.test({
  ...live("[HD2] DEL while the name is taken on the host fails, and the container keeps a link that works"),
  async fn() {
    using lab = new Lab(bin);
    const outside = lab.outside();
    const before = stateOf(lab);
    const netns = lab.container();
    const call = { config: config({ ipam: STATIC }), netns };
    await lab.ok("host-device", { verb: "ADD", ...call });
    lab.host.must("ip link add out0 type bridge");
    assert.match((await lab.refused("host-device", { verb: "DEL", ...call })).msg, /"out0".*on the host already/);
    await using _ = serve(outside, 80, "outside saw ");
    assert.equal(await dial(netns, "192.0.2.2", 80), "outside saw 192.0.2.50");
    lab.host.must("ip link del out0");
    await lab.ok("host-device", { verb: "DEL", ...call });
    assert.deepEqual(stateOf(lab), before);
  },
});

Deno.test({
  ...live("[HD3] a device of vfio-pci in a sysfs of the test's own is not moved, and its result has the address"),
  async fn() {
    using lab = new Lab(bin);
    const plugin = withDevices(lab, lab.file("host-device"), { bus: "pci", id: "0000:00:1f.6", driver: "vfio-pci" });
    const netns = lab.container();
    for (const selector of [{ pciBusID: "0000:00:1f.6" }, { runtimeConfig: { deviceID: "0000:00:1f.6" } }]) {
      const call = { config: config({ device: "", ...selector, ipam: STATIC }), netns };
      const prevResult = await lab.ok(plugin, { verb: "ADD", ...call });
      assert.deepEqual(prevResult, {
        cniVersion: "1.1.0",
        interfaces: [{ name: "eth0", sandbox: netns.path }],
        ips: [{ address: "192.0.2.50/24", gateway: "192.0.2.2", interface: 0 }],
      });
      await lab.ok(plugin, { verb: "CHECK", config: { ...call.config, prevResult }, netns });
      // DEL needs no device: by then it may have gone.
      await lab.ok("host-device", { verb: "DEL", ...call });
    }
    await lab.isClean();
  },
});

Deno.test({
  ...live("[HD6] devices of the auxiliary and the PCI bus are found by their links in a sysfs of the test's own"),
  async fn() {
    using lab = new Lab(bin);
    lab.outside();
    const plugin = withDevices(
      lab,
      lab.file("host-device"),
      { bus: "auxiliary", id: "mlx5_core.sf.4", driver: "mlx5_core.sf", link: "out0" },
      { bus: "pci", id: "0000:00:1f.6", driver: "e1000e", link: "out0" },
    );
    const netns = lab.container();
    for (const selector of [{ runtimeConfig: { deviceID: "mlx5_core.sf.4" } }, { pciBusID: "0000:00:1f.6" }]) {
      const call = { config: config({ device: "", ...selector, ipam: STATIC }), netns };
      await lab.ok(plugin, { verb: "ADD", ...call });
      assert.equal(linkOf(netns).ifalias, "out0");
      await lab.ok("host-device", { verb: "DEL", ...call });
      assert.equal(linkOf(lab.host, "out0").ifname, "out0");
      // It may have another index now.
      const { ifindex } = linkOf(lab.host, "out0");
      Deno.writeTextFileSync(`${lab.folder}/bus/pci/devices/0000:00:1f.6/net/out0/ifindex`, `${ifindex}\n`);
    }
    const call = { config: config({ device: "", pciBusID: "0000:00:1f.7" }), netns };
    assert.match((await lab.refused(plugin, { verb: "ADD", ...call })).msg, /no such device on the PCI bus/);
    await lab.isClean("out0");
  },
});

Deno.test({
  ...live("[HD7] a stranger in the container with the link's name stays, up, and the link comes back under it"),
  async fn() {
    using lab = new Lab(bin);
    lab.outside();
    const before = stateOf(lab);
    const netns = lab.container();
    netns.must("ip link add out0 type bridge; ip link set out0 up");
    const call = { config: config(), netns, ifName: "net1" };
    await lab.ok("host-device", { verb: "ADD", ...call });
    assert.deepEqual([linkOf(netns, "net1").linkinfo.info_kind, linkOf(netns, "net1").flags.includes("UP")], [
      "veth",
      true,
    ]);
    await lab.ok("host-device", { verb: "DEL", ...call });
    assert.deepEqual(stateOf(lab), before);
    assert.deepEqual([linkOf(netns, "out0").linkinfo.info_kind, linkOf(netns, "out0").flags.includes("UP")], [
      "bridge",
      true,
    ]);
  },
});

Deno.test({
  ...live("by its MAC address, by an alternative name and by its path in sysfs the device is found"),
  async fn() {
    using lab = new Lab(bin);
    lab.outside();
    lab.host.must("ip link property add dev out0 altname a-name-of-more-than-fifteen-bytes altname wan");
    const { address } = linkOf(lab.host, "out0");
    const netns = lab.container();
    for (
      const selector of [{ hwaddr: address.toUpperCase() }, { device: "a-name-of-more-than-fifteen-bytes" }, {
        device: "wan",
      }]
    ) {
      const call = { config: config({ device: "", ...selector }), netns };
      await lab.ok("host-device", { verb: "ADD", ...call });
      assert.equal(linkOf(netns).ifalias, "out0");
      await lab.ok("host-device", { verb: "DEL", ...call });
    }
    // sysfs shows the links of the namespace in which it was mounted.
    const plugin = `${lab.folder}/own-sysfs`;
    const script = `exec unshare -m sh -c 'mount -t sysfs none /sys && exec ${lab.file("host-device")}'`;
    Deno.writeTextFileSync(plugin, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    lab.host.must("ip link set lo name zlo");
    const call = { config: config({ device: "", kernelpath: "/sys/devices/virtual" }), netns };
    await lab.ok(plugin, { verb: "ADD", ...call });
    assert.equal(linkOf(netns).ifalias, "out0");
    await lab.ok("host-device", { verb: "DEL", ...call });
  },
});

Deno.test({
  ...live("a link that the container has renamed comes back, and none of the container's own in its place"),
  async fn() {
    using lab = new Lab(bin);
    lab.outside();
    const { address, ifindex } = linkOf(lab.host, "out0");
    const netns = lab.container();
    // Indexes are each namespace's own: this one is taken when the link comes, which gets another.
    netns.must(`ip link add other index ${ifindex} type veth peer name peer`);
    await lab.ok("host-device", { verb: "ADD", config: config(), netns });
    netns.must(`ip link set eth0 down; ip link set eth0 name mine; ip link add eth0 type veth peer name peer2
      ip link set other name a0`);
    await lab.ok("host-device", { verb: "DEL", config: config(), netns });
    assert.equal(linkOf(lab.host, "out0").address, address);
    assert.match(netns.must("ip -o link"), /a0/);
    assert.doesNotMatch(netns.must("ip -o link"), /mine/);
  },
});

Deno.test({
  ...live("a failing IPAM, and a name that is taken, leave the host its link as it was"),
  async fn() {
    using lab = new Lab(bin);
    lab.outside();
    const before = stateOf(lab);
    const index = linkOf(lab.host, "out0").ifindex;
    const netns = lab.container();
    const nowhere = config({ ipam: { type: "no-such-ipam" } });
    assert.match((await lab.refused("host-device", { verb: "ADD", config: nowhere, netns })).msg, /no-such-ipam/);
    netns.must("ip link add eth0 type bridge");
    const { code, msg } = await lab.refused("host-device", { verb: "ADD", config: config(), netns });
    assert.deepEqual([code, /"out0" to "eth0" in the container.*kind "bridge"/.test(msg)], [102, true], msg);
    await lab.ok("host-device", { verb: "DEL", config: config(), netns });
    assert.deepEqual([stateOf(lab), linkOf(lab.host, "out0").ifindex], [before, index]);
    netns.must("ip link del eth0; ip link add out9 type bridge");
    const unreachable = config({ ipam: { ...STATIC, routes: [{ dst: "10.9.0.0/16", gw: "10.8.0.1" }] } });
    await lab.refused("host-device", { verb: "ADD", config: unreachable, netns });
    assert.deepEqual(stateOf(lab), before, "a route that cannot be made");
    await lab.isClean("out0");
  },
});

Deno.test({
  ...live("DEL after the namespace, which takes a virtual link with it, gives the address back"),
  async fn() {
    using lab = new Lab(bin);
    lab.outside();
    const call = { config: config({ ipam: ipamIn(lab, "192.0.2.0/24") }), netns: newNetns() };
    await lab.ok("host-device", { verb: "ADD", ...call });
    call.netns[Symbol.dispose]();
    await lab.ok("host-device", { verb: "DEL", ...call });
    await lab.isClean();
  },
});
