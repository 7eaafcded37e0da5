/** The plugins vlan and ipvlan beside Go's, where the kernel has these kinds. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { peerPlugin } from "../support/capabilities.ts";
import { builtBin } from "../support/built.ts";
import { type Door, executables, inProcess } from "../support/door.ts";
import { goBin, insideOf, normal } from "../support/go_suite.ts";
import { needsKind } from "../support/kinds.ts";
import { ipamIn, Lab, leasesIn } from "../support/lab.ts";

const bin = await builtBin();

const beside = (kind: string, name: string) => {
  const test = needsKind(kind, name);
  return test.ignore || peerPlugin(kind) !== null
    ? test
    : { name: `${name} (skipped: no ${kind} of Go's)`, ignore: true };
};

const SETTINGS: Readonly<Record<"vlan" | "ipvlan", JsonObject>> = {
  vlan: { master: "out0", vlanId: 1234, mtu: 1400 },
  ipvlan: { master: "out0", mode: "l2", dns: { nameservers: ["192.0.2.3"] } },
};

const configIn = (lab: Lab, type: "vlan" | "ipvlan"): JsonObject => ({
  cniVersion: "1.0.0",
  name: "twin",
  type,
  ...SETTINGS[type],
  ipam: { ...ipamIn(lab, "192.0.2.0/24"), routes: [{ dst: "10.99.0.0/16", gw: "192.0.2.2" }] },
});

/** Ours tells the neighbours of a vlan's addresses; Go's does not. */
const withoutNotice = ({ sysctls, ...inside }: JsonObject): JsonObject => ({
  ...inside,
  sysctls: String(sysctls).replace(/arp_notify=\d/, ""),
});

/** ADD of one container, and what is there then. */
async function attached(lab: Lab, door: Door, type: "vlan" | "ipvlan") {
  lab.outside();
  const netns = lab.container();
  const config = configIn(lab, type);
  const result = await door.ok(type, { verb: "ADD", config, netns });
  const [link] = JSON.parse(netns.must("ip -d -j link show eth0"));
  const seen = {
    result: normal(result, lab),
    inside: type === "vlan" ? withoutNotice(insideOf(netns)) : insideOf(netns),
    data: link.linkinfo.info_data,
    leases: Object.keys(leasesIn(lab.leases)),
  };
  return { seen, call: { config: { ...config, prevResult: result }, netns } };
}

for (const type of ["vlan", "ipvlan"] as const) {
  Deno.test({
    ...beside(
      type,
      `${type}: result, container and lease are those of Go's, and each suite's DEL removes what the other made`,
    ),
    async fn() {
      using ours = new Lab(bin);
      using theirs = new Lab(goBin);
      const mine = await attached(ours, inProcess(ours), type);
      const other = await attached(theirs, executables(theirs), type);
      assert.deepEqual(mine.seen, other.seen);
      const env = { CNI_PATH: goBin };
      for (const verb of ["CHECK", "DEL"] as const) {
        await ours.ok(`${goBin}/${type}`, { ...mine.call, verb, env });
        await inProcess(theirs).ok(type, { ...other.call, verb });
      }
      for (const { call: { netns } } of [mine, other]) assert.notEqual(netns.sh("ip link show eth0").code, 0);
      await inProcess(ours).ok(type, { ...mine.call, verb: "DEL" });
      await ours.isClean("out0");
      await theirs.isClean("out0");
    },
  });
}
