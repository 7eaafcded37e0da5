/** The ipvlan plugin on a kernel that has ipvlans. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { inProcess } from "../support/door.ts";
import { needsKind } from "../support/kinds.ts";
import { ipamIn, Lab } from "../support/lab.ts";
import type { Netns } from "../support/netns.ts";
import { dial, serve } from "../support/traffic.ts";

const bin = await builtBin();

const config = (lab: Lab, settings: JsonObject = {}): JsonObject => ({
  cniVersion: "1.1.0",
  name: "ipvlans",
  type: "ipvlan",
  master: "out0",
  ipam: {
    type: "host-local",
    dataDir: lab.leases,
    ranges: [[{ subnet: "192.0.2.0/24", rangeStart: "192.0.2.50" }]],
  },
  ...settings,
});

const linkOf = (ns: Netns, name = "eth0") => JSON.parse(ns.must(`ip -d -j link show ${name}`))[0];

/** The name that the interface gets, beside a master that may be called eth0. */
const ifName = "net1";

/**
 * Both places that a master can be in: the host, or the container, here the namespace behind the host's link; with the
 * versions that are tried, which emulated kernels take long for.
 */
const PLACES = [
  ["on the host", false, ["0.2.0", "1.1.0"]],
  ["in the container", true, ["1.1.0"]],
] as const;

/** Where the master is, and what the configuration says of it. */
const placeIn = (lab: Lab, linkInContainer: boolean) => {
  const outside = lab.outside();
  return linkInContainer
    ? { netns: outside, near: outside, settings: { master: "eth0", linkInContainer } }
    : { netns: lab.container(), near: lab.host, settings: { master: "out0", linkInContainer } };
};

for (const [where, linkInContainer, versions] of PLACES) {
  Deno.test({
    ...needsKind("ipvlan", `[IV2] ipvlan, master ${where}: ADD, CHECK, and DEL, which leaves nothing`),
    async fn() {
      using lab = new Lab(bin);
      const { netns, near, settings } = placeIn(lab, linkInContainer);
      const { ok } = inProcess(lab);
      for (const cniVersion of versions) {
        const call = { config: config(lab, { ...settings, cniVersion }), netns, ifName };
        const prevResult = await ok("ipvlan", { verb: "ADD", ...call });
        const { linkinfo, flags, address } = linkOf(netns, ifName);
        assert.deepEqual([linkinfo.info_kind, linkinfo.info_data.mode], ["ipvlan", "l2"]);
        assert.equal(address, linkOf(near, settings.master).address);
        assert.ok(flags.includes("UP") && !flags.includes("NOARP"));
        if (cniVersion >= "0.4.0") {
          await ok("ipvlan", { verb: "CHECK", ...call, config: { ...call.config, prevResult } });
        }
        for (const _ of cniVersion === "1.1.0" ? [1, 2] : [1]) await ok("ipvlan", { verb: "DEL", ...call });
        assert.notEqual(netns.sh(`ip link show ${ifName}`).code, 0);
      }
      await lab.isClean("out0");
    },
  });

  Deno.test({
    ...needsKind(
      "ipvlan",
      `[IV3] ipvlan behind another plugin, master ${where}: on that one's link, with its addresses`,
    ),
    async fn() {
      using lab = new Lab(bin);
      const { netns, near, settings: { master } } = placeIn(lab, linkInContainer);
      const { ok } = inProcess(lab);
      const alone = { cniVersion: "1.0.0", name: "ipvlans", type: "ipvlan", linkInContainer };
      const before = {
        cniVersion: "1.0.0",
        interfaces: [{ name: master }],
        ips: [{ address: "192.0.2.60/24", gateway: "192.0.2.2", interface: 0 }],
        routes: [{ dst: "10.9.0.0/16" }],
      };
      const call = { netns, ifName };
      const prevResult = await ok("ipvlan", { verb: "ADD", ...call, config: { ...alone, prevResult: before } });
      assert.deepEqual(prevResult.interfaces, [
        { name: ifName, mac: linkOf(near, master).address, sandbox: netns.path },
      ]);
      assert.deepEqual([prevResult.ips, prevResult.routes], [before.ips, before.routes]);
      assert.match(netns.must("ip route"), new RegExp(`10\\.9\\.0\\.0/16 via 192\\.0\\.2\\.2 dev ${ifName}`));
      for (const more of [{}, { master }]) {
        await ok("ipvlan", { verb: "CHECK", ...call, config: { ...alone, ...more, prevResult } });
      }
      await ok("ipvlan", { verb: "DEL", ...call, config: { ...alone, prevResult } });
      await lab.isClean("out0");
    },
  });

  Deno.test({
    ...needsKind(
      "ipvlan",
      `[IV1, IV5] ipvlan without a master, ${where}: on the link of the default route, with the MTU asked for`,
    ),
    async fn() {
      using lab = new Lab(bin);
      const { netns, near, settings } = placeIn(lab, linkInContainer);
      const { ok } = inProcess(lab);
      near.must(`ip route add default dev ${settings.master}`);
      const call = { config: config(lab, { ...settings, master: "", mtu: 1500 }), netns, ifName };
      const prevResult = await ok("ipvlan", { verb: "ADD", ...call });
      const { link_index: parent, mtu, linkinfo, link } = linkOf(netns, ifName);
      const master = linkOf(near, settings.master);
      assert.ok(linkInContainer ? link === master.ifname : parent === master.ifindex);
      assert.deepEqual([mtu, linkinfo.info_data.mode], [1500, "l2"]);
      near.must("ip route del default");
      await ok("ipvlan", { verb: "CHECK", ...call, config: { ...call.config, prevResult } });
      await ok("ipvlan", { verb: "DEL", ...call });
      await lab.isClean("out0");
    },
  });
}

Deno.test({
  ...needsKind(
    "ipvlan",
    "[IV4] two ipvlans of a master reach each other and the network outside, whatever the host calls its links",
  ),
  async fn() {
    using lab = new Lab(bin);
    const outside = lab.outside();
    lab.host.must("ip link add eth0 type bridge");
    const { ok } = inProcess(lab);
    const [one, two] = [lab.container(), lab.container()];
    await ok("ipvlan", { verb: "DEL", config: config(lab), netns: one });
    for (const [id, netns] of [["c1", one], ["c2", two]] as const) {
      await ok("ipvlan", { verb: "ADD", config: config(lab), netns, id });
    }
    await using _outside = serve(outside, 80, "outside saw ");
    await using _two = serve(two, 80, "two saw ");
    assert.equal(await dial(one, "192.0.2.2", 80), "outside saw 192.0.2.50");
    assert.equal(await dial(one, "192.0.2.51", 80), "two saw 192.0.2.50");
    for (const id of ["c1", "c2"]) await ok("ipvlan", { verb: "DEL", config: config(lab), id });
    await lab.isClean("eth0", "out0");
  },
});

Deno.test({
  ...needsKind(
    "ipvlan",
    "in modes l3 and l3s nobody asks for MAC addresses; all ipvlans of a master have the last mode",
  ),
  async fn() {
    using lab = new Lab(bin);
    lab.outside();
    const { ok, refused } = inProcess(lab);
    const [one, two] = [lab.container(), lab.container()];
    const first = config(lab, { mode: "l3" });
    const prevResult = await ok("ipvlan", { verb: "ADD", config: first, netns: one });
    assert.ok(linkOf(one).flags.includes("NOARP"));
    const check = { verb: "CHECK", config: { ...first, prevResult }, netns: one } as const;
    await ok("ipvlan", check);
    await ok("ipvlan", { verb: "ADD", config: config(lab, { mode: "l3s" }), netns: two, id: "c2" });
    assert.equal(linkOf(two).linkinfo.info_data.mode, "l3s");
    assert.match((await refused("ipvlan", check)).msg, /expected mode l3, found l3s/);
    for (const id of ["c1", "c2"]) await ok("ipvlan", { verb: "DEL", config: config(lab), id });
    await lab.isClean("out0");
  },
});

Deno.test({
  ...needsKind(
    "ipvlan",
    "an address that another ipvlan has is refused, a failed IPAM too, and neither leaves anything",
  ),
  async fn() {
    using lab = new Lab(bin);
    lab.outside();
    const { ok, refused } = inProcess(lab);
    const [one, two] = [lab.container(), lab.container()];
    const fixed = config(lab, { ipam: { type: "static", addresses: [{ address: "192.0.2.70/24" }] } });
    await ok("ipvlan", { verb: "ADD", config: fixed, netns: one });
    const { msg } = await refused("ipvlan", { verb: "ADD", config: fixed, netns: two, id: "c2" });
    assert.match(msg, /192\.0\.2\.70\/24.*EADDRINUSE/);
    const nowhere = config(lab, { ipam: ipamIn(lab, "192.0.2.0/32") });
    await refused("ipvlan", { verb: "ADD", config: nowhere, netns: two, id: "c2" });
    assert.notEqual(two.sh("ip link show eth0").code, 0);
    lab.host.must("ip link del out0");
    await ok("ipvlan", { verb: "DEL", config: fixed, netns: one });
    await lab.isClean();
  },
});
