/** What Go's plugins of other releases keep in nf_tables and in iptables, put there by hand, is removed by ours. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { masqueradeChainOf, masqueradeCommentOf } from "../../src/plugins/adopt_masquerade.ts";
import { hostPortChainOf } from "../../src/plugins/adopt_portmap.ts";
import type { JsonObject } from "../../src/spec/json.ts";
import { bearsNothing } from "../support/adopted.ts";
import { builtBin } from "../support/built.ts";
import { besideGo } from "../support/go_suite.ts";
import { Lab } from "../support/lab.ts";

const bin = await builtBin();

/** What Go's plugins since 1.6 make with nftables, as their source has it. */
const nftOfGo = async (id: string, ip: string): Promise<string> => {
  const hashes = await Effect.runPromise(
    masqueradeCommentOf({ network: "swap", containerId: id, ifName: "eth0" }),
  );
  return `nft -f - <<'END'
add table inet cni_plugins_masquerade { comment "Masquerading for plugins from github.com/containernetworking/plugins"; }
add chain inet cni_plugins_masquerade masq_checks
add chain inet cni_plugins_masquerade postrouting { type nat hook postrouting priority 100; }
flush chain inet cni_plugins_masquerade postrouting
add rule inet cni_plugins_masquerade postrouting ip daddr 224.0.0.0/4 return
add rule inet cni_plugins_masquerade postrouting ip6 daddr ff00::/8 return
add rule inet cni_plugins_masquerade postrouting goto masq_checks
add rule inet cni_plugins_masquerade masq_checks ip saddr ${ip} ip daddr != 10.44.0.0/24 masquerade comment "${hashes}, net: swap, if: eth0, id: ${id}"
add table ip cni_hostport { comment "CNI portmap plugin"; }
add chain ip cni_hostport hostports
add chain ip cni_hostport hostip_hostports
add chain ip cni_hostport hostports_all
add chain ip cni_hostport prerouting { type nat hook prerouting priority -100; }
add chain ip cni_hostport output { type nat hook output priority -100; }
add chain ip cni_hostport masquerading { type nat hook postrouting priority 100; }
flush chain ip cni_hostport prerouting
flush chain ip cni_hostport output
flush chain ip cni_hostport hostports_all
add rule ip cni_hostport prerouting fib daddr type local jump hostports_all
add rule ip cni_hostport output fib daddr type local jump hostports_all
add rule ip cni_hostport hostports_all jump hostip_hostports
add rule ip cni_hostport hostports_all jump hostports
add rule ip cni_hostport hostports tcp dport 8080 dnat to ${ip}:80 comment "${id}"
add rule ip cni_hostport hostports ip daddr 192.0.2.1 udp dport 53 dnat to ${ip}:53 comment "${id}"
add rule ip cni_hostport masquerading ip saddr ${ip} ip daddr ${ip} masquerade comment "${id}"
add rule ip cni_hostport masquerading ip saddr 127.0.0.1 ip daddr ${ip} masquerade comment "${id}"
END`;
};

const spoofOfGo = (id: string): string => {
  const name = `${id}-eth0`;
  const comment = `comment "macspoofchk-${name}"`;
  return `nft -f - <<'END'
add table bridge nat
add chain bridge nat PREROUTING { type filter hook prerouting priority -300; }
add chain bridge nat cni-br-iface-${name}
add chain bridge nat cni-br-iface-${name}-mac
add rule bridge nat PREROUTING iifname "veth01234567" jump cni-br-iface-${name} ${comment}
add rule bridge nat cni-br-iface-${name} jump cni-br-iface-${name}-mac ${comment}
add rule bridge nat cni-br-iface-${name}-mac ether saddr 02:00:00:00:00:01 return ${comment}
add rule bridge nat cni-br-iface-${name}-mac drop ${comment}
END`;
};

const bridgeConf: JsonObject = { cniVersion: "1.1.0", name: "swap", type: "bridge", bridge: "cni0", ipMasq: true };
const portmapConf: JsonObject = {
  cniVersion: "1.1.0",
  name: "swap",
  type: "portmap",
  backend: "nftables",
  snat: false,
  runtimeConfig: {
    portMappings: [
      { hostPort: 8080, containerPort: 80, protocol: "tcp" },
      { hostPort: 53, containerPort: 53, protocol: "udp", hostIP: "192.0.2.1" },
    ],
  },
};
const resultWith = (address: string): JsonObject => ({
  prevResult: { cniVersion: "1.1.0", interfaces: [{ name: "eth0", sandbox: "/x" }], ips: [{ address, interface: 0 }] },
});

Deno.test({
  ...besideGo("the nf_tables rules of newer Go plugins are checked and removed by comment and address, the rest stays"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    lab.host.must(await nftOfGo("keep", "10.44.0.9"));
    lab.host.must(await nftOfGo("c1", "10.77.0.2")); // the same container on another network
    lab.host.must(
      "nft delete rule inet cni_plugins_masquerade masq_checks handle $(nft -a list chain inet cni_plugins_masquerade masq_checks | sed -n 's/.*id: c1.*handle //p')",
    );
    lab.host.must(spoofOfGo("keep"));
    const before = lab.host.must("nft list ruleset");
    lab.host.must(await nftOfGo("c1", "10.44.0.2"));
    lab.host.must(spoofOfGo("c1"));
    const told = resultWith("10.44.0.2/24");
    await lab.ok("portmap", { verb: "CHECK", config: { ...portmapConf, ...told }, netns });
    const wrong = await lab.refused("portmap", {
      verb: "CHECK",
      config: { ...portmapConf, ...resultWith("10.44.0.3/24") },
      netns,
    });
    assert.match(wrong.msg, /host port 8080\/tcp: expected it to lead to "c1"/);
    await lab.ok("portmap", { verb: "DEL", config: { ...portmapConf, ...told } });
    await lab.ok("bridge", { verb: "DEL", config: { ...bridgeConf, ...told } });
    assert.equal(lab.host.must("nft list ruleset"), before);
  },
});

Deno.test({
  ...besideGo("GC collects masquerade of newer Go plugins by network and attachment"),
  async fn() {
    using lab = new Lab(bin);
    lab.host.must(await nftOfGo("keep", "10.44.0.9"));
    const masquerade = () => lab.host.must("nft list table inet cni_plugins_masquerade");
    const before = masquerade();
    lab.host.must(await nftOfGo("c1", "10.44.0.2"));
    const valid = { "cni.dev/valid-attachments": [{ containerID: "keep", ifname: "eth0" }] };
    await lab.ok("bridge", { verb: "GC", config: { ...bridgeConf, ...valid } });
    assert.equal(masquerade(), before);
    await lab.ok("bridge", { verb: "GC", config: { ...bridgeConf, name: "other", ...valid } });
    assert.equal(masquerade(), before);
    await lab.ok("bridge", { verb: "GC", config: { ...bridgeConf, "cni.dev/valid-attachments": [] } });
    assert.doesNotMatch(masquerade(), /id: /);
  },
});

/** Go's chains for a container, put in with `iptables` or one of its like. */
async function chainsOfGo(
  id: string,
  ip: string,
): Promise<{ readonly own: readonly string[]; script: (program: string) => string }> {
  const masquerade = await Effect.runPromise(masqueradeChainOf("swap", id));
  const ports = await Effect.runPromise(hostPortChainOf({ network: "swap", containerId: id }));
  const named = (start = "") => `-m comment --comment '${start}name: "swap" id: "${id}"'`;
  const rules = [
    `-N ${masquerade}`,
    `-A ${masquerade} -d 10.44.0.0/24 ${named()} -j ACCEPT`,
    `-A ${masquerade} ! -d 224.0.0.0/4 ${named()} -j MASQUERADE`,
    `-A POSTROUTING -s ${ip}/32 ${named()} -j ${masquerade}`,
    `-N ${ports}`,
    `-A ${ports} -p tcp -m tcp --dport 8080 -j DNAT --to-destination ${ip}:80`,
    `-A CNI-HOSTPORT-DNAT -p tcp ${named("dnat ")} -m multiport --dports 8080 -j ${ports}`,
  ];
  return { own: [masquerade, ports], script: (program) => rules.map((rule) => `${program} -t nat ${rule}`).join("\n") };
}

const usable = (lab: Lab, program: string): boolean => lab.host.sh(`${program} -t nat -S`).code === 0;

Deno.test({
  ...besideGo("chains in legacy tables are found and removed by the program that sees them, beside those in nf_tables"),
  async fn(t) {
    using lab = new Lab(bin);
    for (const program of ["iptables-legacy", "iptables-nft"]) {
      await t.step({
        name: program,
        ignore: !usable(lab, program),
        async fn() {
          lab.host.must(`${program} -t nat -N CNI-HOSTPORT-DNAT`);
          const keep = await chainsOfGo("keep", "10.44.0.9");
          lab.host.must(keep.script(program));
          const before = lab.host.must(`${program}-save -t nat | grep -v '^[#:]'`);
          const dead = await chainsOfGo("c1", "10.44.0.2");
          for (const del of ["DEL", "GC"]) {
            lab.host.must(dead.script(program));
            const valid = { "cni.dev/valid-attachments": [{ containerID: "keep", ifname: "eth0" }] };
            for (const config of [portmapConf, bridgeConf]) {
              await lab.ok(
                `${config.type}`,
                del === "DEL" ? { verb: "DEL", config } : { verb: "GC", config: { ...config, ...valid } },
              );
            }
            assert.equal(lab.host.must(`${program}-save -t nat | grep -v '^[#:]'`), before, del);
            bearsNothing(lab, "c1");
          }
        },
      });
    }
  },
});

Deno.test({
  ...besideGo("without the program, DEL names it, keeps what it cannot remove on record, and the next DEL removes it"),
  async fn() {
    using lab = new Lab(bin);
    lab.host.must("iptables -t nat -N CNI-HOSTPORT-DNAT");
    const dead = await chainsOfGo("c1", "10.44.0.2");
    lab.host.must(dead.script("iptables"));
    Deno.writeTextFileSync(`${lab.folder}/config`, JSON.stringify(portmapConf));
    const del = (id: string) =>
      lab.host.sh(`unshare -m sh -c 'mount -t tmpfs none /usr/sbin && CNI_COMMAND=DEL CNI_CONTAINERID=${id} \
        CNI_IFNAME=eth0 CNI_PATH=${bin} CLEAT_STATE_DIR=${lab.state} ${bin}/portmap <${lab.folder}/config'`);
    assert.equal(del("c2").code, 0, "who has nothing in iptables needs no program");
    const { code, stdout } = del("c1");
    assert.equal(code, 1, stdout);
    assert.match(JSON.parse(stdout).msg, /"iptables".*install iptables/);
    assert.deepEqual(await lab.states(), { "swap/c1/eth0/portmap": "failed, undone" });
    await lab.ok("portmap", { verb: "DEL", config: portmapConf });
    assert.deepEqual(await lab.states(), { "swap/c1/eth0/portmap": "detached" });
    lab.host.must(`! iptables-save -t nat | grep ${dead.own[1]}`);
  },
});
