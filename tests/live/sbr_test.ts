/** The sbr executable, and the chain with it, on a real kernel. */
import assert from "node:assert/strict";
import type { Json, JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { Lab } from "../support/lab.ts";
import type { Netns } from "../support/netns.ts";
import { dial, serve } from "../support/traffic.ts";

const bin = await builtBin();
const live = (name: string) => unless(can.netns && can.veth && can.ip, name, "no veth or ip");

/** A container with `eth0`, which has the default route, and `net1` into another network; the host is the router of both. */
function twoNetworks(lab: Lab): Netns {
  const ns = lab.container();
  for (const [at, link] of ["eth0", "net1"].entries()) {
    lab.host.must(`ip link add r${at} type veth peer name ${link} netns ${ns.path}
      echo 0 > /proc/sys/net/ipv6/conf/r${at}/accept_dad
      ip link set r${at} up
      ip address add 10.${at}.0.1/24 dev r${at}; ip address add fd0${at}::1/64 dev r${at}`);
    ns.must(`echo 0 > /proc/sys/net/ipv6/conf/${link}/accept_dad
      ip link set ${link} up; ip address add 10.${at}.0.2/24 dev ${link}; ip address add fd0${at}::2/64 dev ${link}`);
  }
  ns.must(`ip route add default via 10.0.0.1; ip -6 route add default via fd00::1
    ip route add 10.9.0.0/16 via 10.1.0.1 dev net1 proto static metric 5 mtu 1400`);
  return ns;
}

const config = (settings: JsonObject = {}, prevResult: Json = RESULT): JsonObject => ({
  cniVersion: "1.1.0",
  name: "net5",
  type: "sbr",
  ...settings,
  prevResult,
});

const RESULT: JsonObject = {
  cniVersion: "1.1.0",
  interfaces: [{ name: "net1", sandbox: "/run/netns/c1" }],
  ips: [
    { address: "10.1.0.2/24", gateway: "10.1.0.1", interface: 0 },
    { address: "fd01::2/64", gateway: "fd01::1", interface: 0 },
  ],
};

/** All rules and routes of a container, as ip shows them. */
const everything = (ns: Netns): string =>
  ns.must("ip rule; ip -6 rule; ip route show table all; ip -6 route show table all | grep -v ^multicast; ip address")
    .replaceAll(/ (nodad|tentative)/g, "").replaceAll(/valid_lft.*/g, "");

const lines = (ns: Netns, command: string): readonly string[] =>
  ns.must(command).split("\n").map((line) => line.trim()).filter((line) => line !== "").sort();

Deno.test({
  ...live(
    "[SB1, SB2, SB9] both families: tables, rules and CHECK; a drift is found; DEL without anything restores all",
  ),
  async fn() {
    using lab = new Lab(bin);
    const netns = twoNetworks(lab);
    const before = everything(netns);
    const call = { config: config(), netns, ifName: "net1" };
    assert.deepEqual(await lab.ok("sbr", { verb: "ADD", ...call }), RESULT);
    assert.deepEqual(lines(netns, "ip route show table 100"), [
      "10.1.0.0/24 dev net1 scope link src 10.1.0.2",
      "10.9.0.0/16 via 10.1.0.1 dev net1 metric 5 mtu 1400",
      "default via 10.1.0.1 dev net1",
    ]);
    assert.deepEqual(lines(netns, "ip -6 route show table 101").map((line) => line.replace(/ pref .*/, "")), [
      "default via fd01::1 dev net1 metric 1024",
      "fd01::/64 dev net1 metric 256",
    ]);
    assert.deepEqual(lines(netns, "ip route; ip -6 route | grep net1"), [
      "10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.2",
      "default via 10.0.0.1 dev eth0",
      "fe80::/64 dev net1 proto kernel metric 256 pref medium",
    ]);
    assert.match(netns.must("ip rule"), /^32765:\s+from 10\.1\.0\.2 lookup 100/m);
    assert.match(netns.must("ip -6 rule"), /^32765:\s+from fd01::2 lookup 101/m);
    await lab.ok("sbr", { verb: "CHECK", ...call });
    netns.must("ip route del default table 100");
    assert.match((await lab.refused("sbr", { verb: "CHECK", ...call })).msg, /table 100.*via 10\.1\.0\.1.*found none/);
    const bare = { cniVersion: "1.1.0", name: "net5", type: "sbr" };
    for (const _ of [1, 2]) await lab.ok("sbr", { verb: "DEL", config: bare, ifName: "net1" });
    assert.equal(everything(netns), before);
    await lab.isClean("r0", "r1");
  },
});

Deno.test({
  ...live("[SB6, SB11] a configured table gets rules alone, source hints leave the ways to neighbours"),
  async fn() {
    using lab = new Lab(bin);
    const netns = twoNetworks(lab);
    const before = everything(netns);
    for (const settings of [{ table: 5000 }, { addSourceHints: true }]) {
      const call = { config: config(settings), netns, ifName: "net1" };
      await lab.ok("sbr", { verb: "ADD", ...call });
      await lab.ok("sbr", { verb: "CHECK", ...call });
      const main = lines(netns, "ip route show dev net1; ip -6 route show fd01::/64");
      const kernel = "10.1.0.0/24 proto kernel scope link src 10.1.0.2";
      if (settings.table === undefined) {
        assert.deepEqual(main, [kernel, "fd01::/64 dev net1 src fd01::2 metric 1024 pref medium"]);
      } else {
        assert.match(netns.must("ip rule"), /from 10\.1\.0\.2 lookup 5000/);
        assert.ok(main.includes(kernel) && main.length === 3, main.join("\n"));
      }
      await lab.ok("sbr", { verb: "DEL", ...call });
      assert.equal(everything(netns), before);
    }
  },
});

Deno.test({
  ...live("what is sent from the second interface's address leaves by it, and answers find their way"),
  async fn() {
    using lab = new Lab(bin);
    const netns = twoNetworks(lab);
    lab.host.must("ip address add 203.0.113.1/32 dev lo");
    await using _server = serve(lab.host, 80, "saw ");
    assert.equal(netns.must("ip route get 203.0.113.1 from 10.1.0.2").includes("dev net1"), false);
    await lab.ok("sbr", { verb: "ADD", config: config(), netns, ifName: "net1" });
    assert.match(netns.must("ip route get 203.0.113.1 from 10.1.0.2"), /via 10\.1\.0\.1 dev net1 table 100/);
    assert.equal(await dial(netns, "10.0.0.1", 80), "saw 10.0.0.2");
    await lab.ok("sbr", { verb: "DEL", config: config(), netns, ifName: "net1" });
  },
});

Deno.test({
  ...live("an IPv6 default route of both interfaces stays the first one's alone, until DEL"),
  async fn() {
    using lab = new Lab(bin);
    const netns = twoNetworks(lab);
    netns.must("ip -6 route append default via fd01::1 dev net1");
    const gateways = () => [...netns.must("ip -6 route").matchAll(/via (fd0\d::1) dev/g)].map(([, gw]) => gw).sort();
    assert.deepEqual(gateways(), ["fd00::1", "fd01::1"]);
    const call = { config: config(), netns, ifName: "net1" };
    await lab.ok("sbr", { verb: "ADD", ...call });
    assert.deepEqual(gateways(), ["fd00::1"]);
    assert.match(netns.must("ip -6 route show table 101"), /^default via fd01::1 dev net1/m);
    await lab.ok("sbr", { verb: "CHECK", ...call });
    await lab.ok("sbr", { verb: "DEL", ...call });
    assert.deepEqual(gateways(), ["fd00::1", "fd01::1"]);
  },
});

Deno.test({
  ...live("[SB11] behind ptp, source hints stand beside routes by the gateway, and DEL restores all"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    const ranges = [[{ subnet: "10.6.0.0/24" }], [{ subnet: "fd06::/64" }]];
    const bare = { cniVersion: "1.1.0", name: "net6" };
    const call = { netns, ifName: "net1" };
    const ptp = { ...bare, type: "ptp", ipam: { type: "host-local", dataDir: lab.leases, ranges } };
    const prevResult = await lab.ok("ptp", { verb: "ADD", config: ptp, ...call });
    assert.ok(prevResult !== null);
    const before = everything(netns);
    const hints = { ...bare, type: "sbr", addSourceHints: true, prevResult };
    await lab.ok("sbr", { verb: "ADD", config: hints, ...call });
    assert.match(netns.must("ip route"), /^10\.6\.0\.0\/24 dev net1 scope link src 10\.6\.0\.2/m);
    assert.match(netns.must("ip -6 route"), /^fd06::\/64 dev net1 src fd06::2/m);
    for (const config of [hints, { ...ptp, prevResult }]) {
      await lab.ok(config.type, { verb: "CHECK", config, ...call });
    }
    await lab.ok("sbr", { verb: "DEL", config: hints, ...call });
    assert.equal(everything(netns), before);
    await lab.ok("ptp", { verb: "DEL", config: ptp, ...call });
    await lab.isClean();
  },
});

Deno.test({
  ...live("a rule of the user's for the same address outlives ADD and DEL, and one of Go's form does not"),
  async fn() {
    using lab = new Lab(bin);
    const netns = twoNetworks(lab);
    netns.must(
      "ip rule add from 10.1.0.2 lookup 777 pref 50; ip rule add from 10.1.0.2 to 10.8.0.0/16 lookup 100 pref 60",
    );
    const before = everything(netns);
    const call = { config: config(), netns, ifName: "net1" };
    await lab.ok("sbr", { verb: "ADD", ...call });
    assert.match(netns.must("ip rule"), /^49:\s+from 10\.1\.0\.2 lookup 101/m);
    await lab.ok("sbr", { verb: "DEL", ...call });
    assert.equal(everything(netns), before);
    Deno.removeSync(lab.state, { recursive: true });
    netns.must("ip rule add from 10.1.0.2 lookup 200 pref 70; ip route add default via 10.1.0.1 table 200");
    await lab.ok("sbr", { verb: "DEL", ...call });
    netns.must("ip route flush table 200");
    assert.equal(everything(netns), before);
  },
});

Deno.test({
  ...live("several sbr for one container at once have tables of their own"),
  async fn() {
    using lab = new Lab(bin);
    const ns = lab.container();
    const names = ["a0", "a1", "a2", "a3"];
    for (const [at, name] of names.entries()) {
      lab.host.must(`ip link add h${at} type veth peer name ${name} netns ${ns.path}; ip link set h${at} up`);
      ns.must(`echo 0 > /proc/sys/net/ipv6/conf/${name}/accept_dad
        ip link set ${name} up; ip address add 10.${at}.0.2/24 dev ${name}`);
    }
    const before = everything(ns);
    const call = (at: number) => {
      const ips = [{ address: `10.${at}.0.2/24`, gateway: `10.${at}.0.1`, interface: 0 }];
      const result = { cniVersion: "1.1.0", interfaces: [{ name: names[at] ?? "", sandbox: "/run/netns/c1" }], ips };
      return { config: config({}, result), netns: ns, ifName: names[at] ?? "" };
    };
    await Promise.all(names.map((_, at) => lab.ok("sbr", { verb: "ADD", ...call(at) })));
    const tables = [...ns.must("ip rule").matchAll(/from (10\.\d\.0\.2) lookup (\d+)/g)].map(([, , table]) => table);
    assert.equal(new Set(tables).size, names.length, ns.must("ip rule"));
    await Promise.all(names.map((_, at) => lab.ok("sbr", { verb: "DEL", ...call(at) })));
    assert.equal(everything(ns), before);
  },
});

Deno.test({
  ...unless(
    can.netns && can.bridge && can.veth && can.ip,
    "a chain of bridge and sbr attaches, is confirmed by every member, and leaves nothing",
    "no bridge, veth or ip",
  ),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    const ipam = {
      type: "host-local",
      dataDir: lab.leases,
      ranges: [[{ subnet: "10.5.0.0/24" }]],
      routes: [{ dst: "0.0.0.0/0" }],
    };
    const plugins = [{ type: "bridge", bridge: "br5", isGateway: true, ipam }, { type: "sbr" }];
    Deno.writeTextFileSync(
      `${lab.folder}/net.conflist`,
      JSON.stringify({ cniVersion: "1.1.0", name: "chain5", plugins }),
    );
    const env = { CNI_IFNAME: "eth0", CNI_CONTAINERID: "c1" };
    for (const verb of ["add", "check", "del"]) {
      const { code, stdout, stderr } = await lab.cleat([verb, "chain5", netns.path], env);
      assert.equal(code, 0, `${verb} ${stdout} ${stderr}`);
      if (verb === "add") assert.match(netns.must("ip route show table 100"), /default via 10\.5\.0\.1 dev eth0/);
    }
    assert.doesNotMatch(netns.must("ip rule"), /lookup 100/);
    await lab.isClean("br5");
  },
});
