/** The static executable, alone and behind a bridge. Numbers are those of scenarios/static.txt. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { VERSIONS } from "../../src/spec/released_versions.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { Lab, tree } from "../support/lab.ts";

const bin = await builtBin();
const live = (name: string) => unless(can.netns && can.nft && can.ip, name, "no namespaces, nft or ip");

const configIn = (cniVersion: string, ipam: JsonObject, more: JsonObject = {}): JsonObject => ({
  cniVersion,
  name: "fixed",
  type: "bridge",
  bridge: "brf",
  ...more,
  ipam: { type: "static", ...ipam },
});

for (const version of VERSIONS) {
  Deno.test({
    ...live(`[ST1] static ${version}: what the configuration says is the result, in the form of its version`),
    async fn() {
      using lab = new Lab(bin);
      const netns = lab.container();
      const config = configIn(version, {
        addresses: [{ address: "10.10.0.1/24", gateway: "10.10.0.254" }, {
          address: "3ffe:ffff:0:01ff::1/64",
          gateway: "3ffe:ffff:0::1",
        }],
        routes: [{ dst: "0.0.0.0/0" }, { dst: "192.168.0.0/16", gw: "10.10.5.1" }, { dst: "3ffe:ffff:0:01ff::1/64" }],
        dns: { nameservers: ["8.8.8.8"], domain: "example.com", search: ["example.com"] },
      });
      const call = { config, netns } as const;
      await lab.ok("static", { ...call, verb: "DEL" });
      assert.deepEqual(tree(lab.folder), {}, "DEL of what never was writes nothing");
      const { cniVersion, ip4, ip6, ips, routes, dns, ...rest } = await lab.ok("static", { ...call, verb: "ADD" });
      assert.deepEqual([cniVersion, rest], [version, {}]);
      assert.deepEqual(dns, { nameservers: ["8.8.8.8"], domain: "example.com", search: ["example.com"] });
      const [first, second, third] = [
        { dst: "0.0.0.0/0" },
        { dst: "192.168.0.0/16", gw: "10.10.5.1" },
        { dst: "3ffe:ffff:0:1ff::1/64" },
      ];
      if (version < "0.3.0") {
        assert.deepEqual(ip4, { ip: "10.10.0.1/24", gateway: "10.10.0.254", routes: [first, second] });
        assert.deepEqual(ip6, { ip: "3ffe:ffff:0:1ff::1/64", gateway: "3ffe:ffff::1", routes: [third] });
      } else {
        const of = (family: string) => version < "1.0.0" ? { version: family } : {};
        assert.deepEqual(routes, [first, second, third]);
        assert.deepEqual(ips, [
          { ...of("4"), address: "10.10.0.1/24", gateway: "10.10.0.254" },
          { ...of("6"), address: "3ffe:ffff:0:1ff::1/64", gateway: "3ffe:ffff::1" },
        ]);
      }
      for (const _ of [1, 2]) await lab.ok("static", { ...call, verb: "DEL" });
      await lab.isClean();
    },
  });
}

Deno.test({
  ...unless(
    can.netns && can.bridge && can.veth && can.ip,
    "static behind a bridge: what was asked for by capability is there, and CHECK agrees",
    "no bridge or veth",
  ),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    const config = configIn("1.1.0", { addresses: [{ address: "10.77.0.5/24", gateway: "10.77.0.1" }] }, {
      isGateway: true,
      runtimeConfig: { ips: ["10.77.0.9/24", "fd77::9/64"] },
    });
    await lab.ok("bridge", { verb: "STATUS", config, id: "", ifName: "" });
    const result = await lab.ok("bridge", { verb: "ADD", config, netns });
    assert.match(netns.must("ip -o address show dev eth0 scope global"), /10\.77\.0\.9\/24[\s\S]*fd77::9\/64/);
    for (const ip of ["10.77.0.1", "fd77::1"]) netns.must(`ping -c1 -W2 ${ip}`);
    await lab.ok("bridge", { verb: "CHECK", config: { ...config, prevResult: result }, netns });
    const { runtimeConfig: _, ...unasked } = config;
    const drifted = await lab.refused("bridge", { verb: "CHECK", config: { ...unasked, prevResult: result }, netns });
    assert.match(drifted.msg, /plugin "static": .*expected address 10\.77\.0\.5\/24, found 10\.77\.0\.9\/24/);
    await lab.ok("bridge", { verb: "DEL", config, netns });
    await lab.isClean("brf");
  },
});
