/** Our bridge and host-local beside Go's: the same configuration, the same verbs, in twin namespaces. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { besideGo, eachSuite, gatewayOf, insideOf, normal } from "../support/go_suite.ts";
import { ipamIn, Lab, leasesIn, tree } from "../support/lab.ts";
import { dial, serve } from "../support/traffic.ts";

const bin = await builtBin();

const configIn = (lab: Lab, cniVersion: string, settings: JsonObject, ipam: JsonObject): JsonObject => ({
  cniVersion,
  name: "twin",
  type: "bridge",
  bridge: "brt",
  ...settings,
  ipam: { ...ipamIn(lab, "10.11.0.0/24", "fd11::/64"), ...ipam },
});

interface Twin {
  readonly result: unknown;
  readonly inside: JsonObject;
  readonly gateway: JsonObject;
  readonly leases: Record<string, string>;
  readonly after: Record<string, string>;
}

/** ADD, CHECK, DEL twice of one container, and what could be seen meanwhile. */
async function life(lab: Lab, cniVersion: string, settings: JsonObject, ipam: JsonObject): Promise<Twin> {
  const netns = lab.container();
  const config = configIn(lab, cniVersion, settings, ipam);
  const result = await lab.ok("bridge", { verb: "ADD", config, netns });
  const seen = {
    result: normal(result, lab),
    inside: insideOf(netns),
    gateway: gatewayOf(lab.host, "brt"),
    leases: tree(lab.leases),
  };
  if (cniVersion >= "0.4.0") {
    await lab.ok("bridge", { verb: "CHECK", config: { ...config, prevResult: result }, netns });
  }
  for (const _ of [1, 2]) await lab.ok("bridge", { verb: "DEL", config, netns });
  assert.deepEqual(lab.remains().links, ["brt"]);
  return { ...seen, after: tree(lab.leases) };
}

const SETTINGS: readonly [string, JsonObject, JsonObject][] = [
  ["a default gateway with masquerade", { isDefaultGateway: true, ipMasq: true }, {}],
  ["no gateway, but routes, an MTU and DNS", { mtu: 1400, dns: { nameservers: ["192.0.2.3"] } }, {
    routes: [{ dst: "10.99.0.0/16", gw: "10.11.0.7" }, { dst: "fd99::/64", gw: "fd11::7" }, { dst: "0.0.0.0/0" }],
  }],
];

for (const [name, settings, ipam] of SETTINGS) {
  eachSuite({
    ...besideGo(
      `[BR5, BR15] bridge with ${name}: results, container, bridge and lease files are those of Go's in every form`,
    ),
    async fn({ bin: goBin, forms }) {
      for (const version of forms) {
        using ours = new Lab(bin);
        using theirs = new Lab(goBin);
        const [mine, other] = [await life(ours, version, settings, ipam), await life(theirs, version, settings, ipam)];
        assert.deepEqual(mine, other, version);
        await ours.isClean("brt");
      }
    },
  });
}

eachSuite({
  ...besideGo(
    "bridge: what a container behind Go's gateway reaches, one behind ours reaches too, from the same address",
  ),
  async fn({ bin: goBin, newest }) {
    const seen: string[][] = [];
    for (const folder of [bin, goBin]) {
      using lab = new Lab(folder);
      const outside = lab.outside();
      const [one, two] = [lab.container(), lab.container()];
      const config = configIn(lab, newest, { isDefaultGateway: true, ipMasq: true, hairpinMode: true }, {});
      for (const [id, netns] of [["c1", one], ["c2", two]] as const) {
        await lab.ok("bridge", { verb: "ADD", config, netns, id });
      }
      await using _outside = serve(outside, 80, "outside saw ");
      await using _two = serve(two, 80, "two saw ");
      await using _host = serve(lab.host, 80, "host saw ");
      seen.push([
        await dial(one, "192.0.2.2", 80),
        await dial(one, "10.11.0.3", 80),
        await dial(one, "fd11::3", 80),
        await dial(one, "10.11.0.1", 80),
        await dial(lab.host, "10.11.0.3", 80),
      ]);
      for (const id of ["c1", "c2"]) await lab.ok("bridge", { verb: "DEL", config, id });
    }
    assert.deepEqual(seen[0], seen[1]);
    assert.equal(seen[0]?.[0], "outside saw 192.0.2.1");
  },
});

eachSuite({
  ...besideGo(
    "bridge: each suite's DEL removes what the other one attached, and the other one's own DEL still succeeds",
  ),
  async fn({ bin: goBin, newest }) {
    for (const [adds, deletes] of [[bin, goBin], [goBin, bin]] as const) {
      using lab = new Lab(adds);
      const netns = lab.container();
      const config = configIn(lab, newest, { isGateway: true }, {});
      const result = await lab.ok("bridge", { verb: "ADD", config, netns });
      const env = { CNI_PATH: deletes };
      const call = { config: { ...config, prevResult: result }, netns };
      await lab.ok(`${deletes}/bridge`, { ...call, verb: "CHECK", env });
      await lab.ok(`${deletes}/bridge`, { ...call, verb: "DEL", env });
      assert.notEqual(netns.sh("ip link show eth0").code, 0);
      await lab.ok("bridge", { verb: "DEL", ...call });
      await lab.isClean("brt");
    }
  },
});

for (
  const [name, bridgeIsOurs] of [["our bridge, Go's host-local", true], ["Go's bridge, ours", false]]
) {
  eachSuite({
    ...besideGo(`IPAM across suites: ${name}: ADD, CHECK and DEL leave nothing`),
    async fn({ bin: goBin, forms }) {
      const [bridge, hostLocal] = bridgeIsOurs ? [bin, goBin] : [goBin, bin];
      for (const version of forms.filter((form) => form !== "0.4.0")) {
        using lab = new Lab(bin);
        const folder = `${lab.folder}/bin`;
        Deno.mkdirSync(folder);
        Deno.writeTextFileSync(`${folder}/host-local`, `#!/bin/sh\nexec ${hostLocal}/host-local\n`, { mode: 0o755 });
        const netns = lab.container();
        const config = configIn(lab, version, { isDefaultGateway: true }, {});
        const env = { CNI_PATH: folder };
        const result = await lab.ok(`${bridge}/bridge`, { verb: "ADD", config, netns, env });
        assert.deepEqual(leasesIn(lab.leases), { "twin/10.11.0.2": "c1\r\neth0", "twin/fd11::2": "c1\r\neth0" });
        if (version >= "0.4.0") {
          const checked = { ...config, prevResult: result };
          await lab.ok(`${bridge}/bridge`, { verb: "CHECK", config: checked, netns, env });
        }
        for (const _ of [1, 2]) await lab.ok(`${bridge}/bridge`, { verb: "DEL", config, netns, env });
        await lab.isClean("brt");
      }
    },
  });
}
