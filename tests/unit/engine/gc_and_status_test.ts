import assert from "node:assert/strict";
import type * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import type { Services } from "../../../src/engine/command.ts";
import type { CommandFailed } from "../../../src/engine/failure.ts";
import type { Plugin } from "../../../src/engine/plugin.ts";
import { runGc } from "../../../src/engine/run_gc.ts";
import { runStatus } from "../../../src/engine/run_status.ts";
import { bridge } from "../../../src/plugins/bridge.ts";
import { hostLocal } from "../../../src/plugins/host_local.ts";
import { registry } from "../../../src/plugins/registry.ts";
import { tuning } from "../../../src/plugins/tuning.ts";
import { status } from "../../../src/runtime/attach.ts";
import type { JsonObject } from "../../../src/spec/json.ts";
import { dbnet } from "../../support/dbnet.ts";
import { commandOf, Machine, outcomeOf } from "../../support/engine.ts";
import { foreign, printing } from "../../support/foreign.ts";
import { eventsOf, failed, ok, streamOf } from "../../support/outcomes.ts";

const POOL = "/leases/net";
const IPAM: JsonObject = {
  cniVersion: "1.1.0",
  name: "net",
  type: "host-local",
  ipam: { type: "host-local", subnet: "10.1.0.0/29", dataDir: "/leases" },
};
const OTHER: JsonObject = { ...IPAM, name: "other" };
const IDS = ["c1", "c2", "c3"];

const end = async (machine: Machine, effect: Effect.Effect<void, CommandFailed, Services>) =>
  outcomeOf(await machine.run(effect));

const gc = <C>(machine: Machine, plugin: Plugin<C>, raw: JsonObject) =>
  end(machine, runGc(plugin, { raw, cniVersion: "1.1.0", path: "" }));

async function machineOf(): Promise<Machine> {
  const machine = new Machine(registry);
  for (const containerId of IDS) {
    machine.kernel.addNetns(`/ns/${containerId}`);
    for (const raw of [IPAM, OTHER]) {
      const key = { network: String(raw.name), containerId, ifName: "eth0" };
      ok(await machine.command(hostLocal, commandOf("ADD", raw, { key, netns: `/ns/${containerId}` })));
    }
  }
  return machine;
}

const holders = (machine: Machine, pool: string): readonly string[] =>
  Object.values(machine.leases.dump()[pool] ?? {}).filter((content) => content.includes("\r\n"))
    .map((content) => content.split("\r\n")[0] ?? "");

Deno.test("[C46, J119] GC removes what is not valid, of this network and this plugin only", async () => {
  const machine = await machineOf();
  const valid = [{ containerID: "c2", ifname: "eth0" }, { containerID: "c3", ifname: "eth1" }];
  ok(await gc(machine, hostLocal, { ...IPAM, "cni.dev/valid-attachments": valid }));
  assert.deepEqual(holders(machine, POOL), ["c2"], "c3 is valid for another interface only");
  assert.deepEqual(holders(machine, "/leases/other"), IDS);
});

Deno.test("[C48, I1] GC reads its list as Go does, in any case of the keys, and refuses entries that name no attachment", async () => {
  const machine = await machineOf();
  const listed = IDS.map((id) => ({ ContainerID: id, IfName: "eth0" }));
  ok(await gc(machine, hostLocal, { ...IPAM, "cni.dev/valid-attachments": listed }));
  assert.deepEqual(holders(machine, POOL), IDS, "what is alive stays");
  for (const broken of [[{ containerID: "c1" }], ["c1"], { c1: "eth0" }]) {
    const outcome = await gc(machine, hostLocal, { ...IPAM, "cni.dev/valid-attachments": broken });
    assert.equal(outcome.ended === "failed" && outcome.failure.code, 7, JSON.stringify(broken));
    assert.deepEqual(holders(machine, POOL), IDS);
  }
});

Deno.test("[C46] GC of another plugin removes nothing of this one", async () => {
  const machine = await machineOf();
  ok(await gc(machine, tuning, { cniVersion: "1.1.0", name: "net", type: "tuning", "cni.dev/valid-attachments": [] }));
  assert.deepEqual(holders(machine, POOL), IDS);
});

Deno.test("[C46, D8] GC of a plugin is passed on to its IPAM plugin, with the same list", async () => {
  const machine = await machineOf();
  const valid = [{ containerID: "c2", ifname: "eth0" }];
  ok(await gc(machine, bridge, { ...IPAM, type: "bridge", "cni.dev/valid-attachments": valid }));
  assert.deepEqual(holders(machine, POOL), ["c2"]);
});

Deno.test("where a plugin stands twice in a chain, GC ends both of its streams", async () => {
  const machine = new Machine(registry);
  machine.kernel.addNetns("/ns/c1");
  const before = machine.kernel.dump();
  const prevResult = { cniVersion: "1.1.0", interfaces: [{ name: "eth0", sandbox: "/ns/c1" }] };
  for (const value of ["501", "502"]) {
    const raw = {
      cniVersion: "1.1.0",
      name: "net",
      type: "tuning",
      sysctl: { "net.core.somaxconn": value },
      prevResult,
    };
    ok(await machine.command(tuning, commandOf("ADD", raw)));
  }
  ok(await gc(machine, tuning, { cniVersion: "1.1.0", name: "net", type: "tuning" }));
  assert.deepEqual(machine.kernel.dump(), before);
  for (const slot of ["tuning", "tuning#2"]) assert.equal(await machine.stateOf(streamOf(slot)), "detached", slot);
});

Deno.test("[C51, C52, C54, I17] GC reads the older name of its list, and a missing, null or empty list as nothing valid", async () => {
  const valid = IDS.map((containerID) => ({ containerID, ifname: "eth0" }));
  const lists: readonly (readonly [JsonObject, readonly string[]])[] = [
    [{ "cni.dev/attachments": valid }, IDS],
    [{}, []],
    [{ "cni.dev/valid-attachments": null }, []],
    [{ "cni.dev/valid-attachments": [] }, []],
  ];
  for (const [list, left] of lists) {
    const machine = await machineOf();
    ok(await gc(machine, hostLocal, { ...IPAM, ...list }));
    assert.deepEqual(holders(machine, POOL), left, JSON.stringify(list));
  }
});

Deno.test("GC leaves the history of detached streams as it is, and asks for no second DEL", async () => {
  const { layer, runs } = foreign({ ipam: printing({ cniVersion: "1.1.0", ips: [{ address: "10.1.0.9/24" }] }) });
  const machine = new Machine(registry, {}, layer);
  machine.kernel.addNetns("/ns/c1");
  const raw = { ...IPAM, type: "bridge", ipam: { type: "ipam" } };
  ok(await machine.command(bridge, commandOf("ADD", raw)));
  ok(await gc(machine, bridge, raw));
  const events = await eventsOf(machine, streamOf("bridge"));
  assert.equal(events.at(-1), "del.succeeded");
  ok(await gc(machine, bridge, raw));
  assert.deepEqual(await eventsOf(machine, streamOf("bridge")), events);
  assert.deepEqual(runs.map(({ environment }) => environment.CNI_COMMAND), ["ADD", "DEL", "GC", "GC"]);
});

Deno.test("[C46] GC goes on after a failure, reports it, and finishes the next time", async () => {
  const machine = await machineOf();
  machine.leases.failApplies(1);
  assert.match(failed(await gc(machine, hostLocal, IPAM)).msg, /No space left/);
  assert.equal(holders(machine, POOL).length, 1, "the others were removed");
  ok(await gc(machine, hostLocal, IPAM));
  assert.deepEqual(holders(machine, POOL), []);
});

Deno.test("GC finishes what a dead process left half done", async () => {
  const machine = new Machine(registry);
  machine.kernel.addNetns("/ns/c1");
  const raw = { ...IPAM, type: "bridge" };
  const before = machine.kernel.dump();
  assert.equal((await machine.command(bridge, commandOf("ADD", raw), { at: 30 })).ended, "died");
  assert.match(JSON.stringify(machine.kernel.dump()), /"veth/);
  ok(await gc(machine, bridge, raw));
  assert.doesNotMatch(JSON.stringify(machine.kernel.dump()), /"veth/);
  assert.deepEqual(holders(machine, POOL), []);
  assert.deepEqual(Object.keys(before), Object.keys(machine.kernel.dump()));
});

const statusOf = <C>(machine: Machine, plugin: Plugin<C>, raw: JsonObject) =>
  end(machine, runStatus(plugin, { raw, cniVersion: "1.1.0", path: "" }));

Deno.test("[B79, C55, I6] STATUS succeeds while an address is left, fails with code 50 when none is, and changes nothing", async () => {
  const machine = await machineOf();
  ok(await statusOf(machine, hostLocal, IPAM));
  for (const ip of ["10.1.0.5", "10.1.0.6"]) machine.leases.put(POOL, ip, "somebody\r\neth0");
  const before = [machine.dump(), machine.log.dump()];
  for (const outcome of [await statusOf(machine, hostLocal, IPAM), await statusOf(machine, bridge, IPAM)]) {
    const failure = failed(outcome);
    assert.equal(failure.code, 50);
    assert.match(failure.msg, /range set 0: all of 10\.1\.0\.1-10\.1\.0\.6 are taken/);
  }
  assert.deepEqual([machine.dump(), machine.log.dump()], before);
});

Deno.test("[C55] STATUS refuses a configuration that ADD would refuse, with the same code", async () => {
  const machine = new Machine(registry);
  const failure = failed(await statusOf(machine, bridge, { ...IPAM, type: "bridge", mtu: "big" }));
  assert.equal(failure.code, 7);
  assert.match(failure.msg, /"mtu"/);
});

Deno.test("[C56, I25] STATUS of a network below 1.1.0 is a silent success, from 1.1.0 on each plugin is asked", async () => {
  const machine = new Machine(registry);
  const full = { ...dbnet, cniVersion: "1.1.0" };
  for (let i = 2; i <= 254; i++) machine.leases.put("/var/lib/cni/networks/dbnet", `10.1.0.${i}`, "x\r\neth0");
  assert.ok(Exit.isSuccess(await machine.run(status(dbnet))));
  assert.ok(Exit.isSuccess(await machine.run(status(full))), "a /16 has more than these");
  const broken = { ...full, plugins: [{ type: "nowhere", capabilities: {}, raw: { type: "nowhere" } }] };
  assert.match(failed(await end(machine, status(broken))).msg, /Cannot find plugin "nowhere"/);
});
