/** Our tap beside Go's, which older releases of its suite do not have: the same configuration, in twin namespaces. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { besideGo, eachSuite, insideOf, normal } from "../support/go_suite.ts";
import { ipamIn, Lab, tree } from "../support/lab.ts";

const bin = await builtBin();

const beside = (name: string) => {
  const test = besideGo(name);
  return { ...(test.ignore || can.tap ? test : unless(false, name, "no /dev/net/tun")), plugins: ["tap"] };
};

/** ADD, CHECK, DEL twice of one container, and what could be seen meanwhile. */
async function life(lab: Lab, cniVersion: string, settings: JsonObject) {
  const netns = lab.container();
  netns.must("ip link add br5 type bridge");
  const config = { cniVersion, name: "twin", type: "tap", ipam: ipamIn(lab, "192.0.2.0/24"), ...settings };
  const result = await lab.ok("tap", { verb: "ADD", config, netns });
  const [link] = JSON.parse(netns.must("ip -d -j link show eth0"));
  const { pi: _, vnet_hdr: __, ...data } = link.linkinfo.info_data;
  const seen = { result: normal(result, lab), inside: insideOf(netns), data, master: link.master };
  if (cniVersion >= "0.4.0") {
    await lab.ok("tap", { verb: "CHECK", config: { ...config, prevResult: result }, netns });
  }
  for (const verb of ["DEL", "DEL"] as const) await lab.ok("tap", { verb, config, netns });
  assert.notEqual(netns.sh("ip link show eth0").code, 0);
  return { ...seen, after: tree(lab.leases) };
}

const SETTINGS: readonly [string, JsonObject][] = [
  ["owner and group", { owner: 0, group: 0 }],
  ["a bridge and several queues", { owner: 7, group: 8, bridge: "br5", multiQueue: true }],
  ["MTU, MAC and an owner", { owner: 7, mtu: 1400, mac: "c2:11:22:33:44:55" }],
];

for (const [name, settings] of SETTINGS) {
  eachSuite({
    ...beside(`[TA1, TA2] a tap with ${name}: results, container and lease files are those of Go's in every form`),
    async fn({ bin: goBin, forms }) {
      for (const version of forms) {
        using ours = new Lab(bin);
        using theirs = new Lab(goBin);
        assert.deepEqual(await life(ours, version, settings), await life(theirs, version, settings), version);
        await ours.isClean();
      }
    },
  });
}

eachSuite({
  ...beside("each suite's DEL removes the tap that the other one made"),
  async fn({ bin: goBin, newest }) {
    for (const [adds, deletes] of [[bin, goBin], [goBin, bin]] as const) {
      using lab = new Lab(adds);
      const netns = lab.container();
      const config = { cniVersion: newest, name: "twin", type: "tap", owner: 0, ipam: ipamIn(lab, "192.0.2.0/24") };
      const prevResult = await lab.ok("tap", { verb: "ADD", config, netns });
      const env = { CNI_PATH: deletes };
      const call = { config: { ...config, prevResult }, netns };
      await lab.ok(`${deletes}/tap`, { ...call, verb: "CHECK", env });
      await lab.ok(`${deletes}/tap`, { ...call, verb: "DEL", env });
      assert.notEqual(netns.sh("ip link show eth0").code, 0);
      await lab.ok("tap", { verb: "DEL", ...call });
      await lab.isClean();
    }
  },
});
