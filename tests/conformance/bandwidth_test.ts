/** Our bandwidth beside Go's: the same configuration, the same verbs, behind the same pair, in twin namespaces. */
import assert from "node:assert/strict";
import { isJsonObject, type Json, type JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { can } from "../support/capabilities.ts";
import { besideGo, eachSuite, normal } from "../support/go_suite.ts";
import { hasKind } from "../support/kinds.ts";
import { Lab } from "../support/lab.ts";
import type { Netns } from "../support/netns.ts";

const bin = await builtBin();

const beside = (name: string) => {
  const test = besideGo(name);
  return test.ignore || (can.tc && hasKind("ifb")) ? test : { name: `${name} (skipped: no ifb or tc)`, ignore: true };
};

/** The ifb of "c1" on "twin". */
const IFB = "bwpf00b8cc1a10e";

const SETTINGS: readonly (readonly [string, JsonObject])[] = [
  ["both directions", { ingressRate: 8e6, ingressBurst: 8e5, egressRate: 16e6, egressBurst: 4e5 }],
  ["numbers that are no whole bytes", { ingressRate: 12_345_677, ingressBurst: 765_431 }],
  ["more than 32 bits of bytes per second", { egressRate: 4e10, egressBurst: 8e8 }],
  ["slowly", { egressRate: 64_001, egressBurst: 12_801 }],
  ["by the capability", { runtimeConfig: { bandwidth: { ingressRate: 8e5, ingressBurst: 8e4 } } }],
  ["none", {}],
];

/** A container behind the pair `vt0`, as a plugin before has left it. */
function behind(lab: Lab): { readonly netns: Netns; readonly prevResult: JsonObject } {
  const netns = lab.container();
  lab.host.must(`ip link add vt0 mtu 1400 up type veth peer name eth0 mtu 1400 netns ${netns.path}`);
  netns.must("ip link set eth0 up");
  const interfaces = [{ name: "vt0" }, { name: "eth0", sandbox: netns.path }];
  return { netns, prevResult: { interfaces } };
}

const configIn = (cniVersion: string, settings: JsonObject, prevResult: JsonObject): JsonObject => ({
  cniVersion,
  name: "twin",
  type: "bandwidth",
  ...settings,
  prevResult: { ...prevResult, cniVersion },
});

/** What differs from machine to machine, and the second action of Go's, which never sees a packet. */
const plain = (value: Json): Json => {
  if (Array.isArray(value)) return value.map(plain);
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value).filter(([key]) => !["refcnt", "index", "bind", "ref"].includes(key));
  return Object.fromEntries(entries.map(([key, each]) => [
    key,
    key === "actions" && Array.isArray(each) ? each.slice(0, 1).map(plain) : plain(each),
  ]));
};

const tc = (ns: Netns, what: string): Json => plain(JSON.parse(ns.sh(`tc -d -j ${what}`).stdout || "[]"));

const seenOf = (host: Netns): Json => {
  const [ifb] = JSON.parse(host.sh(`ip -d -j link show ${IFB}`).stdout || "[null]");
  return {
    ifb: ifb === null ? null : { mtu: ifb.mtu, kind: ifb.linkinfo.info_kind, up: ifb.flags.includes("UP") },
    end: tc(host, "qdisc show dev vt0"),
    filters: tc(host, "filter show dev vt0 ingress"),
    waiting: ifb === null ? null : tc(host, `qdisc show dev ${IFB}`),
  };
};

for (const [name, settings] of SETTINGS) {
  eachSuite({
    ...beside(`[BW1, BW2, BW3, BW5] ${name}: results, queues and filters are those of Go's, and each CHECK agrees`),
    async fn({ bin: goBin, forms }) {
      for (const version of forms.filter((form) => form >= "0.3.0")) {
        const seen: Json[] = [];
        for (const folder of [bin, goBin]) {
          using lab = new Lab(folder);
          const { netns, prevResult } = behind(lab);
          const config = configIn(version, settings, prevResult);
          const result = await lab.ok("bandwidth", { verb: "ADD", config, netns });
          seen.push({ result: normal(result, lab), ...seenOf(lab.host) as JsonObject });
          const checked = { verb: "CHECK", config: { ...config, prevResult: result }, netns } as const;
          const checkers = name === "none" ? [bin] : [bin, goBin];
          for (const checker of version >= "0.4.0" ? checkers : []) await lab.ok(`${checker}/bandwidth`, checked);
          for (const _ of [1, 2]) await lab.ok("bandwidth", { verb: "DEL", config, netns });
          assert.notEqual(lab.host.sh(`ip link show ${IFB}`).code, 0);
        }
        assert.deepEqual(seen[0], seen[1], version);
      }
    },
  });
}

eachSuite({
  ...beside("[BW7] each suite's DEL removes what the other one has limited, and ours the filter as well"),
  async fn({ bin: goBin, newest }) {
    const [, settings = {}] = SETTINGS[0] ?? [];
    for (const [adds, deletes] of [[bin, goBin], [goBin, bin]] as const) {
      using lab = new Lab(adds);
      const { netns, prevResult } = behind(lab);
      const before = seenOf(lab.host);
      const call = { config: configIn(newest, settings, prevResult), netns };
      await lab.ok("bandwidth", { verb: "ADD", ...call });
      await lab.ok(`${deletes}/bandwidth`, { verb: "DEL", ...call });
      assert.notEqual(lab.host.sh(`ip link show ${IFB}`).code, 0);
      await lab.ok(`${bin}/bandwidth`, { verb: "DEL", ...call });
      assert.deepEqual(seenOf(lab.host), before);
      await lab.isClean("vt0");
    }
  },
});

eachSuite({
  ...beside("[BW4, BW9, BW10, BW11, BW13] what Go's refuses, ours refuses too"),
  async fn({ bin: goBin, newest }) {
    using ours = new Lab(bin);
    using theirs = new Lab(goBin);
    const limits = { ingressRate: 80_000, ingressBurst: 80_000 };
    const refused: readonly (readonly [JsonObject, JsonObject | null])[] = [
      [{ ingressBurst: 80 }, null],
      [{ egressRate: 80 }, null],
      [{ egressRate: 80, egressBurst: 8 * (2 ** 32 - 1) }, null],
      [{ egressRate: -1, egressBurst: 80 }, null],
      [{ egressRate: "80", egressBurst: 80 }, null],
      [limits, { interfaces: [] }],
      [limits, { interfaces: [{ name: "other" }] }],
    ];
    for (const lab of [ours, theirs]) {
      const { netns, prevResult } = behind(lab);
      for (const [settings, other] of refused) {
        const config = configIn(newest, settings, other ?? prevResult);
        const { code } = await lab.call("bandwidth", { verb: "ADD", config, netns });
        assert.equal(code, 1, JSON.stringify(settings));
      }
      netns.must("ip link set eth0 down; ip link set eth0 name eth9; ip link add eth0 type bridge");
      const config = configIn("1.0.0", limits, prevResult);
      assert.equal((await lab.call("bandwidth", { verb: "ADD", config, netns })).code, 1);
    }
    assert.deepEqual(seenOf(ours.host), seenOf(theirs.host));
  },
});
