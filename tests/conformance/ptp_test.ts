/** Our ptp beside Go's: the same configuration, the same verbs, in twin namespaces. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { besideGo, eachSuite, insideOf, normal, SHARED_FORMS } from "../support/go_suite.ts";
import { ipamIn, Lab, leasesIn, tree } from "../support/lab.ts";
import type { Netns } from "../support/netns.ts";
import { dial, serve } from "../support/traffic.ts";

const bin = await builtBin();

const configIn = (lab: Lab, cniVersion: string, settings: JsonObject, ipam: JsonObject = {}): JsonObject => ({
  cniVersion,
  name: "twin",
  type: "ptp",
  ...settings,
  ipam: { ...ipamIn(lab, "10.12.0.0/24", "fd12::/64"), ...ipam },
});

const lines = (text: string): readonly string[] => text.split("\n").map((line) => line.trim()).filter((line) => line);

/** What the host has for its containers; host ends have other names. */
const hostOf = (host: Netns): JsonObject => ({
  addresses: lines(host.must("ip -o address show scope global"))
    .map((line) => line.replace(/^\d+: /, "").replaceAll(/veth\w+/g, "VETH").replace(/ (tentative|nodad)/g, "")).sort(),
  routes: lines(host.must("ip route; ip -6 route")).filter((line) => !line.startsWith("fe80"))
    .map((line) => line.replace(/veth\w+/, "VETH")).sort(),
  forwarding: host.must("cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding"),
});

/** What both see of the container; whether duplicates are looked for differs on purpose. */
const containerOf = (netns: Netns): JsonObject => {
  const { sysctls: _, ...inside } = insideOf(netns);
  return inside;
};

/** ADD, CHECK, DEL twice of one container, and what could be seen meanwhile. */
async function life(lab: Lab, cniVersion: string, settings: JsonObject, ipam: JsonObject): Promise<unknown> {
  const netns = lab.container();
  const config = configIn(lab, cniVersion, settings, ipam);
  const result = await lab.ok("ptp", { verb: "ADD", config, netns });
  const seen = {
    result: normal(result, lab),
    inside: containerOf(netns),
    host: hostOf(lab.host),
    leases: tree(lab.leases),
  };
  if (cniVersion >= "0.4.0") {
    await lab.ok("ptp", { verb: "CHECK", config: { ...config, prevResult: result }, netns });
  }
  for (const _ of [1, 2]) await lab.ok("ptp", { verb: "DEL", config, netns });
  assert.deepEqual(lab.remains().links, []);
  return { ...seen, after: tree(lab.leases) };
}

/** Go waits for duplicate address detection, so not every setting is tried in every form. */
const SETTINGS: readonly [string, JsonObject, JsonObject, readonly string[]][] = [
  ["masquerade, an MTU and DNS", { ipMasq: true, mtu: 1400, dns: { nameservers: ["192.0.2.3"] } }, {
    routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
  }, SHARED_FORMS],
  ["routes by other gateways, and empty DNS", { dns: { nameservers: [], search: [] } }, {
    routes: [{ dst: "10.99.0.0/16", gw: "10.12.0.7" }, { dst: "fd99::/64", gw: "fd12::7" }],
  }, ["1.0.0"]],
];

for (const [name, settings, ipam, versions] of SETTINGS) {
  eachSuite({
    ...besideGo(`ptp with ${name}: results, container, host and leases are those of Go's`),
    async fn({ bin: goBin, forms, newest }) {
      for (const version of newest === "1.0.0" ? versions : forms) {
        using ours = new Lab(bin);
        using theirs = new Lab(goBin);
        const [mine, other] = [await life(ours, version, settings, ipam), await life(theirs, version, settings, ipam)];
        assert.deepEqual(mine, other, version);
        await ours.isClean();
      }
    },
  });
}

eachSuite({
  ...besideGo(
    "ptp: what a container behind Go's reaches, one behind ours reaches too, from the same address",
  ),
  async fn({ bin: goBin, newest }) {
    const seen: string[][] = [];
    for (const folder of [bin, goBin]) {
      using lab = new Lab(folder);
      const outside = lab.outside();
      const [one, two] = [lab.container(), lab.container()];
      const config = configIn(lab, newest, { ipMasq: true }, { routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }] });
      for (const [id, netns] of [["c1", one], ["c2", two]] as const) {
        await lab.ok("ptp", { verb: "ADD", config, netns, id });
      }
      await using _outside = serve(outside, 80, "outside saw ");
      await using _two = serve(two, 80, "two saw ");
      await using _host = serve(lab.host, 80, "host saw ");
      seen.push([
        await dial(one, "192.0.2.2", 80),
        await dial(one, "10.12.0.3", 80),
        await dial(one, "fd12::3", 80),
        await dial(one, "10.12.0.1", 80),
        await dial(lab.host, "10.12.0.3", 80),
        await dial(lab.host, "fd12::3", 80),
      ]);
      for (const id of ["c1", "c2"]) await lab.ok("ptp", { verb: "DEL", config, id });
    }
    assert.deepEqual(seen[0], seen[1]);
    assert.equal(seen[0]?.[0], "outside saw 192.0.2.1");
    assert.equal(seen[0]?.[1], "two saw 10.12.0.2");
  },
});

eachSuite({
  ...besideGo(
    "ptp: each suite's CHECK and DEL work on what the other one attached, and its own DEL still succeeds",
  ),
  async fn({ bin: goBin, newest }) {
    for (const [adds, deletes] of [[bin, goBin], [goBin, bin]] as const) {
      using lab = new Lab(adds);
      const netns = lab.container();
      // Go's DEL fails where iptables never had its chains.
      const config = configIn(lab, newest, { ipMasq: adds === goBin });
      const result = await lab.ok("ptp", { verb: "ADD", config, netns });
      const env = { CNI_PATH: deletes };
      const call = { config: { ...config, prevResult: result }, netns };
      await lab.ok(`${deletes}/ptp`, { ...call, verb: "CHECK", env });
      await lab.ok(`${deletes}/ptp`, { ...call, verb: "DEL", env });
      assert.notEqual(netns.sh("ip link show eth0").code, 0);
      await lab.ok("ptp", { verb: "DEL", ...call });
      await lab.isClean();
    }
  },
});

eachSuite({
  ...besideGo(
    "ptp: DEL of what Go's made is complete where the container is gone: pair, lease and masquerade",
  ),
  async fn({ bin: goBin, newest }) {
    using lab = new Lab(goBin);
    const config = configIn(lab, newest, { ipMasq: true });
    const result = await lab.ok("ptp", { verb: "ADD", config, netns: lab.container() });
    await lab.ok(`${bin}/ptp`, { verb: "DEL", config: { ...config, prevResult: result }, env: { CNI_PATH: bin } });
    assert.deepEqual([lab.remains().links, leasesIn(lab.leases)], [[], {}]);
    assert.doesNotMatch(lab.host.must("iptables -t nat -S; ip6tables -t nat -S"), /CNI-/);
  },
});
