/** What the bridge executable makes of its settings. Numbers are those of scenarios/bridge.txt. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { ipamIn, Lab } from "../support/lab.ts";
import type { Netns } from "../support/netns.ts";

const bin = await builtBin();
const works = can.netns && can.bridge && can.veth && can.nft && can.ip;
const live = (name: string) => unless(works, name, "no bridge, veth, nft or ip");

const linkOf = (ns: Netns, name: string) => JSON.parse(ns.must(`ip -d -j link show ${name}`))[0];

/** The host end of the container's pair. */
const portOf = (result: JsonObject): string => {
  const port = Array.isArray(result.interfaces) ? result.interfaces[1] : undefined;
  if (!(port instanceof Object) || !("name" in port)) throw new Error(`no port in ${JSON.stringify(result)}`);
  return String(port.name);
};

/** A bridge configuration; with a subnet, a layer 3 one. */
const configIn = (lab: Lab, settings: JsonObject, ...subnets: readonly string[]): JsonObject => ({
  cniVersion: "1.1.0",
  name: "net3",
  type: "bridge",
  bridge: "br3",
  ...(subnets.length === 0 ? {} : { ipam: ipamIn(lab, ...subnets) }),
  ...settings,
});

Deno.test({
  ...live("[BR3, BR4] bridge: a new bridge has the MTU and is not promiscuous; the next ADD reuses it"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    const config = configIn(lab, { mtu: 1400 }, "10.3.0.0/24");
    const port = portOf(await lab.ok("bridge", { verb: "ADD", config, netns }));
    const { ifindex, mtu, promiscuity } = linkOf(lab.host, "br3");
    assert.deepEqual([mtu, promiscuity], [1400, 0]);
    assert.deepEqual([linkOf(lab.host, port).mtu, linkOf(netns, "eth0").mtu], [1400, 1400]);
    const other = lab.container();
    await lab.ok("bridge", { verb: "ADD", config, netns: other, id: "c2" });
    assert.equal(linkOf(lab.host, "br3").ifindex, ifindex);
    for (const [id, ns] of [["c1", netns], ["c2", other]] as const) {
      await lab.ok("bridge", { verb: "DEL", config, netns: ns, id });
    }
    await lab.isClean("br3");
  },
});

Deno.test({
  ...live("[BR6] bridge: without IPAM the link is up and has no address; 0.1 and 0.2 refuse it and leave nothing"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    for (const cniVersion of ["0.1.0", "0.2.0"]) {
      const config = configIn(lab, { cniVersion });
      assert.equal((await lab.refused("bridge", { verb: "ADD", config, netns })).code, 7);
      await lab.isClean();
    }
    const config = configIn(lab, { isGateway: true, ipMasq: true });
    const result = await lab.ok("bridge", { verb: "ADD", config, netns });
    assert.equal(result.ips, undefined);
    assert.equal(linkOf(netns, "eth0").operstate, "UP");
    assert.equal(netns.must("ip -4 address show dev eth0"), "");
    await lab.ok("bridge", { verb: "CHECK", config: { ...config, prevResult: result }, netns });
    await lab.ok("bridge", { verb: "DEL", config, netns });
    await lab.isClean("br3");
  },
});

Deno.test({
  ...live("[BR9] bridge: another gateway address is refused, leaving nothing, and replaced by force"),
  async fn() {
    using lab = new Lab(bin);
    lab.host.must("ip link add br3 type bridge; ip link set br3 up");
    const cases = [
      { present: "10.9.0.1/24", subnet: "10.3.0.0/24", gateway: "10.3.0.1/24", conflict: true },
      { present: "fd03::ff/48", subnet: "fd03::/64", gateway: "fd03::1/64", conflict: true },
      { present: "fd99::1/64", subnet: "fd03::/64", gateway: "fd03::1/64", conflict: false },
    ];
    for (const { present, subnet, gateway, conflict } of cases) {
      for (const forceAddress of [false, true]) {
        const what = `${present}, ${subnet}, force ${forceAddress}`;
        lab.host.must(`ip address flush dev br3 scope global; ip address add ${present} dev br3`);
        const netns = lab.container();
        const config = configIn(lab, { isGateway: true, forceAddress }, subnet);
        const ran = await lab.call("bridge", { verb: "ADD", config, netns });
        assert.equal(ran.code, conflict && !forceAddress ? 1 : 0, `${what}: ${ran.stdout}`);
        const addresses = lab.host.must("ip -o address show dev br3 scope global");
        assert.equal(addresses.includes(present), !(conflict && forceAddress), `${what}: ${addresses}`);
        assert.equal(addresses.includes(gateway), ran.code === 0, `${what}: ${addresses}`);
        if (ran.code === 1) {
          assert.match(ran.stderr, new RegExp(`${gateway}.*br3.*${present}.*forceAddress`));
          await lab.isClean("br3");
        }
        await lab.ok("bridge", { verb: "DEL", config, netns });
        await lab.isClean("br3");
      }
    }
  },
});

Deno.test({
  ...live("[BR10, BR19] bridge: promiscuous mode, port isolation and hairpin are on when asked for and off otherwise"),
  async fn() {
    using lab = new Lab(bin);
    const wishes = [{}, { promiscMode: true, portIsolation: true }, { hairpinMode: true, bridge: "br4" }];
    for (const [i, wish] of wishes.entries()) {
      const config = configIn(lab, wish);
      const port = portOf(await lab.ok("bridge", { verb: "ADD", config, netns: lab.container(), id: `c${i}` }));
      const { hairpin, isolated } = linkOf(lab.host, port).linkinfo.info_slave_data;
      assert.deepEqual([isolated, hairpin], [i === 1, i === 2]);
      assert.equal(linkOf(lab.host, String(config.bridge)).promiscuity, i === 1 ? 1 : 0);
    }
    for (const [i, wish] of wishes.entries()) {
      await lab.ok("bridge", { verb: "DEL", config: configIn(lab, wish), id: `c${i}` });
    }
    await lab.isClean("br3", "br4");
  },
});

Deno.test({
  ...live("[BR11] bridge: a gateway's MAC address stays what it was before the first container"),
  async fn() {
    using lab = new Lab(bin);
    for (const [bridge, subnet] of [["br4", "10.3.0.0/24"], ["br6", "fd03::/64"]] as const) {
      const config = configIn(lab, { bridge, isGateway: true }, subnet);
      lab.host.must(`ip link add ${bridge} type bridge; ip link set ${bridge} up`);
      const { address } = linkOf(lab.host, bridge);
      const netns = lab.container();
      await lab.ok("bridge", { verb: "ADD", config, netns });
      assert.equal(linkOf(lab.host, bridge).address, address);
      await lab.ok("bridge", { verb: "DEL", config, netns });
      assert.equal(linkOf(lab.host, bridge).address, address);
    }
    await lab.isClean("br4", "br6");
  },
});

Deno.test({
  ...live("[BR12] bridge: the MAC of runtimeConfig beats that of args, which beats that of CNI_ARGS"),
  async fn() {
    using lab = new Lab(bin);
    const CNI_ARGS = "IgnoreUnknown=1;MAC=02:00:00:00:00:01";
    const args = { cni: { mac: "02:00:00:00:00:02" } };
    const wishes = [{}, { args }, { args, RuntimeConfig: { mac: "02:00:00:00:00:03" } }];
    for (const [i, wish] of wishes.entries()) {
      const netns = lab.container();
      const call = { config: configIn(lab, wish, "10.3.0.0/24"), netns, id: `c${i}`, env: { CNI_ARGS } };
      await lab.ok("bridge", { ...call, verb: "ADD" });
      assert.equal(linkOf(netns, "eth0").address, `02:00:00:00:00:0${i + 1}`);
      await lab.ok("bridge", { ...call, verb: "DEL" });
    }
    await lab.isClean("br3");
  },
});

Deno.test({
  ...live("[BR13] bridge: what fails after IPAM gives the address back, and a failing IPAM leaves no link"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    lab.host.must("ip link add br3 type bridge; ip link set br3 up; ip address add 10.9.0.1/24 dev br3");
    const config = configIn(lab, { isGateway: true }, "10.3.0.0/24");
    const refused = await lab.refused("bridge", { verb: "ADD", config, netns });
    assert.match(refused.msg, /gateway address/);
    await lab.isClean("br3");
    assert.equal(Deno.readTextFileSync(`${lab.leases}/net3/last_reserved_ip.0`), "10.3.0.2", "it had an address");
    const nowhere = { ...config, ipam: { type: "no-such-ipam" } };
    assert.match((await lab.refused("bridge", { verb: "ADD", config: nowhere, netns })).msg, /"no-such-ipam"/);
    await lab.isClean("br3");
    assert.notEqual(netns.sh("ip link show eth0").code, 0);
  },
});

Deno.test({
  ...live("[BR17, BR18] bridge: disableContainerInterface goes with layer 2 only, and leaves the link down"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    const layer3 = configIn(lab, { disableContainerInterface: true }, "10.3.0.0/24");
    assert.equal((await lab.refused("bridge", { verb: "ADD", config: layer3, netns })).code, 7);
    await lab.isClean();
    const config = configIn(lab, { disableContainerInterface: true });
    await lab.ok("bridge", { verb: "ADD", config, netns });
    assert.equal(linkOf(netns, "eth0").operstate, "DOWN");
    assert.equal(netns.must("ip address show dev eth0 scope link | grep inet6 || true"), "");
    await lab.ok("bridge", { verb: "DEL", config, netns });
    await lab.isClean("br3");
  },
});
