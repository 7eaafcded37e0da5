/** The dummy plugin on a kernel that has dummies. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { inProcess } from "../support/door.ts";
import { needsKind } from "../support/kinds.ts";
import { ipamIn, Lab } from "../support/lab.ts";
import type { Netns } from "../support/netns.ts";

const bin = await builtBin();

const config = (lab: Lab, settings: JsonObject = {}): JsonObject => ({
  cniVersion: "1.1.0",
  name: "dummies",
  type: "dummy",
  ipam: { ...ipamIn(lab, "10.7.0.0/24", "fd07::/64"), routes: [{ dst: "10.9.0.0/16" }] },
  ...settings,
});

const linkOf = (ns: Netns) => JSON.parse(ns.must("ip -d -j link show eth0"))[0];

/** ADD, CHECK, DEL twice. */
async function life(lab: Lab, cniVersion: string): Promise<void> {
  const door = inProcess(lab);
  const netns = lab.container();
  const call = { config: config(lab, { cniVersion }), netns };
  const prevResult = await door.ok("dummy", { verb: "ADD", ...call });
  const { address, flags, linkinfo, mtu } = linkOf(netns);
  assert.deepEqual([linkinfo.info_kind, flags.includes("UP"), mtu], ["dummy", true, 1500]);
  if (cniVersion >= "0.3.0") {
    assert.deepEqual(prevResult.interfaces, [{ name: "eth0", mac: address, sandbox: netns.path }]);
  }
  assert.match(netns.must("ip address show dev eth0"), /10\.7\.0\.\d+\/24[^]*fd07::\w+\/64/);
  assert.match(netns.must("ip route"), /10\.9\.0\.0\/16 via 10\.7\.0\.1 dev eth0/);
  if (cniVersion >= "0.4.0") {
    await door.ok("dummy", { verb: "CHECK", ...call, config: { ...call.config, prevResult } });
  }
  for (const _ of [1, 2]) await door.ok("dummy", { verb: "DEL", ...call });
  assert.notEqual(netns.sh("ip link show eth0").code, 0);
}

Deno.test({
  ...needsKind(
    "dummy",
    "[DU1, DU2, DU3] dummy, on a host that has a link of that name: ADD, CHECK, and DEL, which leaves nothing",
  ),
  async fn() {
    using lab = new Lab(bin);
    lab.host.must("ip link add eth0 type bridge");
    for (const version of ["0.2.0", "1.1.0"]) await life(lab, version);
    await lab.isClean("eth0");
  },
});

Deno.test({
  ...needsKind("dummy", "CHECK of a dummy finds that it is down, or has another MTU or MAC address than asked for"),
  async fn() {
    using lab = new Lab(bin);
    const { ok, refused } = inProcess(lab);
    const netns = lab.container();
    const mac = "02:00:00:00:00:77";
    const wanted = config(lab, { mtu: 1300, runtimeConfig: { mac } });
    const prevResult = await ok("dummy", { verb: "ADD", config: wanted, netns });
    const { address, mtu } = linkOf(netns);
    assert.deepEqual([address, mtu], [mac, 1300]);
    const check = { verb: "CHECK", config: { ...wanted, prevResult }, netns } as const;
    for (
      const [change, back, says] of [
        ["down", "up", /state up, found down/],
        ["mtu 1400", "mtu 1300", /expected MTU 1300, found 1400/],
        ["address 02:00:00:00:00:78", `address ${mac}`, /expected MAC 02:00:00:00:00:77, found 02:00:00:00:00:78/],
      ] as const
    ) {
      await ok("dummy", check);
      netns.must(`ip link set eth0 ${change}`);
      assert.match((await refused("dummy", check)).msg, says);
      netns.must(`ip link set eth0 ${back}`);
      if (change === "down") netns.must("ip route add 10.9.0.0/16 via 10.7.0.1 dev eth0");
    }
    await ok("dummy", { verb: "DEL", config: wanted, netns });
    await lab.isClean();
  },
});

Deno.test({
  ...needsKind("dummy", "a dummy whose IPAM fails is taken away again, and so is one whose namespace is gone"),
  async fn() {
    using lab = new Lab(bin);
    const { ok, refused } = inProcess(lab);
    const netns = lab.container();
    const nowhere = config(lab, { ipam: ipamIn(lab, "10.7.0.0/32") });
    await refused("dummy", { verb: "ADD", config: nowhere, netns });
    assert.notEqual(netns.sh("ip link show eth0").code, 0);
    await ok("dummy", { verb: "ADD", config: config(lab), netns });
    await ok("dummy", { verb: "DEL", config: config(lab), netns: "/run/netns/gone" });
    await lab.isClean();
  },
});
