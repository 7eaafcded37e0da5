/** Our loopback beside Go's, in twin namespaces. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { besideGo, eachSuite, normal } from "../support/go_suite.ts";
import { Lab } from "../support/lab.ts";
import { type Netns, newNetns } from "../support/netns.ts";

const bin = await builtBin();

/** What lo is like; the order of its addresses is the kernel's. */
const loOf = (netns: Netns): string => netns.must("ip -o address show dev lo; ip -o link show lo");

/** ADD, CHECK and DEL, and what was seen after each. */
async function life(lab: Lab, config: JsonObject): Promise<readonly unknown[]> {
  using netns = newNetns();
  const call = { config, netns, ifName: "lo" } as const;
  const result = await lab.ok("loopback", { ...call, verb: "ADD" });
  const up = loOf(netns);
  if (String(config.cniVersion) >= "0.4.0") await lab.ok("loopback", { ...call, verb: "CHECK" });
  for (const _ of [1, 2]) assert.deepEqual(await lab.ok("loopback", { ...call, verb: "DEL" }), {});
  return [normal(result, lab), up, loOf(netns)];
}

eachSuite({
  ...besideGo(
    "loopback: lo is as Go's leaves it after each verb, and results are the same where Go's fit the version",
  ),
  async fn({ bin: goBin, versions }) {
    for (const cniVersion of versions) {
      using ours = new Lab(bin);
      using theirs = new Lab(goBin);
      const config = { cniVersion, name: "twin", type: "loopback" };
      const [[result, ...mine], [goResult, ...other]] = [await life(ours, config), await life(theirs, config)];
      assert.deepEqual(mine, other, cniVersion);
      // Go's prints the form of 1.0.0 in every version.
      if (cniVersion === "1.0.0") assert.deepEqual(result, goResult);
      await ours.isClean();
    }
  },
});

eachSuite({
  ...besideGo("loopback behind another plugin: both pass its result on"),
  async fn({ bin: goBin, newest }) {
    const prevResult = {
      cniVersion: newest,
      interfaces: [{ name: "eth0", mac: "02:00:00:00:00:01", sandbox: "/run/netns/c1" }],
      ips: [{ address: "10.1.0.5/24", interface: 0 }],
    };
    for (const cniVersion of ["0.4.0", "1.0.0"]) {
      const results: unknown[] = [];
      for (const folder of [bin, goBin]) {
        using lab = new Lab(folder);
        const previous = cniVersion === "1.0.0" ? prevResult : {
          ...prevResult,
          cniVersion,
          ips: prevResult.ips.map((ip) => ({ version: "4", ...ip })),
        };
        const config = { cniVersion, name: "twin", type: "loopback", prevResult: previous };
        results.push((await life(lab, config))[0]);
      }
      assert.deepEqual(results[0], results[1], cniVersion);
    }
  },
});

eachSuite({
  ...besideGo("loopback: each suite's CHECK and DEL work on what the other one attached"),
  async fn({ bin: goBin, newest }) {
    for (const [adds, deletes] of [[bin, goBin], [goBin, bin]] as const) {
      using lab = new Lab(adds);
      using netns = newNetns();
      const config = { cniVersion: newest, name: "twin", type: "loopback" };
      const result = await lab.ok("loopback", { verb: "ADD", config, netns, ifName: "lo" });
      const call = { config: { ...config, prevResult: result }, netns, ifName: "lo" };
      await lab.ok(`${deletes}/loopback`, { ...call, verb: "CHECK" });
      await lab.ok(`${deletes}/loopback`, { ...call, verb: "DEL" });
      assert.doesNotMatch(netns.must("ip link show lo"), /,UP/);
      await lab.ok("loopback", { ...call, verb: "DEL" });
      await lab.isClean();
    }
  },
});
