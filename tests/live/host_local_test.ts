/** The host-local executable. Numbers are those of scenarios/host-local.txt. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { VERSIONS } from "../../src/spec/released_versions.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { Lab, leasesIn, tree } from "../support/lab.ts";

const bin = await builtBin();
const live = (name: string) => unless(can.netns && can.nft && can.ip, name, "no namespaces, nft or ip");

const configIn = (lab: Lab, cniVersion: string, ipam: JsonObject, others: JsonObject = {}): JsonObject => ({
  cniVersion,
  name: "net5",
  type: "bridge",
  ipam: { type: "host-local", dataDir: lab.leases, ...ipam },
  ...others,
});

const RESOLV = "# by hand\nnameserver 192.0.2.3\ndomain example.org\nsearch a.example b.example\noptions ndots:2\n";

const DNS = {
  nameservers: ["192.0.2.3"],
  domain: "example.org",
  search: ["a.example", "b.example"],
  options: ["ndots:2"],
};

/** Addresses of a result of any version. */
const addresses = ({ ips, ip4, ip6 }: JsonObject): readonly unknown[] =>
  Array.isArray(ips)
    ? ips.map((ip) => ip instanceof Object && "address" in ip ? ip.address : null)
    : [ip4, ip6].flatMap((ip) => ip instanceof Object && "ip" in ip ? [ip.ip] : []);

for (const version of VERSIONS) {
  Deno.test({
    ...live(
      `[HL1, HL3, HL5] host-local ${version}: one address per set, its leases on disk, a duplicate refused, DEL twice`,
    ),
    async fn() {
      using lab = new Lab(bin);
      const netns = lab.container();
      Deno.writeTextFileSync(`${lab.folder}/resolv.conf`, RESOLV);
      const config = configIn(lab, version, {
        resolvConf: `${lab.folder}/resolv.conf`,
        ranges: [[{ subnet: "10.5.0.0/24" }], [{ subnet: "fd05::/64" }]],
        routes: [{ dst: "0.0.0.0/0" }, { dst: "10.99.0.0/16", gw: "10.5.0.9" }],
      });
      const call = { config, netns } as const;
      await lab.ok("host-local", { ...call, verb: "DEL" });
      assert.deepEqual(tree(lab.folder), { "resolv.conf": RESOLV }, "DEL of what never was writes nothing");
      const result = await lab.ok("host-local", { ...call, verb: "ADD" });
      assert.equal(result.cniVersion, version);
      assert.deepEqual(addresses(result), ["10.5.0.2/24", "fd05::2/64"]);
      assert.deepEqual(result.dns, DNS);
      assert.deepEqual(tree(lab.leases), {
        "net5/10.5.0.2": "c1\r\neth0",
        "net5/fd05::2": "c1\r\neth0",
        "net5/last_reserved_ip.0": "10.5.0.2",
        "net5/last_reserved_ip.1": "fd05::2",
        "net5/lock": "",
      });
      const checked = { ...call, verb: "CHECK", config: { ...config, prevResult: result } } as const;
      if (version < "0.4.0") assert.equal((await lab.refused("host-local", checked)).code, 1);
      else assert.deepEqual(await lab.ok("host-local", checked), {});

      assert.match((await lab.refused("host-local", { ...call, verb: "ADD" })).msg, /already attached/);
      const second = await lab.ok("host-local", { ...call, verb: "ADD", id: "c2" });
      assert.deepEqual(addresses(second), ["10.5.0.3/24", "fd05::3/64"]);
      for (const id of ["c1", "c2", "c1"]) await lab.ok("host-local", { ...call, verb: "DEL", id });
      await lab.isClean();
    },
  });
}

Deno.test({
  ...live("[HL2] host-local: networks have their own leases, and DEL of one leaves the other's"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    const configs = ["neta", "netb"].map((name) => configIn(lab, "1.0.0", { subnet: "10.5.0.0/24" }, { name }));
    for (const [i, config] of configs.entries()) {
      await lab.ok("host-local", { verb: "ADD", config, netns, ifName: `eth${i}` });
    }
    const [a, b] = configs;
    assert.ok(a && b);
    await lab.ok("host-local", { verb: "DEL", config: a, netns, ifName: "eth0" });
    assert.deepEqual(leasesIn(lab.leases), { "netb/10.5.0.2": "c1\r\neth1" });
    await lab.ok("host-local", { verb: "DEL", config: b, netns, ifName: "eth1" });
    await lab.isClean();
  },
});

Deno.test({
  ...live("[HL4] host-local: DEL removes a lease of the old format, and those nobody logged, and nobody else's"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    const config = configIn(lab, "1.0.0", { subnet: "10.5.0.0/24" });
    Deno.mkdirSync(`${lab.leases}/net5`, { recursive: true });
    for (const [ip, owner] of [["2", "c1"], ["3", "c2\r\neth0"], ["4", " c3\r\neth0\n"], ["5", "c3\r\neth1"]]) {
      Deno.writeTextFileSync(`${lab.leases}/net5/10.5.0.${ip}`, owner ?? "");
    }
    await lab.ok("host-local", { verb: "DEL", config, netns, id: "c1" });
    await lab.ok("host-local", { verb: "DEL", config, netns, id: "c3" });
    assert.deepEqual(leasesIn(lab.leases), { "net5/10.5.0.3": "c2\r\neth0", "net5/10.5.0.5": "c3\r\neth1" });
  },
});

Deno.test({
  ...live(
    "[HL8, HL9, HL10, HL11] host-local: wanted addresses come from their sets; what no set has is refused, leaving nothing",
  ),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    const ranges = [[{ subnet: "10.5.0.0/24" }, { subnet: "10.6.0.0/24" }], [{ subnet: "fd05::/64" }]];
    const wishes: readonly [JsonObject, string, readonly string[]][] = [
      [{ args: { cni: { ips: ["10.5.0.88"] } } }, "", ["10.5.0.88/24", "fd05::2/64"]],
      [{ args: { cni: { ips: ["10.6.0.77/24", "fd05::beef"] } } }, "", ["10.6.0.77/24", "fd05::beef/64"]],
      [{ runtimeConfig: { ips: ["fd05::99/64"] } }, "IgnoreUnknown=1;IP=10.6.0.5", ["10.6.0.5/24", "fd05::99/64"]],
    ];
    for (const [others, CNI_ARGS, expected] of wishes) {
      const call = { config: configIn(lab, "1.1.0", { ranges }, others), netns, env: { CNI_ARGS } };
      assert.deepEqual(addresses(await lab.ok("host-local", { ...call, verb: "ADD" })), expected);
      await lab.ok("host-local", { ...call, verb: "DEL" });
    }
    const stray = configIn(lab, "1.1.0", { ranges }, { args: { cni: { ips: ["10.7.0.1", "10.5.0.9"] } } });
    const { code, msg } = await lab.refused("host-local", { verb: "ADD", config: stray, netns });
    assert.equal(code, 7);
    assert.match(msg, /10\.7\.0\.1/);
    await lab.isClean();
  },
});

Deno.test({
  ...live("host-local: round robin goes on after a DEL, and an exhausted range names itself and leaves nothing"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    const config = configIn(lab, "1.0.0", { ranges: [[{ subnet: "10.5.0.0/29" }], [{ subnet: "fd05::/64" }]] });
    const add = (id: string) => lab.ok("host-local", { verb: "ADD", config, netns, id });
    const del = (id: string) => lab.ok("host-local", { verb: "DEL", config, netns, id });
    const given = async (id: string) => addresses(await add(id))[0];
    assert.equal(await given("a"), "10.5.0.2/29");
    await del("a");
    for (const [i, id] of ["b", "c", "d", "e", "f"].entries()) {
      assert.equal(await given(id), `10.5.0.${i === 4 ? 2 : i + 3}/29`, "the last reserved address comes last");
    }
    const before = tree(lab.leases);
    const { code, msg } = await lab.refused("host-local", { verb: "ADD", config, netns, id: "g" });
    assert.equal(code, 102);
    assert.match(msg, /10\.5\.0\.1-10\.5\.0\.6/);
    assert.deepEqual(tree(lab.leases), before);
    const status = { verb: "STATUS", config: { ...config, cniVersion: "1.1.0" } } as const;
    assert.equal((await lab.refused("host-local", status)).code, 50);
    await del("d");
    await lab.ok("host-local", status);
    assert.equal(await given("g"), "10.5.0.5/29");
    for (const id of ["b", "c", "e", "f", "g"]) await del(id);
    await lab.isClean();
  },
});

Deno.test({
  ...live("[C4] host-local: 8 containers at once get 8 addresses"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    const config = configIn(lab, "1.0.0", { subnet: "10.5.0.0/24" });
    const ids = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => `c${n}`);
    const results = await Promise.all(ids.map((id) => lab.ok("host-local", { verb: "ADD", config, netns, id })));
    assert.equal(new Set(results.flatMap(addresses)).size, ids.length);
    await Promise.all(ids.map((id) => lab.ok("host-local", { verb: "DEL", config, netns, id })));
    await lab.isClean();
  },
});
