import assert from "node:assert/strict";
import {
  addressesOf,
  done,
  failure,
  hostOf,
  IPV4,
  key,
  machineOf,
  NET,
  port,
  result,
} from "../../support/bridge_machine.ts";

const VLAN = { ...IPV4, vlan: 100 };

Deno.test("[BR7] vlan: a fourth interface is the gateway, both ports are in the VLAN and in no other", async () => {
  const { machine, run } = machineOf();
  const { interfaces } = result(await run("ADD", VLAN));
  const { links } = hostOf(machine);
  assert.deepEqual(interfaces?.map(({ name }) => name), ["br1", port, "eth0", "br1.100"]);
  assert.equal(interfaces?.[3]?.mac, links["br1.100"]?.mac);
  assert.ok(addressesOf(hostOf(machine), "br1.100")?.includes("10.1.0.1/24"));
  assert.ok(!addressesOf(hostOf(machine), "br1")?.includes("10.1.0.1/24"));
  assert.equal(Object.keys(links).length, 5, "lo, bridge, port, gateway and its port");
  const ports = Object.values(links).filter((link) => link.port !== null);
  assert.equal(ports.length, 2);
  for (const { vlans } of ports) assert.deepEqual(vlans, [{ vid: 100, pvid: true, untagged: true }]);
});

Deno.test("[BR7] the gateway of a VLAN outlives its first container and serves the second", async () => {
  const { machine, kernel, run } = machineOf();
  kernel.addNetns("/ns/c2");
  const second = { key: { ...key, containerId: "c2" }, netns: "/ns/c2" };
  const first = result(await run("ADD", VLAN));
  const gateway = result(await run("ADD", VLAN, second)).interfaces?.[3];
  assert.deepEqual(gateway, first.interfaces?.[3]);
  done(await run("DEL", VLAN));
  assert.ok(addressesOf(hostOf(machine), "br1.100")?.includes("10.1.0.1/24"));
});

Deno.test("a VLAN gateway left half made is completed: in its VLAN, up, addressed", async () => {
  const { machine, run, kernel } = machineOf();
  let made = false;
  kernel.onApply((op, phase) => {
    if (op.op !== "link.create" || op.link.kind !== "veth" || op.link.peer.name !== "br1.100" || phase !== "after") {
      return;
    }
    made = true;
    throw new Error("the process ends here");
  });
  failure(await run("ADD", VLAN));
  assert.ok(made);
  assert.equal(hostOf(machine).links["br1.100"]?.up, false);
  kernel.onApply(() => {});
  done(await run("ADD", VLAN));
  const { links } = hostOf(machine);
  assert.equal(links["br1.100"]?.up, true);
  for (const { vlans } of Object.values(links).filter((link) => link.port !== null)) {
    assert.deepEqual(vlans, [{ vid: 100, pvid: true, untagged: true }]);
  }
});

Deno.test("[BR6] trunk with preserveDefaultVlan keeps VLAN 1 native and takes nothing away", async () => {
  const { machine, run, ops } = machineOf();
  done(await run("ADD", { ...NET, vlan: 100, preserveDefaultVlan: true }));
  assert.ok(!ops.some(({ op }) => op === "vlan.delete"));
  const vids = hostOf(machine).links[port]?.vlans as { vid: number }[];
  assert.deepEqual(vids.map(({ vid }) => vid), [1, 100]);
});

Deno.test("VLANs on a bridge that does not filter them are refused, and nothing is changed", async () => {
  const { machine, kernel, run } = machineOf();
  kernel.drift(null, { op: "link.create", on: "host", name: "br1", link: { kind: "bridge" }, up: true });
  const before = machine.dump();
  const { msg, details } = failure(await run("ADD", VLAN));
  assert.match(msg, /"br1" as bridge: it does not filter VLANs/);
  assert.match(details ?? "", /vlan_filtering 1/);
  assert.deepEqual(machine.dump(), before);
});
