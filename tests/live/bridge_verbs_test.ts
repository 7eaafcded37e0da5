/** All verbs of the bridge executable in all versions of the protocol. Numbers are those of scenarios/bridge.txt. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { VERSIONS } from "../../src/spec/released_versions.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { ipamIn, Lab } from "../support/lab.ts";
import type { Netns } from "../support/netns.ts";

const bin = await builtBin();
const works = can.netns && can.bridge && can.veth && can.nft && can.ip;
const live = (name: string) => unless(works, name, "no bridge, veth, nft or ip");

const MAC = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/;

/** What a link is like, as `ip` says. */
const linkOf = (ns: Netns, name: string) => JSON.parse(ns.must(`ip -d -j link show ${name}`))[0];

/** Names and MAC addresses of the result are those of the links there are. */
function matchesLinks(host: Netns, container: Netns, interfaces: readonly JsonObject[]): void {
  const [bridge, port, inside] = interfaces.map(({ name, mac, sandbox }) => ({ name: String(name), mac, sandbox }));
  assert.ok(bridge && port && inside && interfaces.length === 3, JSON.stringify(interfaces));
  for (const { mac } of [bridge, port, inside]) assert.match(String(mac), MAC);
  assert.equal(linkOf(host, bridge.name).linkinfo.info_kind, "bridge");
  assert.equal(linkOf(host, bridge.name).address, bridge.mac);
  assert.equal(linkOf(host, port.name).address, port.mac);
  assert.equal(linkOf(host, port.name).master, bridge.name);
  assert.equal(linkOf(container, inside.name).address, inside.mac);
  assert.deepEqual([inside.sandbox, port.sandbox, bridge.sandbox], [container.path, undefined, undefined]);
}

const ADDRESSES = [
  { address: "10.2.0.2/24", gateway: "10.2.0.1", version: "4" },
  { address: "fd02::2/64", gateway: "fd02::1", version: "6" },
] as const;

/** What a result of this version says of the addresses above. */
function matchesVersion(version: string, { cniVersion, interfaces, ips, routes, dns, ip4, ip6 }: JsonObject): void {
  assert.equal(cniVersion, version);
  const dsts = [{ dst: "0.0.0.0/0", gw: "10.2.0.1" }, { dst: "::/0", gw: "fd02::1" }] as const;
  if (version < "0.3.0") {
    const [v4, v6] = ADDRESSES;
    assert.deepEqual(ip4, { ip: v4.address, gateway: v4.gateway, routes: [dsts[0]] });
    assert.deepEqual(ip6, { ip: v6.address, gateway: v6.gateway, routes: [dsts[1]] });
    assert.deepEqual([interfaces, ips], [undefined, undefined], "0.1 and 0.2 know neither interfaces nor ips");
    return;
  }
  assert.deepEqual(
    ips,
    ADDRESSES.map(({ version: family, ...ip }) => ({
      ...(version < "1.0.0" ? { version: family } : {}),
      interface: 2,
      ...ip,
    })),
  );
  assert.deepEqual(routes, dsts);
  assert.deepEqual(dns, version < "1.0.0" ? {} : undefined);
  assert.deepEqual([ip4, ip6], [undefined, undefined]);
}

for (const version of VERSIONS) {
  Deno.test({
    ...live(
      `[B67, C26, C27, C33, E7, E8, BR5, BR8, BR15] bridge ${version}: ADD tells what is there in its version, CHECK agrees, DEL twice leaves nothing`,
    ),
    async fn() {
      using lab = new Lab(bin);
      const netns = lab.container();
      const config = {
        cniVersion: version,
        name: "net2",
        type: "bridge",
        bridge: "br2",
        isDefaultGateway: true,
        ipMasq: true,
        ipam: ipamIn(lab, "10.2.0.0/24", "fd02::/64"),
      };
      await lab.ok("bridge", { verb: "DEL", config, netns });
      await lab.isClean();
      const result = await lab.ok("bridge", { verb: "ADD", config, netns });
      matchesVersion(version, result);
      const { interfaces } = result;
      if (Array.isArray(interfaces)) matchesLinks(lab.host, netns, interfaces.filter((each) => each instanceof Object));
      for (const family of [4, 6]) assert.match(netns.must(`ip -${family} route`), /^default via .* dev eth0/m);
      for (const ip of ["10.2.0.1", "fd02::1"]) netns.must(`ping -c1 -W2 ${ip}`);

      const checked = { verb: "CHECK", config: { ...config, prevResult: result }, netns } as const;
      if (version < "0.4.0") {
        const { code, msg, cniVersion } = await lab.refused("bridge", checked);
        assert.deepEqual([code, cniVersion], [1, version], msg);
      } else assert.deepEqual(await lab.ok("bridge", checked), {});

      const again = await lab.refused("bridge", { verb: "ADD", config, netns });
      assert.match(again.msg, /already attached/);
      netns.must("ip link show eth0");
      for (const _ of [1, 2]) assert.deepEqual(await lab.ok("bridge", { verb: "DEL", config, netns }), {});
      await lab.isClean("br2");
      assert.notEqual(netns.sh("ip link show eth0").code, 0);
    },
  });
}

Deno.test({
  ...live("[B28, B35, B41, J75, J77] VERSION and the about text need neither stdin nor a valid environment"),
  async fn() {
    using lab = new Lab(bin);
    for (const plugin of ["bridge", "host-local", "tuning", "portmap", "loopback", "ptp", "static"]) {
      const told = await lab.ok(plugin, { verb: "VERSION", config: "not json", env: { CNI_CONTAINERID: "../.." } });
      assert.deepEqual(told, { cniVersion: "1.1.0", supportedVersions: VERSIONS });
      const about = await lab.call(plugin, { verb: "ADD", config: "", env: { CNI_COMMAND: "" } });
      assert.deepEqual([about.code, about.stdout], [0, ""]);
      assert.match(about.stderr, new RegExp(`CNI ${plugin} plugin.*\n.*${VERSIONS.join(", ")}\n$`));
    }
    assert.deepEqual(await lab.states(), {});
  },
});

Deno.test({
  ...live("[B40, B42, J116] bridge: GC and STATUS succeed from 1.1.0 on and are refused before"),
  async fn() {
    using lab = new Lab(bin);
    const config = { cniVersion: "1.1.0", name: "net2", type: "bridge", ipam: ipamIn(lab, "10.2.0.0/24") };
    for (const verb of ["GC", "STATUS"] as const) {
      const { code, stdout } = await lab.call("bridge", { verb, config, id: "", ifName: "" });
      assert.deepEqual([code, stdout], [0, ""], verb);
      const refused = await lab.refused("bridge", { verb, config: { ...config, cniVersion: "1.0.0" } });
      assert.equal(refused.code, 1, verb);
    }
    await lab.isClean();
  },
});
