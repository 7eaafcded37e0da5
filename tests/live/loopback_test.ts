/** The loopback executable. Numbers are those of scenarios/loopback.txt. */
import assert from "node:assert/strict";
import { VERSIONS } from "../../src/spec/released_versions.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { Lab } from "../support/lab.ts";
import { newNetns } from "../support/netns.ts";

const bin = await builtBin();
const live = (name: string) => unless(can.netns && can.ip, name, "no namespaces or ip");

for (const version of VERSIONS) {
  Deno.test({
    ...live(`[LO1, LO2] loopback ${version}: ADD prints an object and lo is up; DEL prints nothing and it is down`),
    async fn() {
      using lab = new Lab(bin);
      using netns = newNetns();
      const isUp = () => netns.must("ip link show lo").includes(",UP");
      const config = { cniVersion: version, name: "loopback-test", type: "loopback" };
      const call = { config, netns, ifName: "lo" } as const;
      const result = await lab.ok("loopback", { ...call, verb: "ADD" });
      assert.equal(isUp(), true);
      if (version < "0.3.0") {
        assert.deepEqual([result.ip4, result.ip6], [{ ip: "127.0.0.1/8" }, { ip: "::1/128" }]);
      } else {
        const of = (family: string) => version < "1.0.0" ? { version: family } : {};
        assert.deepEqual(result.interfaces, [{ name: "lo", mac: "00:00:00:00:00:00", sandbox: netns.path }]);
        assert.deepEqual(result.ips, [
          { ...of("4"), address: "127.0.0.1/8", interface: 0 },
          { ...of("6"), address: "::1/128", interface: 0 },
        ]);
      }
      netns.must("ping -c1 -W2 127.0.0.1");
      const checked = { ...call, verb: "CHECK", config: { ...config, prevResult: result } } as const;
      if (version >= "0.4.0") {
        await lab.ok("loopback", checked);
        netns.must("ip link set lo down");
        assert.match((await lab.refused("loopback", checked)).msg, /"lo" in the container: expected state up/);
      }
      for (const _ of [1, 2]) {
        assert.equal((await lab.call("loopback", { ...call, verb: "DEL" })).stdout, "");
        assert.equal(isUp(), false);
      }
      await lab.isClean();
    },
  });
}

Deno.test({
  ...live(
    "loopback: an address of an administrator stays, a lo that was up stays up, and DEL without a container succeeds",
  ),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    netns.must("ip address add 192.0.2.7/32 dev lo");
    const config = { cniVersion: "1.1.0", name: "loopback-test", type: "loopback" };
    await lab.ok("loopback", { verb: "ADD", config, netns });
    for (const _ of [1, 2]) await lab.ok("loopback", { verb: "DEL", config, netns });
    assert.match(netns.must("ip address show lo"), /,UP[\s\S]*192\.0\.2\.7/);
    await lab.ok("loopback", { verb: "ADD", config, netns, id: "c2" });
    await lab.ok("loopback", { verb: "DEL", config, id: "c2" });
    await lab.ok("loopback", { verb: "DEL", config, netns: "/run/netns/gone", id: "c3" });
    await lab.isClean();
  },
});
