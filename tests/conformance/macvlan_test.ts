/** Our macvlan beside Go's: the same configuration, the same verbs, in twin namespaces. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { can } from "../support/capabilities.ts";
import { besideGo, eachSuite, insideOf, normal } from "../support/go_suite.ts";
import { ipamIn, Lab, tree } from "../support/lab.ts";
import { dial, serve } from "../support/traffic.ts";

const bin = await builtBin();

const beside = (name: string) => {
  const test = besideGo(name);
  return test.ignore || can.macvlan ? test : { name: `${name} (skipped: no macvlan)`, ignore: true };
};

const configIn = (lab: Lab, cniVersion: string, settings: JsonObject, ipam: JsonObject): JsonObject => ({
  cniVersion,
  name: "twin",
  type: "macvlan",
  master: "out0",
  ...settings,
  ipam: { ...ipamIn(lab, "192.0.2.0/24"), ...ipam },
});

/** ADD, CHECK, DEL twice of one container, and what could be seen meanwhile. */
async function life(lab: Lab, cniVersion: string, settings: JsonObject, ipam: JsonObject) {
  lab.outside();
  const netns = lab.container();
  const config = configIn(lab, cniVersion, settings, ipam);
  const result = await lab.ok("macvlan", { verb: "ADD", config, netns });
  const [link] = JSON.parse(netns.must("ip -d -j link show eth0"));
  const seen = {
    result: normal(result, lab),
    inside: insideOf(netns),
    data: link.linkinfo.info_data,
    leases: tree(lab.leases),
  };
  if (cniVersion >= "0.4.0") {
    await lab.ok("macvlan", { verb: "CHECK", config: { ...config, prevResult: result }, netns });
  }
  for (const _ of [1, 2]) await lab.ok("macvlan", { verb: "DEL", config, netns });
  assert.notEqual(netns.sh("ip link show eth0").code, 0);
  return { ...seen, after: tree(lab.leases) };
}

const SETTINGS: readonly [string, JsonObject, JsonObject][] = [
  ["a route", {}, { routes: [{ dst: "10.99.0.0/16", gw: "192.0.2.2" }] }],
  ["an MTU, a MAC and mode vepa", {
    mtu: 1400,
    mac: "c2:11:22:33:44:55",
    mode: "vepa",
    dns: { nameservers: ["192.0.2.3"] },
  }, {}],
];

for (const [name, settings, ipam] of SETTINGS) {
  eachSuite({
    ...beside(`with ${name}: results, container and lease files are those of Go's in every form`),
    async fn({ bin: goBin, forms }) {
      for (const version of forms) {
        using ours = new Lab(bin);
        using theirs = new Lab(goBin);
        const [mine, other] = [await life(ours, version, settings, ipam), await life(theirs, version, settings, ipam)];
        assert.deepEqual(mine, other, version);
        await ours.isClean("out0");
      }
    },
  });
}

eachSuite({
  ...beside("what a container of Go's reaches, one of ours reaches too, and both their neighbours"),
  async fn({ bin: goBin, newest }) {
    const seen: string[][] = [];
    for (const folder of [bin, goBin]) {
      using lab = new Lab(folder);
      const outside = lab.outside();
      const [one, two] = [lab.container(), lab.container()];
      // The host has the name that the interface gets in the container.
      lab.host.must("ip link add eth0 type bridge");
      const config = configIn(lab, newest, {}, { ranges: [[{ subnet: "192.0.2.0/24", rangeStart: "192.0.2.50" }]] });
      for (const [id, netns] of [["c1", one], ["c2", two]] as const) {
        await lab.ok("macvlan", { verb: "ADD", config, netns, id });
      }
      await using _outside = serve(outside, 80, "outside saw ");
      await using _two = serve(two, 80, "two saw ");
      seen.push([await dial(one, "192.0.2.2", 80), await dial(one, "192.0.2.51", 80)]);
      for (const id of ["c1", "c2"]) await lab.ok("macvlan", { verb: "DEL", config, id });
    }
    assert.deepEqual(seen, [["outside saw 192.0.2.50", "two saw 192.0.2.50"], seen[0]]);
  },
});

eachSuite({
  ...beside("each suite's DEL removes what the other one attached"),
  async fn({ bin: goBin, newest }) {
    for (const [adds, deletes] of [[bin, goBin], [goBin, bin]] as const) {
      using lab = new Lab(adds);
      lab.outside();
      const netns = lab.container();
      const config = configIn(lab, newest, {}, {});
      const result = await lab.ok("macvlan", { verb: "ADD", config, netns });
      const env = { CNI_PATH: deletes };
      const call = { config: { ...config, prevResult: result }, netns };
      await lab.ok(`${deletes}/macvlan`, { ...call, verb: "CHECK", env });
      await lab.ok(`${deletes}/macvlan`, { ...call, verb: "DEL", env });
      assert.notEqual(netns.sh("ip link show eth0").code, 0);
      await lab.ok("macvlan", { verb: "DEL", ...call });
      await lab.isClean("out0");
    }
  },
});
