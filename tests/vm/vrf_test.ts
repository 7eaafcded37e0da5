/** The vrf plugin on a kernel that has VRFs, beside Go's. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { can, peerPlugin } from "../support/capabilities.ts";
import { inProcess } from "../support/door.ts";
import { goBin } from "../support/go_suite.ts";
import { needsKind } from "../support/kinds.ts";
import { Lab } from "../support/lab.ts";
import type { Netns } from "../support/netns.ts";

const bin = await builtBin();

/** A container with an interface of both families, whose neighbour is the host. */
function withInterface(lab: Lab, ns: Netns, name: string, at: number, net = at): void {
  lab.host.must(`ip link add h${at} type veth peer name ${name} netns ${ns.path}
    echo 0 > /proc/sys/net/ipv6/conf/h${at}/accept_dad
    ip link set h${at} up; ip address add 10.${net}.0.1/24 dev h${at}; ip address add fd0${net}::1/64 dev h${at}`);
  ns.must(`echo 0 > /proc/sys/net/ipv6/conf/${name}/accept_dad
    ip link set ${name} up; ip address add 10.${net}.0.2/24 dev ${name}; ip address add fd0${net}::2/64 dev ${name}`);
}

const routesOf = (ns: Netns, name: string, net: number): string =>
  ns.must(`ip route add 10.9${net}.0.0/16 via 10.${net}.0.1 dev ${name} metric 5 mtu 1400 proto static
    ip route add 10.8${net}.0.0/16 dev ${name} scope link
    ip -6 route add fd9${net}::/64 via fd0${net}::1 dev ${name}`);

const conf = (vrfname: string, ifName: string, settings: JsonObject = {}): JsonObject => ({
  cniVersion: "1.0.0",
  name: "twin",
  type: "vrf",
  vrfname,
  ...settings,
  prevResult: {
    cniVersion: "1.0.0",
    interfaces: [{ name: ifName, sandbox: "/run/netns/c1" }],
    ips: [{ address: "10.1.0.2/24", interface: 0 }],
  },
});

const lines = (ns: Netns, command: string): readonly string[] =>
  ns.must(command).split("\n").map((line) => line.trim()).filter((line) =>
    line !== "" && !/^(fe80|multicast|anycast|local|broadcast)/.test(line)
  ).sort();

const tableOf = (ns: Netns, table: number): readonly string[] =>
  lines(ns, `ip route show table ${table}; ip -6 route show table ${table}`).map((line) =>
    line.replace(/ pref .*/, "")
  );

const linkOf = (ns: Netns, name: string) => JSON.parse(ns.must(`ip -d -j link show ${name}`))[0];

/** All that a container has, but for the rule that stays when the last VRF has gone. */
const everything = (ns: Netns): readonly string[] =>
  lines(ns, "ip route show table all; ip -6 route show table all; ip -o address; ip -o link; ip rule; ip -6 rule")
    .filter((line) => !/l3mdev|fe80|ff00/.test(line))
    .map((line) => line.replaceAll(/ (nodad|tentative)/g, "").replace(/valid_lft.*/, "").replace(/ qdisc .*/, ""));

const IN_TABLE = [
  "10.1.0.0/24 dev eth0 proto kernel scope link src 10.1.0.2",
  "10.81.0.0/16 dev eth0 scope link",
  "10.91.0.0/16 via 10.1.0.1 dev eth0 proto static metric 5 mtu 1400",
  "fd01::/64 dev eth0 proto kernel metric 256",
  "fd91::/64 via fd01::1 dev eth0 metric 1024",
];

Deno.test({
  ...needsKind(
    "vrf",
    `[VR1, VR2, VR3, VR4, VR12, VR21] the interface enters with all it has, DEL takes it out`,
  ),
  async fn() {
    using lab = new Lab(bin);
    const door = inProcess(lab);
    const ns = lab.container();
    withInterface(lab, ns, "eth0", 1);
    withInterface(lab, ns, "net1", 2);
    routesOf(ns, "eth0", 1);
    const before = everything(ns);
    const main = lines(ns, "ip route show dev net1; ip -6 route show dev net1");
    const call = { config: conf("red", "eth0"), netns: ns };
    const result = await door.ok("vrf", { verb: "ADD", ...call });
    assert.deepEqual(result, call.config.prevResult);
    assert.deepEqual(tableOf(ns, 1), IN_TABLE);
    const { linkinfo, flags, ifalias } = linkOf(ns, "red");
    assert.deepEqual([linkinfo.info_kind, linkinfo.info_data.table, flags.includes("UP")], ["vrf", 1, true]);
    assert.match(ifalias, /last member/);
    assert.equal(linkOf(ns, "eth0").master, "red");
    assert.deepEqual(lines(ns, "ip route show dev net1; ip -6 route show dev net1"), main);
    assert.doesNotMatch(ns.must("ip -6 address show eth0"), /tentative/);
    await door.ok("vrf", { verb: "CHECK", ...call });
    ns.must("ip link set eth0 nomaster");
    assert.match((await door.refused("vrf", { verb: "CHECK", ...call })).msg, /master "red", found none/);
    ns.must("ip link set eth0 master red");
    for (const _ of [1, 2]) {
      await door.ok("vrf", { verb: "DEL", config: { ...call.config, prevResult: null }, netns: ns });
    }
    assert.deepEqual(everything(ns), before);
    await lab.isClean("h1", "h2");
  },
});

Deno.test({
  ...needsKind("vrf", "[VR5, VR14, VR15, VR16, VR17] members and tables: what is refused, and when the VRF goes"),
  async fn() {
    using lab = new Lab(bin);
    const door = inProcess(lab);
    const ns = lab.container();
    for (const [at, name] of ["eth0", "net1", "net2"].entries()) withInterface(lab, ns, name, at + 1);
    const before = everything(ns);
    ns.must("ip link add br0 type bridge; ip link set net2 master br0");
    const call = (vrf: string, ifName: string, settings: JsonObject = {}) => ({
      config: conf(vrf, ifName, settings),
      netns: ns,
      ifName,
    });
    assert.match((await door.refused("vrf", { verb: "ADD", ...call("red", "net2") })).msg, /"br0" as its master/);
    ns.must("ip link del br0");
    await door.ok("vrf", { verb: "ADD", ...call("red", "eth0", { table: 42 }) });
    await door.ok("vrf", { verb: "ADD", ...call("red", "net1", { table: 42 }) });
    assert.match(
      (await door.refused("vrf", { verb: "ADD", ...call("red", "net2", { table: 43 }) })).msg,
      /with table 42/,
    );
    await door.ok("vrf", { verb: "ADD", ...call("blue", "net2", { table: 42 }) });
    await door.ok("vrf", { verb: "DEL", ...call("red", "eth0") });
    assert.equal(linkOf(ns, "net1").master, "red");
    await door.ok("vrf", { verb: "DEL", ...call("red", "net1") });
    assert.notEqual(ns.sh("ip link show red").code, 0);
    await door.ok("vrf", { verb: "DEL", ...call("blue", "net2") });
    assert.deepEqual(everything(ns), before);
  },
});

Deno.test({
  ...needsKind(
    "vrf",
    "[VR6, VR7, VR8, VR9, VR10, VR11, VR13] two interfaces with the same addresses reach their own neighbours",
  ),
  async fn() {
    using lab = new Lab(bin);
    const door = inProcess(lab);
    const ns = lab.container();
    const neighbours: Netns[] = [];
    for (const [at, name] of ["eth0", "net1"].entries()) {
      const other = lab.container();
      neighbours.push(other);
      ns.must(`echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad
        ip link add ${name} type veth peer name eth0 netns ${other.path}
        ip link set ${name} up; ip address add 10.1.0.2/24 dev ${name}`);
      other.must(`echo 0 > /proc/sys/net/ipv6/conf/eth0/accept_dad; ip link set eth0 up
        ip address add 10.1.0.1/24 dev eth0; ip address add fd01::1/64 dev eth0`);
      ns.must(`ip address add fd01::2/64 dev ${name}`);
      await door.ok("vrf", { verb: "ADD", config: conf(at === 0 ? "red" : "blue", name), netns: ns, ifName: name });
    }
    for (const [at, vrf] of ["red", "blue"].entries()) {
      assert.match(ns.must(`ip route get 10.1.0.1 vrf ${vrf}`), at === 0 ? /dev eth0/ : /dev net1/);
      if (!can.ping) continue;
      ns.must(`ping -c 1 -W 5 -I ${vrf} 10.1.0.1; ping -6 -c 1 -W 5 -I ${vrf} fd01::1`);
      const neighbour = neighbours[at] ?? lab.host;
      assert.match(ns.must(`ip neigh show 10.1.0.1 vrf ${vrf}`), new RegExp(linkOf(neighbour, "eth0").address));
    }
    assert.deepEqual(tableOf(ns, 1), [
      "10.1.0.0/24 dev eth0 proto kernel scope link src 10.1.0.2",
      "fd01::/64 dev eth0 proto kernel metric 256",
    ]);
    assert.deepEqual(tableOf(ns, 2).map((line) => line.replace("net1", "eth0")), tableOf(ns, 1));
    for (const [vrf, ifName] of [["red", "eth0"], ["blue", "net1"]] as const) {
      await door.ok("vrf", { verb: "DEL", config: conf(vrf, ifName), netns: ns, ifName });
    }
  },
});

const peer = peerPlugin("vrf");
const beside = (name: string) => {
  const test = needsKind("vrf", name);
  return test.ignore || peer !== null ? test : { name: `${name} (skipped: no vrf of Go's)`, ignore: true };
};

Deno.test({
  ...beside(
    "[VR3, VR17] what Go's plugin puts into the VRF ours does, and more; each suite takes out what the other put in",
  ),
  async fn() {
    const seen: (readonly string[])[] = [];
    for (const [adds, other] of [[bin, goBin], [goBin, bin]] as const) {
      using lab = new Lab(adds);
      const ns = lab.container();
      withInterface(lab, ns, "eth0", 1);
      routesOf(ns, "eth0", 1);
      const call = { config: conf("red", "eth0"), netns: ns };
      await lab.ok("vrf", { verb: "ADD", ...call });
      seen.push(tableOf(ns, 1));
      for (const verb of ["CHECK", "DEL"] as const) await lab.ok(`${other}/vrf`, { verb, ...call });
      assert.deepEqual([ns.sh("ip link show red").code === 0, linkOf(ns, "eth0").master], [false, undefined]);
      await inProcess(lab).ok("vrf", { verb: "DEL", ...call });
    }
    const [ours = [], theirs = []] = seen;
    assert.ok(theirs.length > 0);
    assert.deepEqual([ours, theirs.filter((line) => !ours.includes(line))], [IN_TABLE, []]);
  },
});
