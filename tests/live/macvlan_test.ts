/** The macvlan executable on a real kernel. Numbers are those of scenarios/macvlan.txt. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { ipamIn, Lab } from "../support/lab.ts";
import { newNetns } from "../support/netns.ts";

const bin = await builtBin();
const live = (name: string) => unless(can.netns && can.veth && can.macvlan && can.ip, name, "no macvlan, veth or ip");

const config = (lab: Lab, settings: JsonObject = {}): JsonObject => ({
  cniVersion: "1.1.0",
  name: "net5",
  type: "macvlan",
  master: "out0",
  ipam: ipamIn(lab, "192.0.2.0/24", "fd05::/64"),
  ...settings,
});

const linkOf = (ns: { must: (command: string) => string }, name = "eth0") =>
  JSON.parse(ns.must(`ip -d -j link show ${name}`))[0];

Deno.test({
  ...live(
    "[MV1, MV2, MV5] both families: ADD and CHECK, a drift is found, DEL leaves nothing, whatever the host calls its links",
  ),
  async fn() {
    using lab = new Lab(bin);
    lab.outside();
    lab.host.must("ip link add eth0 type bridge");
    const netns = lab.container();
    const call = { config: config(lab, { mtu: 1400, bcqueuelen: 2000, mode: "private" }), netns };
    const prevResult = await lab.ok("macvlan", { verb: "ADD", ...call });
    const { mtu, flags, linkinfo, ifindex } = linkOf(netns);
    assert.deepEqual([mtu, flags.includes("UP"), ifindex], [1400, true, 2]);
    assert.deepEqual([linkinfo.info_kind, linkinfo.info_data.mode], ["macvlan", "private"]);
    assert.equal(linkinfo.info_data.bcqueuelen, 2000);
    const checked = { config: { ...call.config, prevResult }, netns };
    await lab.ok("macvlan", { verb: "CHECK", ...checked });
    netns.must("ip link set eth0 down");
    assert.match((await lab.refused("macvlan", { verb: "CHECK", ...checked })).msg, /state up, found down/);
    for (const _ of [1, 2]) await lab.ok("macvlan", { verb: "DEL", ...call });
    await lab.isClean("eth0", "out0");
    assert.notEqual(netns.sh("ip link show eth0").code, 0);
  },
});

Deno.test({
  ...live("[MV6] with linkInContainer, and without a master: the links of the default routes are found"),
  async fn() {
    using lab = new Lab(bin);
    const outside = lab.outside();
    lab.host.must("ip route add default via 192.0.2.2 dev out0");
    outside.must("ip route add default via 192.0.2.1 dev eth0");
    const netns = lab.container();
    const none = config(lab, { master: "" });
    await lab.ok("macvlan", { verb: "ADD", config: none, netns });
    assert.equal(linkOf(netns).link_index, linkOf(lab.host, "out0").ifindex);
    await lab.ok("macvlan", { verb: "DEL", config: none, netns });
    const inside = { ...none, linkInContainer: true };
    const call = { config: inside, netns: outside, ifName: "net1" };
    const prevResult = await lab.ok("macvlan", { verb: "ADD", ...call });
    assert.equal(linkOf(outside, "net1").link, "eth0");
    await lab.ok("macvlan", { verb: "CHECK", ...call, config: { ...inside, prevResult } });
    await lab.ok("macvlan", { verb: "DEL", ...call });
    await lab.isClean("out0");
  },
});

Deno.test({
  ...live("a failing IPAM, and a name that is taken, leave nothing"),
  async fn() {
    using lab = new Lab(bin);
    lab.outside();
    const netns = lab.container();
    const nowhere = config(lab, { ipam: { type: "no-such-ipam" } });
    assert.match((await lab.refused("macvlan", { verb: "ADD", config: nowhere, netns })).msg, /no-such-ipam/);
    assert.notEqual(netns.sh("ip link show eth0").code, 0);
    netns.must("ip link add eth0 type bridge");
    const { code, msg } = await lab.refused("macvlan", { verb: "ADD", config: config(lab), netns });
    assert.deepEqual([code, /"eth0" in the container.*kind "bridge"/.test(msg)], [102, true], msg);
    await lab.ok("macvlan", { verb: "DEL", config: config(lab), netns });
    assert.equal(linkOf(netns).linkinfo.info_kind, "bridge");
    await lab.isClean("out0");
  },
});

Deno.test({
  ...live("DEL after the namespace, and after the master, gives the address back"),
  async fn() {
    using lab = new Lab(bin);
    lab.outside();
    const gone = newNetns();
    await lab.ok("macvlan", { verb: "ADD", config: config(lab), netns: gone });
    gone[Symbol.dispose]();
    await lab.ok("macvlan", { verb: "DEL", config: config(lab), netns: gone });
    const netns = lab.container();
    await lab.ok("macvlan", { verb: "ADD", config: config(lab), netns });
    lab.host.must("ip link del out0");
    await lab.ok("macvlan", { verb: "DEL", config: config(lab), netns });
    await lab.isClean();
  },
});

Deno.test({
  ...live("STATUS says that the master is not there"),
  async fn() {
    using lab = new Lab(bin);
    lab.outside();
    await lab.ok("macvlan", { verb: "STATUS", config: config(lab) });
    for (const master of ["out9", ""]) {
      assert.equal((await lab.refused("macvlan", { verb: "STATUS", config: config(lab, { master }) })).code, 50);
    }
  },
});

Deno.test({
  ...live("an address that somebody on the network has is refused, and nothing is left"),
  async fn() {
    using lab = new Lab(bin);
    lab.outside();
    const duplicate = config(lab, { ipam: ipamIn(lab, "2001:db8::/64") });
    const refused = await lab.refused("macvlan", { verb: "ADD", config: duplicate, netns: lab.container() });
    assert.deepEqual([refused.code, /another host on the network/.test(refused.msg)], [102, true], refused.msg);
    await lab.isClean("out0");
  },
});
