/** Bridges that filter VLANs: the ops, and what the bridge executable makes of "vlan" and "vlanTrunk". */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { ipamIn, Lab } from "../support/lab.ts";
import { newPair } from "../support/pair.ts";

const bin = await builtBin();
const works = can.netns && can.bridge && can.veth && can.nft && can.ip && can.vlanFiltering;
const live = (name: string) => unless(works, name, "no VLAN filtering, veth, nft or ip");

Deno.test({
  ...live("VLANs of a port and of a bridge are set and read back"),
  fn() {
    using t = newPair();
    t.apply({ op: "link.create", on: "host", name: "br0", link: { kind: "bridge", vlanFiltering: true } });
    assert.equal(Effect.runSync(t.host.link("host", "br0"))?.vlanFiltering, true);
    t.apply({ op: "link.set", on: "host", name: "veth0", set: { master: "br0" } });
    for (const name of ["veth0", "br0"]) {
      t.apply({ op: "vlan.delete", on: "host", name, vlans: [{ vid: 1 }] });
      const vlans = [{ vid: 100, pvid: true, untagged: true }, { vid: 200, to: 210 }];
      t.apply({ op: "vlan.add", on: "host", name, vlans });
      assert.deepEqual(Effect.runSync(t.host.vlans("host", name)), vlans);
      t.apply({ op: "vlan.delete", on: "host", name, vlans: [{ vid: 205, to: 210 }] });
      assert.deepEqual(Effect.runSync(t.host.vlans("host", name))[1], { vid: 200, to: 204 });
    }
  },
});

const configIn = (lab: Lab, settings: JsonObject): JsonObject => ({
  cniVersion: "1.1.0",
  name: "net3",
  type: "bridge",
  bridge: "br3",
  ipam: ipamIn(lab, "10.3.0.0/24"),
  ...settings,
});

/** The host end of the container's pair. */
const portOf = (result: JsonObject): string => {
  const port = Array.isArray(result.interfaces) ? result.interfaces[1] : undefined;
  if (!(port instanceof Object) || !("name" in port)) throw new Error(`no port in ${JSON.stringify(result)}`);
  return String(port.name);
};

for (
  const [what, settings, expected] of [
    ['"vlan"', { vlan: 100 }, [100]],
    ['"vlan" with "preserveDefaultVlan"', { vlan: 100, preserveDefaultVlan: true }, [1, 100]],
    ['"vlanTrunk"', { vlanTrunk: [{ id: 101 }, { minID: 200, maxID: 202 }] }, [1, 101, 200, 201, 202]],
  ] as const
) {
  Deno.test({
    ...live(`bridge [6, 7]: ${what} gives the port exactly its VLANs; CHECK finds them, DEL leaves nothing`),
    async fn() {
      using lab = new Lab(bin);
      const netns = lab.container();
      const config = configIn(lab, settings);
      const result = await lab.ok("bridge", { verb: "ADD", config, netns });
      const [shown] = JSON.parse(lab.host.must(`bridge -j vlan show dev ${portOf(result)}`));
      assert.deepEqual(shown.vlans.map(({ vlan }: { vlan: number }) => vlan), expected);
      await lab.ok("bridge", { verb: "CHECK", config: { ...config, prevResult: result }, netns });
      await lab.ok("bridge", { verb: "DEL", config, netns });
      await lab.isClean("br3");
    },
  });
}

Deno.test({
  ...live("containers of one VLAN reach each other, and those of another do not"),
  async fn() {
    using lab = new Lab(bin);
    const place = async (id: string, vlan: number) => {
      const netns = lab.container();
      await lab.ok("bridge", { verb: "ADD", config: configIn(lab, { vlan }), netns, id });
      return netns;
    };
    const first = await place("c1", 100);
    await place("c2", 100);
    await place("c3", 200);
    assert.equal(first.sh("ping -c 1 -W 5 10.3.0.3").code, 0);
    assert.notEqual(first.sh("ping -c 1 -W 1 10.3.0.4").code, 0);
  },
});
