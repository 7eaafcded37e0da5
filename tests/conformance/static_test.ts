/** Our static beside Go's: the same results, and the same refusals. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { besideGo, eachSuite, normal } from "../support/go_suite.ts";
import { Lab } from "../support/lab.ts";
import { printed } from "../support/plugin_exec.ts";

const bin = await builtBin();

const ADDRESSES = [{ address: "10.10.0.1/24", gateway: "10.10.0.254" }, {
  address: "3ffe:ffff:0:01ff::1/64",
  gateway: "3ffe:ffff:0::1",
}];
const ROUTES = [{ dst: "0.0.0.0/0", gw: "10.10.5.1" }, { dst: "0.0.0.0/0", gw: "10.10.5.2" }, {
  dst: "3ffe:ffff:0:01ff::1/64",
}];
const DNS = { nameservers: ["8.8.8.8"], domain: "example.com", search: ["example.com"] };

const configIn = (cniVersion: string, ipam: JsonObject, more: JsonObject = {}): JsonObject => ({
  cniVersion,
  name: "twin",
  type: "bridge",
  ...more,
  ipam: { type: "static", ...ipam },
});

/** What both answer to ADD. */
async function answers(goBin: string, config: JsonObject, args = ""): Promise<readonly (JsonObject | "refused")[]> {
  const all: (JsonObject | "refused")[] = [];
  for (const folder of [bin, goBin]) {
    using lab = new Lab(folder);
    const netns = lab.container();
    const call = { config, netns, env: { CNI_ARGS: args } } as const;
    const ran = await lab.call("static", { ...call, verb: "ADD" });
    all.push(ran.code === 0 ? normal(printed(ran), lab) as JsonObject : "refused");
    for (const _ of [1, 2]) await lab.ok("static", { ...call, verb: "DEL" });
    if (folder === bin) await lab.isClean();
  }
  return all;
}

eachSuite({
  ...besideGo("[ST1] static: addresses, routes and dns are those of Go's in every version"),
  async fn({ bin: goBin, versions }) {
    for (const version of versions) {
      const [ours, theirs] = await answers(
        goBin,
        configIn(version, { addresses: ADDRESSES, routes: ROUTES, dns: DNS }),
      );
      assert.deepEqual(ours, theirs, version);
      assert.notEqual(ours, "refused", version);
    }
  },
});

const ASKED: readonly [string, JsonObject, string][] = [
  ["CNI_ARGS", {}, "IP=10.10.0.1/24;GATEWAY=10.10.0.254"],
  ["two addresses in CNI_ARGS", {}, "IgnoreUnknown=1;K8S=a;IP=10.10.0.1/24, 11.11.0.1/24;GATEWAY=10.10.0.254"],
  ["runtimeConfig.ips", { runtimeConfig: { ips: ["10.10.0.1/24", "3ffe:ffff:0:1ff::1/64"] } }, ""],
  ["args.cni.ips", { args: { cni: { ips: ["10.10.0.1/24", "3ffe:ffff:0:1ff::1/64"] } } }, ""],
  [
    "all three",
    { runtimeConfig: { ips: ["10.10.0.1/24"] }, args: { cni: { ips: ["10.10.0.2/24"] } } },
    "IP=10.10.0.3/24;GATEWAY=10.10.0.254",
  ],
];

for (const [name, more, args] of ASKED) {
  eachSuite({
    ...besideGo(
      `[ST4, ST6, ST7] static: what is asked for by ${name} is given as Go's gives it, or refused where it refuses`,
    ),
    async fn({ bin: goBin, forms }) {
      for (const version of forms) {
        const [ours, theirs] = await answers(
          goBin,
          configIn(version, { routes: ROUTES.slice(0, 1), dns: DNS }, more),
          args,
        );
        assert.deepEqual(ours, theirs, version);
      }
    },
  });
}

const WRONG: readonly [string, JsonObject, string][] = [
  ["no ipam, with CNI_ARGS", { cniVersion: "1.0.0", name: "twin", type: "bridge" }, "IP=10.10.0.1/24"],
  [
    "no ipam, with runtimeConfig",
    { cniVersion: "1.0.0", name: "twin", type: "bridge", runtimeConfig: { ips: ["10.10.0.1/24"] } },
    "",
  ],
  ["an address without a prefix length", configIn("1.0.0", { addresses: [{ address: "10.10.0.1" }] }), ""],
  ["one in CNI_ARGS", configIn("1.0.0", {}), "IP=10.10.0.1"],
  ["one in args.cni", configIn("1.0.0", {}, { args: { cni: { ips: ["10.10.0.1"] } } }), ""],
  ["one in runtimeConfig", configIn("1.0.0", {}, { runtimeConfig: { ips: ["10.10.0.1"] } }), ""],
  ["an unknown argument", configIn("1.0.0", {}), "IP=10.10.0.1/24;OTHER=1"],
];

eachSuite({
  ...besideGo("static: both refuse the same"),
  async fn({ bin: goBin }) {
    for (const [name, config, args] of WRONG) {
      assert.deepEqual(await answers(goBin, config, args), ["refused", "refused"], name);
    }
  },
});

eachSuite({
  ...besideGo("IPAM across suites: ours behind Go's ptp, and Go's behind ours"),
  async fn({ bin: goBin }) {
    for (const [ptp, ipam] of [[bin, goBin], [goBin, bin]] as const) {
      using lab = new Lab(bin);
      const folder = `${lab.folder}/bin`;
      Deno.mkdirSync(folder);
      Deno.writeTextFileSync(`${folder}/static`, `#!/bin/sh\nexec ${ipam}/static\n`, { mode: 0o755 });
      const netns = lab.container();
      const config = { ...configIn("1.0.0", { addresses: ADDRESSES.slice(0, 1) }), type: "ptp" };
      const env = { CNI_PATH: folder };
      const result = await lab.ok(`${ptp}/ptp`, { verb: "ADD", config, netns, env });
      assert.match(netns.must("ip route"), /^10\.10\.0\.0\/24 via 10\.10\.0\.254/m);
      await lab.ok(`${ptp}/ptp`, { verb: "CHECK", config: { ...config, prevResult: result }, netns, env });
      for (const _ of [1, 2]) await lab.ok(`${ptp}/ptp`, { verb: "DEL", config, netns, env });
      await lab.isClean();
    }
  },
});
