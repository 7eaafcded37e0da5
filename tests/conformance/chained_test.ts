/** Our tuning and portmap beside Go's, behind a bridge, in twin namespaces. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { besideGo, eachSuite, insideOf, normal } from "../support/go_suite.ts";
import { ipamIn, Lab } from "../support/lab.ts";
import type { Netns } from "../support/netns.ts";
import { dial, serve } from "../support/traffic.ts";

const bin = await builtBin();

/** Attaches a container with our bridge, whichever plugins come after it. */
const bridged = async (lab: Lab, cniVersion: string, id = "c1") => {
  const netns = lab.container();
  const ipam = ipamIn(lab, "10.14.0.0/24", "fd14::/64");
  const config = {
    cniVersion,
    name: "twin",
    type: "bridge",
    bridge: "brt",
    isDefaultGateway: true,
    hairpinMode: true,
    ipam,
  };
  const env = { CNI_PATH: bin };
  const prevResult = await lab.ok(`${bin}/bridge`, { verb: "ADD", config, netns, id, env });
  const detach = () => lab.ok(`${bin}/bridge`, { verb: "DEL", config, netns, id, env });
  return { netns, prevResult, detach };
};

const linkOf = (netns: Netns): JsonObject => {
  const { address, mtu, txqlen, flags } = JSON.parse(netns.must("ip -j link show eth0"))[0];
  return { address, mtu, txqlen, flags: flags.sort() };
};

const SETTINGS: readonly JsonObject[] = [
  { sysctl: { "net.core.somaxconn": "500", "net.ipv4.conf.IFNAME.arp_filter": "1" } },
  { mac: "02:00:00:00:00:AB", mtu: 1400 },
  { promisc: true, allmulti: true, mtu: 0 },
  { runtimeConfig: { mac: "02:00:00:00:00:02" }, mac: "02:00:00:00:00:01" },
  { args: { cni: { mtu: 1300 } }, mtu: 1400 },
];

eachSuite({
  ...besideGo(
    "tuning: results, link and sysctls are those of Go's in every form, and CHECK of both agrees with both",
  ),
  async fn({ bin: goBin, forms }) {
    for (const version of forms) {
      const seen: unknown[] = [];
      for (const folder of [bin, goBin]) {
        using lab = new Lab(folder);
        const { netns, prevResult, detach } = await bridged(lab, version);
        const before = linkOf(netns);
        const lives: unknown[] = [];
        for (const settings of version === "1.0.0" ? SETTINGS : SETTINGS.slice(0, 2)) {
          const config = { cniVersion: version, name: "twin", type: "tuning", dataDir: `${lab.folder}/t`, ...settings };
          const result = await lab.ok("tuning", { verb: "ADD", config: { ...config, prevResult }, netns });
          const { address: _, ...link } = linkOf(netns);
          lives.push(normal(result, lab), "mac" in settings ? linkOf(netns) : link, insideOf(netns));
          // Ours were put back by the DEL before; Go's stay.
          if ("sysctl" in settings) {
            lives.push(netns.must("cat /proc/sys/net/core/somaxconn /proc/sys/net/ipv4/conf/eth0/arp_filter"));
          }
          const checked = { verb: "CHECK", config: { ...config, prevResult: result }, netns } as const;
          // Go's does not replace IFNAME when it checks, and compares MAC addresses letter by letter.
          const checkers = "sysctl" in settings || "mac" in settings ? [bin] : [bin, goBin];
          for (const checker of version >= "0.4.0" ? checkers : []) await lab.ok(`${checker}/tuning`, checked);
          await lab.ok("tuning", { verb: "DEL", config, netns });
          assert.deepEqual(linkOf(netns), before, `${folder} ${JSON.stringify(settings)}`);
        }
        seen.push(lives);
        await detach();
        await lab.isClean("brt");
      }
      assert.deepEqual(
        JSON.parse(JSON.stringify(seen[0]).toLowerCase()),
        JSON.parse(JSON.stringify(seen[1]).toLowerCase()),
      );
    }
  },
});

eachSuite({
  ...besideGo("tuning: our DEL puts back what Go's ADD changed"),
  async fn({ bin: goBin, newest }) {
    using lab = new Lab(bin);
    const { netns, prevResult, detach } = await bridged(lab, newest);
    const before = linkOf(netns);
    const settings = { mac: "02:00:00:00:00:ab", mtu: 1400, promisc: true, allmulti: true };
    const config = {
      cniVersion: newest,
      name: "twin",
      type: "tuning",
      dataDir: `${lab.folder}/t`,
      ...settings,
      prevResult,
    };
    await lab.ok(`${goBin}/tuning`, { verb: "ADD", config, netns });
    assert.notDeepEqual(linkOf(netns), before);
    await lab.ok("tuning", { verb: "DEL", config, netns });
    assert.deepEqual(linkOf(netns), before);
    await detach();
    await lab.isClean("brt");
  },
});

const web = { hostPort: 8080, containerPort: 80, protocol: "tcp" };

eachSuite({
  ...besideGo("portmap: result and reachability are those of Go's: outside, the host, 127.0.0.1, itself, a sibling"),
  async fn({ bin: goBin, newest }) {
    const seen: unknown[] = [];
    for (const folder of [bin, goBin]) {
      using lab = new Lab(folder);
      const outside = lab.outside();
      const one = await bridged(lab, newest, "c1");
      const two = await bridged(lab, newest, "c2");
      const config = {
        cniVersion: newest,
        name: "twin",
        type: "portmap",
        prevResult: one.prevResult,
        runtimeConfig: { portMappings: [web, { ...web, hostPort: 8081, hostIP: "192.0.2.1" }] },
      };
      const result = await lab.ok("portmap", { verb: "ADD", config, netns: one.netns });
      // Go's portmap 1.1.1 looks for the IPv4 rules among those of IPv6.
      if (folder === bin || newest !== "1.0.0") await lab.ok("portmap", { verb: "CHECK", config, netns: one.netns });
      {
        await using _one = serve(one.netns, 80, "one saw ");
        const calls: readonly (readonly [Netns, string, number])[] = [
          [outside, "192.0.2.1", 8080],
          [outside, "192.0.2.1", 8081],
          [lab.host, "192.0.2.1", 8080],
          [lab.host, "192.0.2.1", 8081],
          [lab.host, "10.14.0.1", 8080],
          [lab.host, "127.0.0.1", 8080],
          [one.netns, "192.0.2.1", 8080],
          [two.netns, "192.0.2.1", 8080],
          [outside, "2001:db8::1", 8080],
        ];
        const answers = [];
        for (const [from, to, port] of calls) answers.push(await dial(from, to, port));
        await assert.rejects(dial(lab.host, "10.14.0.1", 8081), /refused/i);
        seen.push([normal(result, lab), answers]);
      }
      await lab.ok("portmap", { verb: "DEL", config, netns: one.netns });
      await assert.rejects(dial(lab.host, "192.0.2.1", 8080), /refused/i);
      await one.detach();
      await two.detach();
      await lab.isClean("brt", "out0");
    }
    assert.deepEqual(seen[0], seen[1]);
  },
});
