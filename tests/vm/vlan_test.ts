/** The vlan plugin on a kernel that has VLANs. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { executables, inProcess } from "../support/door.ts";
import { needsKind } from "../support/kinds.ts";
import { ipamIn, Lab } from "../support/lab.ts";
import type { Netns } from "../support/netns.ts";
import { dial, serve } from "../support/traffic.ts";

const bin = await builtBin();

const config = (lab: Lab, settings: JsonObject = {}): JsonObject => ({
  cniVersion: "1.1.0",
  name: "vlans",
  type: "vlan",
  master: "out0",
  vlanId: 1234,
  ipam: ipamIn(lab, "10.12.0.0/24"),
  ...settings,
});

const linkOf = (ns: Netns, name = "eth0") => JSON.parse(ns.must(`ip -d -j link show ${name}`))[0];

/**
 * Both places that a master can be in: the host, or the container, here the namespace behind the host's link; with the
 * versions that are tried, which emulated kernels take long for.
 */
const PLACES = [
  ["on the host", false, ["0.2.0", "1.1.0"]],
  ["in the container", true, ["1.1.0"]],
] as const;

/** Where the master is, what the configuration says of it, and the other end of its wire. */
const placeIn = (lab: Lab, linkInContainer: boolean) => {
  const outside = lab.outside();
  const [host, away] = [{ ns: lab.host, name: "out0" }, { ns: outside, name: "eth0" }];
  const [near, far] = linkInContainer ? [away, host] : [host, away];
  const netns = linkInContainer ? outside : lab.container();
  return { netns, near, far, settings: { master: near.name, linkInContainer } };
};

/** The name that the interface gets, beside a master that may be called eth0. */
const ifName = "net1";

for (const [where, linkInContainer, versions] of PLACES) {
  Deno.test({
    ...needsKind("vlan", `[VL3] vlan, master ${where}: ADD, CHECK, and DEL, which leaves nothing`),
    async fn() {
      using lab = new Lab(bin);
      const { netns, settings } = placeIn(lab, linkInContainer);
      const { ok } = inProcess(lab);
      for (const cniVersion of versions) {
        const call = { config: config(lab, { ...settings, cniVersion }), netns, ifName };
        const prevResult = await ok("vlan", { verb: "ADD", ...call });
        const { linkinfo, flags } = linkOf(netns, ifName);
        assert.deepEqual([linkinfo.info_kind, linkinfo.info_data.id, linkinfo.info_data.protocol], [
          "vlan",
          1234,
          "802.1Q",
        ]);
        assert.ok(flags.includes("UP"));
        if (cniVersion >= "0.4.0") {
          await ok("vlan", { verb: "CHECK", ...call, config: { ...call.config, prevResult } });
        }
        for (const _ of cniVersion === "1.1.0" ? [1, 2] : [1]) await ok("vlan", { verb: "DEL", ...call });
        assert.notEqual(netns.sh(`ip link show ${ifName}`).code, 0);
      }
      await lab.isClean("out0");
    },
  });

  Deno.test({
    ...needsKind(
      "vlan",
      `[VL1, VL2] master ${where}: its frames bear the tag, and its MTU is what was asked for, or the master's`,
    ),
    async fn() {
      using lab = new Lab(bin);
      const { near, far, netns, settings } = placeIn(lab, linkInContainer);
      const { ok } = inProcess(lab);
      far.ns.must(`ip link add link ${far.name} name far0 type vlan id 33
        ip address add 10.12.0.1/24 dev far0; ip link set far0 up`);
      const call = { config: config(lab, { ...settings, vlanId: 33, mtu: 1500 }), netns, ifName };
      await ok("vlan", { verb: "ADD", ...call });
      const { mtu, address } = linkOf(netns, ifName);
      assert.deepEqual([mtu, address], [1500, linkOf(near.ns, near.name).address]);
      {
        await using _far = serve(far.ns, 80, "far saw ");
        assert.equal(await dial(netns, "10.12.0.1", 80), "far saw 10.12.0.2");
      }
      await ok("vlan", { verb: "DEL", ...call });
      near.ns.must(`ip link set ${near.name} mtu 1200`);
      await ok("vlan", { verb: "ADD", ...call, config: { ...call.config, mtu: 0 } });
      assert.equal(linkOf(netns, ifName).mtu, 1200);
      await ok("vlan", { verb: "DEL", ...call });
    },
  });
}

Deno.test({
  ...needsKind("vlan", "[VL1, VL3] vlan as an executable, on a host that has a link of that name"),
  async fn() {
    using lab = new Lab(bin);
    lab.outside();
    lab.host.must("ip link add eth0 type bridge");
    const { ok } = executables(lab);
    const call = { config: config(lab, { vlanId: 33, mtu: 1500 }), netns: lab.container() };
    const prevResult = await ok("vlan", { verb: "ADD", ...call });
    const { linkinfo, mtu, ifindex } = linkOf(call.netns);
    assert.deepEqual([linkinfo.info_data.id, mtu, ifindex < 0x20_0000], [33, 1500, true]);
    await ok("vlan", { verb: "CHECK", ...call, config: { ...call.config, prevResult } });
    await ok("vlan", { verb: "DEL", ...call });
    await lab.isClean("eth0", "out0");
  },
});

Deno.test({
  ...needsKind(
    "vlan",
    "an id that another container has is refused and leaves nothing; after that one's DEL it is free",
  ),
  async fn() {
    using lab = new Lab(bin);
    lab.outside();
    const { ok, refused } = inProcess(lab);
    const [one, two] = [lab.container(), lab.container()];
    await ok("vlan", { verb: "ADD", config: config(lab), netns: one });
    const { code, msg } = await refused("vlan", { verb: "ADD", config: config(lab), netns: two, id: "c2" });
    assert.deepEqual([code, /VLAN 1234 of "out0" has a link already/.test(msg)], [102, true], msg);
    assert.notEqual(two.sh("ip link show eth0").code, 0);
    await ok("vlan", { verb: "DEL", config: config(lab), netns: one });
    await ok("vlan", { verb: "ADD", config: config(lab), netns: two, id: "c2" });
    await ok("vlan", { verb: "DEL", config: config(lab), netns: two, id: "c2" });
    await lab.isClean("out0");
  },
});

Deno.test({
  ...needsKind("vlan", "DEL of a vlan after its master is gone, and after its namespace, gives the address back"),
  async fn() {
    using lab = new Lab(bin);
    lab.outside();
    const { ok } = inProcess(lab);
    const netns = lab.container();
    await ok("vlan", { verb: "ADD", config: config(lab), netns });
    await ok("vlan", { verb: "DEL", config: config(lab), netns: "/run/netns/gone" });
    await ok("vlan", { verb: "ADD", config: config(lab), netns });
    lab.host.must("ip link del out0");
    await ok("vlan", { verb: "DEL", config: config(lab), netns });
    await lab.isClean();
  },
});

Deno.test({
  ...needsKind("vlan", "CHECK finds another vlan in the place of ours, and one that another program made by its id"),
  async fn() {
    using lab = new Lab(bin);
    lab.outside();
    const { ok, refused } = inProcess(lab);
    const netns = lab.container();
    const made = config(lab, { mtu: 1400 });
    const prevResult = await ok("vlan", { verb: "ADD", config: made, netns });
    netns.must("ip link del eth0");
    lab.host.must(`ip link add link out0 name eth0 netns ${netns.path} mtu 1400 type vlan id 1235`);
    netns.must("ip address add 10.12.0.2/24 dev eth0; ip link set eth0 up");
    const check = { verb: "CHECK", config: { ...made, prevResult }, netns } as const;
    assert.match((await refused("vlan", check)).msg, /expected VLAN id 1234, found 1235/);
    await ok("vlan", { verb: "DEL", config: made, netns });
    const mac = linkOf(lab.host, "out0").address;
    lab.host.must(`ip link add link out0 name eth0 netns ${netns.path} mtu 1400 type vlan id 1235`);
    netns.must("ip link set eth0 up");
    const foreign = {
      ...made,
      vlanId: 1235,
      ipam: { type: "static" },
      prevResult: { cniVersion: "1.1.0", interfaces: [{ name: "eth0", mac, sandbox: netns.path }] },
    };
    await ok("vlan", { verb: "CHECK", config: foreign, netns, id: "c2" });
    assert.match(
      (await refused("vlan", { verb: "CHECK", config: { ...foreign, mtu: 1300 }, netns, id: "c2" })).msg,
      /expected MTU 1300, found 1400/,
    );
    await ok("vlan", { verb: "DEL", config: foreign, netns, id: "c2" });
    assert.notEqual(netns.sh("ip link show eth0").code, 0);
    await lab.isClean("out0");
  },
});
