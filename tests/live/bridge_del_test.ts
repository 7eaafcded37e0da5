/** DEL of the bridge executable with less than it could wish for. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { ipamIn, Lab, leasesIn } from "../support/lab.ts";

const bin = await builtBin();
const works = can.netns && can.bridge && can.veth && can.nft && can.ip;
const live = (name: string) => unless(works, name, "no bridge, veth, nft or ip");

const configIn = (lab: Lab, settings: JsonObject, ...subnets: readonly string[]): JsonObject => ({
  cniVersion: "1.1.0",
  name: "net3",
  type: "bridge",
  bridge: "br3",
  ipam: ipamIn(lab, ...subnets),
  ...settings,
});

Deno.test({
  ...live(
    "[C32, C34, D9, J74] bridge: DEL without a namespace, with one that is gone and with a stranger under its path leaves nothing",
  ),
  async fn() {
    using lab = new Lab(bin);
    const config = configIn(lab, { isGateway: true, ipMasq: true, macspoofchk: true }, "10.3.0.0/24", "fd03::/64");
    const link = `${lab.folder}/netns`;
    for (const how of ["none", "gone", "a plain file", "replaced"]) {
      const netns = lab.container();
      Deno.symlinkSync(netns.path, link);
      await lab.ok("bridge", { verb: "ADD", config, netns: link });
      assert.equal(Object.keys(leasesIn(lab.leases)).length, 2, how);
      Deno.removeSync(link);
      if (how === "a plain file") Deno.writeTextFileSync(link, "");
      const stranger = lab.container();
      stranger.must("ip link add eth0 type bridge; ip address add 10.3.0.2/24 dev eth0");
      if (how === "replaced") Deno.symlinkSync(stranger.path, link);
      await lab.ok("bridge", { verb: "DEL", config, netns: how === "none" ? undefined : link });
      await lab.isClean("br3");
      assert.notEqual(netns.sh("ip link show eth0").code, 0, `${how}: the pair is gone`);
      stranger.must("ip address show dev eth0 | grep 10.3.0.2");
      if (how === "replaced" || how === "a plain file") Deno.removeSync(link);
    }
  },
});

Deno.test({
  ...live("bridge: DEL works from a configuration that has nothing but its name, or values nobody could use"),
  async fn() {
    using lab = new Lab(bin);
    const config = configIn(lab, { isGateway: true, ipMasq: true }, "10.3.0.0/24");
    const bare = { cniVersion: "1.1.0", name: "net3", type: "bridge" };
    for (const del of [bare, { ...bare, bridge: 7, vlan: "x", ipam: { type: "host-local", subnet: "nonsense" } }]) {
      await lab.ok("bridge", { verb: "ADD", config, netns: lab.container() });
      await lab.ok("bridge", { verb: "DEL", config: del });
      await lab.isClean("br3");
    }
  },
});
