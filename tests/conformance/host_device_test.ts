/** Our host-device beside Go's: the same configuration, the same verbs, in twin namespaces. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { withDevices } from "../support/fake_sysfs.ts";
import { besideGo, eachSuite, insideOf, normal } from "../support/go_suite.ts";
import { ipamIn, Lab, tree } from "../support/lab.ts";

const bin = await builtBin();

/** A device without hardware: the host's end of a pair, whose MAC address tells it. */
const MAC = "c2:11:22:33:44:55";

const configIn = (lab: Lab, cniVersion: string, settings: JsonObject): JsonObject => ({
  cniVersion,
  name: "twin",
  type: "host-device",
  ...settings,
  ipam: ipamIn(lab, "192.0.2.0/24"),
});

const labOf = (folder: string): Lab => {
  const lab = new Lab(folder);
  lab.outside();
  lab.host.must(`ip link set out0 down address ${MAC}; ip link set out0 up mtu 1400`);
  return lab;
};

const linksOf = (ns: { must: (command: string) => string }): readonly { ifname: string; address: string }[] =>
  JSON.parse(ns.must("ip -j link"));

/** What the host calls the device; undefined while it has not. */
const nameOf = (lab: Lab) => linksOf(lab.host).find(({ address }) => address === MAC)?.ifname;

/** ADD, CHECK and DEL of one container, and what could be seen meanwhile. */
async function life(folder: string, cniVersion: string, settings: JsonObject) {
  using lab = labOf(folder);
  const netns = lab.container();
  const config = configIn(lab, cniVersion, settings);
  const result = await lab.ok("host-device", { verb: "ADD", config, netns });
  const [link] = JSON.parse(netns.must("ip -d -j link show eth0"));
  const seen = {
    result: normal(result, lab),
    inside: insideOf(netns),
    link: [link.address, link.ifalias, nameOf(lab)],
    leases: tree(lab.leases),
  };
  if (cniVersion >= "0.4.0") {
    await lab.ok("host-device", { verb: "CHECK", config: { ...config, prevResult: result }, netns });
  }
  await lab.ok("host-device", { verb: "DEL", config, netns });
  assert.notEqual(netns.sh("ip link show eth0").code, 0);
  return { ...seen, after: [tree(lab.leases), nameOf(lab)] };
}

for (const settings of [{ device: "out0" }, { hwaddr: MAC, dns: { nameservers: ["192.0.2.3"] } }]) {
  eachSuite({
    ...besideGo(`[HD1, HD4] by ${Object.keys(settings)[0]}: results, container and lease files are those of Go's`),
    async fn({ bin: goBin, forms }) {
      for (const version of forms) {
        assert.deepEqual(await life(bin, version, settings), await life(goBin, version, settings), version);
      }
    },
  });
}

eachSuite({
  ...besideGo(
    "[HD1, HD2] each suite's CHECK and DEL know what the other one took, and neither gives it a name that is taken",
  ),
  async fn({ bin: goBin, newest }) {
    for (const [adds, deletes] of [[bin, goBin], [goBin, bin]] as const) {
      using lab = labOf(adds);
      const netns = lab.container();
      const config = configIn(lab, newest, { device: "out0" });
      const prevResult = await lab.ok("host-device", { verb: "ADD", config, netns });
      const call = { config: { ...config, prevResult }, netns, env: { CNI_PATH: deletes } };
      await lab.ok(`${deletes}/host-device`, { ...call, verb: "CHECK" });
      lab.host.must("ip link add out0 type bridge");
      assert.equal((await lab.call(`${deletes}/host-device`, { ...call, verb: "DEL" })).code, 1);
      assert.equal(JSON.parse(netns.must("ip -j link show eth0"))[0].address, MAC);
      lab.host.must("ip link del out0");
      await lab.ok(`${deletes}/host-device`, { ...call, verb: "DEL" });
      assert.equal(nameOf(lab), "out0");
      await lab.ok(`${bin}/host-device`, { verb: "DEL", config, netns });
      await lab.isClean("out0");
    }
  },
});

eachSuite({
  ...besideGo("[HD3] for a device of a user space driver the addresses are those of Go's, and nothing is moved"),
  async fn({ bin: goBin, newest }) {
    const seen: unknown[] = [];
    for (const folder of [bin, goBin]) {
      using lab = labOf(folder);
      const device = { bus: "pci", id: "0000:00:1f.6", driver: "vfio-pci" } as const;
      const plugin = withDevices(lab, lab.file("host-device"), device);
      const netns = lab.container();
      const config = configIn(lab, newest, { pciBusID: device.id });
      const result = await lab.ok(plugin, { verb: "ADD", config, netns });
      await lab.ok(plugin, { verb: "CHECK", config: { ...config, prevResult: result }, netns });
      await lab.ok(plugin, { verb: "DEL", config, netns });
      // Older releases of Go's plugin name no interface here.
      const { interfaces: _, ...said } = result;
      seen.push([normal(said, lab), nameOf(lab), linksOf(netns).map(({ ifname }) => ifname), tree(lab.leases)]);
    }
    assert.deepEqual(seen[0], seen[1]);
  },
});

eachSuite({
  ...besideGo("[HD5] without a device both refuse, and leave the host and the container alone"),
  async fn({ bin: goBin, newest }) {
    for (const folder of [bin, goBin]) {
      using lab = labOf(folder);
      const netns = lab.container();
      const { code } = await lab.call("host-device", { verb: "ADD", config: configIn(lab, newest, {}), netns });
      assert.deepEqual([code, nameOf(lab), linksOf(netns).map(({ ifname }) => ifname)], [1, "out0", ["lo"]]);
    }
  },
});
