/** Our dummy beside Go's, which older releases of its suite do not have: the same configuration, in twin namespaces. */
import assert from "node:assert/strict";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { besideGo, eachSuite, insideOf, normal } from "../support/go_suite.ts";
import { ipamIn, Lab, tree } from "../support/lab.ts";

const bin = await builtBin();

const beside = (name: string) => {
  const test = besideGo(name);
  return { ...(test.ignore || can.dummy ? test : unless(false, name, "no dummy")), plugins: ["dummy"] };
};

/** ADD, CHECK by the one suite and DEL by the other, and what could be seen meanwhile. */
async function life(cniVersion: string, adds: string, deletes: string) {
  using lab = new Lab(adds);
  const netns = lab.container();
  const config = { cniVersion, name: "twin", type: "dummy", ipam: ipamIn(lab, "192.0.2.0/24") };
  const result = await lab.ok("dummy", { verb: "ADD", config, netns });
  const seen = { result: normal(result, lab), inside: insideOf(netns), leases: tree(lab.leases) };
  const call = { config: { ...config, prevResult: result }, netns };
  const env = { CNI_PATH: deletes };
  if (cniVersion >= "0.4.0") await lab.ok(`${deletes}/dummy`, { ...call, verb: "CHECK", env });
  await lab.ok(`${deletes}/dummy`, { ...call, verb: "DEL", env });
  assert.notEqual(netns.sh("ip link show eth0").code, 0);
  await lab.ok("dummy", { ...call, verb: "DEL" });
  await lab.isClean();
  return seen;
}

eachSuite({
  ...beside("dummy: results, container and lease files are those of Go's, whose attachments ours check and delete"),
  async fn({ bin: goBin, forms }) {
    for (const version of forms) {
      assert.deepEqual(await life(version, bin, goBin), await life(version, goBin, bin), version);
    }
  },
});
