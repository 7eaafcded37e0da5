/** The ptp executable. Numbers are those of scenarios/ptp.txt. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { VERSIONS } from "../../src/spec/released_versions.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { ipamIn, Lab } from "../support/lab.ts";
import { dial, serve } from "../support/traffic.ts";

const bin = await builtBin();
const live = (name: string) =>
  unless(can.netns && can.veth && can.nft && can.ip && can.ping, name, "no veth, nft or ip");

const DNS = {
  nameservers: ["10.1.2.3"],
  domain: "example.org",
  search: ["a.example", "b.example"],
  options: ["ndots:2"],
};

const interfacesOf = ({ interfaces }: JsonObject): readonly JsonObject[] =>
  Array.isArray(interfaces) ? interfaces.filter((each): each is JsonObject => each instanceof Object) : [];

for (const version of VERSIONS) {
  Deno.test({
    ...live(
      `[PT1] ptp ${version}: masquerade, MTU and DNS; the gateway answers; CHECK; DEL twice leaves nothing`,
    ),
    async fn() {
      using lab = new Lab(bin);
      const netns = lab.container();
      const config = {
        cniVersion: version,
        name: "mynet",
        type: "ptp",
        ipMasq: true,
        mtu: 5000,
        ipam: ipamIn(lab, "10.1.2.0/24"),
        dns: DNS,
      };
      const call = { config, netns } as const;
      if (version >= "1.1.0") await lab.ok("ptp", { verb: "STATUS", config, id: "", ifName: "" });
      await lab.ok("ptp", { ...call, verb: "DEL" });
      const result = await lab.ok("ptp", { ...call, verb: "ADD" });
      assert.equal(result.cniVersion, version);
      assert.deepEqual(result.dns, DNS);
      const [host, container, ...others] = interfacesOf(result);
      if (version >= "0.3.0") {
        assert.deepEqual(others, []);
        assert.match(String(host?.name), /^veth/);
        assert.match(String(host?.mac), /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
        assert.deepEqual([host?.sandbox, container?.sandbox, container?.name], [undefined, netns.path, "eth0"]);
        const [link] = JSON.parse(netns.must("ip -j link show eth0"));
        assert.deepEqual([link.mtu, link.address], [5000, container?.mac]);
      }
      netns.must("ping -c1 -W2 10.1.2.1");
      const checked = { ...call, verb: "CHECK", config: { ...config, prevResult: result } } as const;
      if (version < "0.4.0") assert.equal((await lab.refused("ptp", checked)).code, 1);
      else assert.deepEqual(await lab.ok("ptp", checked), {});
      for (const _ of [1, 2]) assert.deepEqual(await lab.ok("ptp", { ...call, verb: "DEL" }), {});
      await lab.isClean();
      assert.notEqual(netns.sh("ip link show eth0").code, 0);
    },
  });
}

Deno.test({
  ...live("[PT4] ptp of both families with routes: two addresses, both gateways answer, the host reaches both"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    const routes = [{ dst: "0.0.0.0/0" }, { dst: "192.168.0.0/16", gw: "10.1.2.1" }, { dst: "::/0" }];
    const ipam = { ...ipamIn(lab, "10.1.2.0/24", "2001:db8:1::/66"), routes };
    const config = { cniVersion: "1.0.0", name: "mynet", type: "ptp", ipMasq: true, ipam };
    const result = await lab.ok("ptp", { verb: "ADD", config, netns });
    assert.deepEqual(result.ips, [
      { address: "10.1.2.2/24", gateway: "10.1.2.1", interface: 1 },
      { address: "2001:db8:1::2/66", gateway: "2001:db8:1::1", interface: 1 },
    ]);
    assert.deepEqual(result.routes, routes);
    for (const ip of ["10.1.2.1", "2001:db8:1::1"]) netns.must(`ping -c1 -W2 ${ip}`);
    for (const ip of ["10.1.2.2", "2001:db8:1::2"]) lab.host.must(`ping -c1 -W2 ${ip}`);
    await lab.ok("ptp", { verb: "DEL", config, netns });
    await lab.isClean();
  },
});

Deno.test({
  ...live(
    "a single address with a gateway outside of it reaches the world, and DEL without the container is complete",
  ),
  async fn() {
    using lab = new Lab(bin);
    const outside = lab.outside();
    const netns = lab.container();
    const ipam = {
      type: "static",
      addresses: [{ address: "10.1.2.9/32", gateway: "169.254.1.1" }, { address: "fd12::9/128", gateway: "fe80::1" }],
      routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
    };
    const config = { cniVersion: "1.1.0", name: "mynet", type: "ptp", ipMasq: true, ipam };
    const result = await lab.ok("ptp", { verb: "ADD", config, netns });
    await using _server = serve(outside, 80, "saw ");
    assert.equal(await dial(netns, "192.0.2.2", 80), "saw 192.0.2.1");
    assert.equal(await dial(netns, "2001:db8::2", 80), "saw 2001:db8::1");
    await lab.ok("ptp", { verb: "CHECK", config: { ...config, prevResult: result }, netns });
    await lab.ok("ptp", { verb: "DEL", config });
    await lab.isClean("out0");
  },
});

Deno.test({
  ...live("several addresses: each is the source of what goes to its own gateway"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    const addresses = [
      { address: "10.1.2.9/24", gateway: "10.1.2.1" },
      { address: "10.1.3.9/24", gateway: "10.1.3.1" },
      { address: "10.1.3.8/24", gateway: "10.1.3.1" },
    ];
    const config = { cniVersion: "1.1.0", name: "mynet", type: "ptp", ipam: { type: "static", addresses } };
    const result = await lab.ok("ptp", { verb: "ADD", config, netns });
    await using _server = serve(lab.host, 80, "saw ");
    assert.equal(await dial(netns, "10.1.2.1", 80), "saw 10.1.2.9");
    assert.equal(await dial(netns, "10.1.3.1", 80), "saw 10.1.3.9");
    await lab.ok("ptp", { verb: "CHECK", config: { ...config, prevResult: result }, netns });
    await lab.ok("ptp", { verb: "DEL", config, netns });
    await lab.isClean();
  },
});

Deno.test({
  ...live("a failed ADD leaves nothing: a taken interface name, and an address without a gateway"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    netns.must("ip link add eth0 type veth peer name other");
    const config = { cniVersion: "1.1.0", name: "mynet", type: "ptp", ipMasq: true, ipam: ipamIn(lab, "10.1.2.0/24") };
    const taken = await lab.refused("ptp", { verb: "ADD", config, netns });
    assert.match(taken.msg, /Cannot create "eth0" in the container: there is a link of that name/);
    const ipam = { type: "static", addresses: [{ address: "10.1.2.9/24" }] };
    const stray = await lab.refused("ptp", { verb: "ADD", config: { ...config, ipam }, netns, id: "c2" });
    assert.match(stray.msg, /it has no gateway/);
    for (const id of ["c1", "c2"]) await lab.ok("ptp", { verb: "DEL", config, netns, id });
    await lab.isClean();
    netns.must("ip link show eth0");
  },
});

Deno.test({
  ...live("GC removes the attachments that are not valid, with their masquerade and leases"),
  async fn() {
    using lab = new Lab(bin);
    const config = { cniVersion: "1.1.0", name: "mynet", type: "ptp", ipMasq: true, ipam: ipamIn(lab, "10.1.2.0/24") };
    const [one, two] = [lab.container(), lab.container()];
    await lab.ok("ptp", { verb: "ADD", config, netns: one, id: "c1" });
    await lab.ok("ptp", { verb: "ADD", config, netns: two, id: "c2" });
    const valid = { "cni.dev/valid-attachments": [{ containerID: "c2", ifname: "eth0" }] };
    await lab.ok("ptp", { verb: "GC", config: { ...config, ...valid }, id: "", ifName: "" });
    assert.notEqual(one.sh("ip link show eth0").code, 0);
    two.must("ping -c1 -W2 10.1.2.1");
    await lab.ok("ptp", { verb: "DEL", config, netns: two, id: "c2" });
    await lab.isClean();
  },
});

Deno.test({
  ...live(
    "[PT2, PT3] ptp with either backend named: masquerade is there after ADD, CHECK agrees, and DEL takes it away",
  ),
  async fn() {
    for (const ipMasqBackend of ["iptables", "nftables"]) {
      using lab = new Lab(bin);
      const netns = lab.container();
      const ipam = ipamIn(lab, "10.1.2.0/24");
      const config = { cniVersion: "1.0.0", name: "mynet", type: "ptp", ipMasq: true, ipMasqBackend, ipam };
      const prevResult = await lab.ok("ptp", { verb: "ADD", config, netns });
      assert.match(lab.host.must("nft list table inet cleat"), /10\.1\.2\.2/);
      netns.must("ping -c1 -W2 10.1.2.1");
      await lab.ok("ptp", { verb: "CHECK", config: { ...config, prevResult }, netns });
      await lab.ok("ptp", { verb: "DEL", config, netns });
      await lab.isClean();
    }
  },
});

Deno.test({
  ...live(
    "[PT9, PT10] ptp with a small MTU, alone and in a list before bandwidth: an address of the range, and the limit",
  ),
  async fn() {
    for (const cniVersion of ["0.3.0", "0.3.1"]) {
      using lab = new Lab(bin);
      const netns = lab.container();
      const ptp = { type: "ptp", ipMasq: true, mtu: 512, ipam: ipamIn(lab, "10.1.2.0/24") };
      const limit = { type: "bandwidth", ingressRate: 8_000_000, ingressBurst: 8_000_000 };
      const isAlone = cniVersion === "0.3.0";
      const list = { cniVersion, name: "mynet", plugins: isAlone ? [ptp] : [ptp, limit] };
      Deno.writeTextFileSync(`${lab.folder}/mynet.conflist`, JSON.stringify(list));
      const verb = async (name: string) => {
        const { code, stdout, stderr } = await lab.cleat([name, "mynet", netns.path], { CNI_CONTAINERID: "c1" });
        assert.equal(code, 0, stdout + stderr);
      };
      await verb("add");
      const [link] = JSON.parse(netns.must("ip -j address show eth0"));
      assert.deepEqual([link.mtu, link.addr_info[0].local], [512, "10.1.2.2"]);
      assert.equal(/ tbf /.test(lab.host.must("tc qdisc show")), !isAlone);
      await verb("del");
      await lab.isClean();
    }
  },
});
