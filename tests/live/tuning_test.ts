/** The tuning executable, on the link of a veth pair. Numbers are those of scenarios/tuning.txt. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { VERSIONS } from "../../src/spec/released_versions.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { Lab } from "../support/lab.ts";
import type { Netns } from "../support/netns.ts";

const bin = await builtBin();
const live = (name: string) => unless(can.netns && can.veth && can.nft && can.ip, name, "no veth, nft or ip");

/** A container with a link whose settings are known. */
const containerIn = (lab: Lab): Netns => {
  const netns = lab.container();
  netns.must("ip link add eth0 address 02:00:00:00:00:10 mtu 1500 txqueuelen 1000 type veth peer name other");
  return netns;
};

interface Settings {
  readonly mac: string;
  readonly mtu: number;
  readonly txQLen: number;
  readonly promisc: boolean;
  readonly allmulti: boolean;
}

const settingsOf = (netns: Netns): Settings => {
  const { address, mtu, txqlen, flags } = JSON.parse(netns.must("ip -d -j link show eth0"))[0];
  return {
    mac: address,
    mtu,
    txQLen: txqlen,
    promisc: flags.includes("PROMISC"),
    allmulti: flags.includes("ALLMULTI"),
  };
};

const prevResult = (version: string, netns: Netns): JsonObject =>
  version < "0.3.0" ? { cniVersion: version, ip4: { ip: "10.6.0.2/24" }, dns: {} } : {
    cniVersion: version,
    interfaces: [{ name: "eth0", mac: "02:00:00:00:00:10", sandbox: netns.path }],
    ips: [{ ...(version < "1.0.0" ? { version: "4" } : {}), interface: 0, address: "10.6.0.2/24" }],
    ...(version < "1.0.0" ? { dns: {} } : {}),
  };

const configOf = (version: string, netns: Netns, settings: JsonObject): JsonObject => ({
  cniVersion: version,
  name: "net6",
  type: "tuning",
  prevResult: prevResult(version, netns),
  ...settings,
});

const SOMAXCONN = "cat /proc/sys/net/core/somaxconn";

for (const version of VERSIONS) {
  Deno.test({
    ...live(`[TU1, TU12] tuning ${version}: everything at once is there, CHECK agrees, DEL twice puts everything back`),
    async fn() {
      using lab = new Lab(bin);
      const netns = containerIn(lab);
      const before = settingsOf(netns);
      const somaxconn = netns.must(SOMAXCONN);
      const config = configOf(version, netns, {
        sysctl: { "net.core.somaxconn": "500", "net/ipv4/conf/IFNAME/arp_filter": "1" },
        mac: "02-00-00-00-00-AA",
        mtu: 1454,
        txQLen: 20000,
        promisc: true,
        allmulti: true,
      });
      const result = await lab.ok("tuning", { verb: "ADD", config, netns });
      const expected = structuredClone(prevResult(version, netns));
      const [first] = Array.isArray(expected.interfaces) ? expected.interfaces : [];
      if (first instanceof Object) Object.assign(first, { mac: "02:00:00:00:00:aa" });
      const told = JSON.stringify(result).toLowerCase().replaceAll("02-00-00-00-00-aa", "02:00:00:00:00:aa");
      assert.deepEqual(JSON.parse(told), JSON.parse(JSON.stringify(expected).toLowerCase()));
      const tuned = { mac: "02:00:00:00:00:aa", mtu: 1454, txQLen: 20000, promisc: true, allmulti: true };
      assert.deepEqual(settingsOf(netns), tuned);
      assert.equal(netns.must(SOMAXCONN), "500\n");
      assert.equal(netns.must("cat /proc/sys/net/ipv4/conf/eth0/arp_filter"), "1\n");

      const checked = { verb: "CHECK", config: { ...config, prevResult: result }, netns } as const;
      if (version < "0.4.0") assert.equal((await lab.refused("tuning", checked)).code, 1);
      else {
        assert.deepEqual(await lab.ok("tuning", checked), {});
        netns.must("echo 501 > /proc/sys/net/core/somaxconn");
        assert.match((await lab.refused("tuning", checked)).msg, /somaxconn.*500.*501/);
        netns.must("ip link set eth0 mtu 1400");
        assert.match((await lab.refused("tuning", checked)).details ?? "", /mtu.*1454.*1400/i);
        netns.must("ip link set eth0 mtu 1454");
      }
      for (const _ of [1, 2]) assert.deepEqual(await lab.ok("tuning", { verb: "DEL", config, netns }), {});
      assert.deepEqual(settingsOf(netns), before);
      assert.equal(netns.must(SOMAXCONN), somaxconn);
      assert.equal(netns.must("cat /proc/sys/net/ipv4/conf/eth0/arp_filter"), "0\n");
      await lab.isClean();
    },
  });
}

Deno.test({
  ...live(
    "[TU2, TU3, TU4, TU5, TU6, TU7, TU8, TU9, TU10, TU11, TU13, TU14] tuning: each setting works alone, from the configuration, args, runtimeConfig and CNI_ARGS",
  ),
  async fn() {
    using lab = new Lab(bin);
    const netns = containerIn(lab);
    const before = settingsOf(netns);
    const mac = "02:00:00:00:00:bb";
    const own = [{ promisc: true }, { mtu: 1400 }, { txQLen: 7 }, { allmulti: true }, { mac }] as const;
    const wishes: readonly [Partial<Settings>, JsonObject, string][] = [
      ...own.map((wish): [Partial<Settings>, JsonObject, string] => [wish, { ...wish }, ""]),
      [{ ...own[0], ...own[1], ...own[2] }, { args: { cni: { ...own[0], ...own[1], ...own[2] } }, mtu: 1300 }, ""],
      [{ mac }, { mac: "02:00:00:00:00:01" }, `IgnoreUnknown=1;MAC=${mac};K=V`],
      [{ mac }, { RuntimeConfig: { mac } }, "MAC=02:00:00:00:00:01"],
      [{ mac }, { runtimeConfig: { mac: "02:00:00:00:00:01" }, args: { cni: { mac } } }, ""],
    ];
    for (const [i, [expected, wish, CNI_ARGS]] of wishes.entries()) {
      const config = configOf("1.0.0", netns, wish);
      const call = { netns, id: `c${i}` };
      const result = await lab.ok("tuning", { ...call, verb: "ADD", config, env: { CNI_ARGS } });
      assert.deepEqual(settingsOf(netns), { ...before, ...expected }, JSON.stringify(wish));
      await lab.ok("tuning", { ...call, verb: "CHECK", config: { ...config, prevResult: result }, env: { CNI_ARGS } });
      await lab.ok("tuning", { ...call, verb: "DEL", config });
      assert.deepEqual(settingsOf(netns), before, JSON.stringify(wish));
    }
    await lab.isClean();
  },
});

Deno.test({
  ...live("tuning: what fails half way is put back: nothing of a refused ADD stays"),
  async fn() {
    using lab = new Lab(bin);
    const netns = containerIn(lab);
    const before = settingsOf(netns);
    const somaxconn = netns.must(SOMAXCONN);
    const sysctl = { "net.core.somaxconn": "500", "net.ipv4.conf.IFNAME.no_such_thing": "1" };
    const wishes = [{ sysctl, mtu: 1400 }, { sysctl: { "net.core.somaxconn": "500" }, mac: "ff:ff:ff:ff:ff:ff" }];
    for (const wish of wishes) {
      const { msg } = await lab.refused("tuning", { verb: "ADD", config: configOf("1.1.0", netns, wish), netns });
      assert.match(msg, /no_such_thing|ff:ff:ff:ff:ff:ff/);
      assert.deepEqual(settingsOf(netns), before);
      assert.equal(netns.must(SOMAXCONN), somaxconn);
      await lab.isClean();
    }
  },
});

Deno.test({
  ...live("tuning: DEL after the namespace went, or with a stranger in its place, closes the log and touches nobody"),
  async fn() {
    using lab = new Lab(bin);
    const link = `${lab.folder}/netns`;
    for (const how of ["gone", "replaced"]) {
      const netns = containerIn(lab);
      Deno.symlinkSync(netns.path, link);
      const config = configOf("1.0.0", netns, { mtu: 1400, sysctl: { "net.core.somaxconn": "500" } });
      await lab.ok("tuning", { verb: "ADD", config, netns: link });
      Deno.removeSync(link);
      const stranger = containerIn(lab);
      stranger.must("ip link set eth0 mtu 1300; echo 77 > /proc/sys/net/core/somaxconn");
      if (how === "replaced") Deno.symlinkSync(stranger.path, link);
      await lab.ok("tuning", { verb: "DEL", config, netns: link });
      await lab.isClean();
      assert.deepEqual([settingsOf(stranger).mtu, stranger.must(SOMAXCONN)], [1300, "77\n"], how);
      if (how === "replaced") Deno.removeSync(link);
    }
  },
});

Deno.test({
  ...live("[TU18] tuning: the name of an interface has no slash"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    const call = { verb: "ADD", config: { cniVersion: "1.0.0", name: "net1", type: "tuning" }, netns } as const;
    const { code, msg, details = "" } = await lab.refused("tuning", { ...call, ifName: "eth/0" });
    assert.deepEqual([code, /"eth\/0"/.test(msg)], [4, true], msg);
    assert.match(details, /no '\/'/);
  },
});
