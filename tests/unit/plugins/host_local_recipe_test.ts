import assert from "node:assert/strict";
import type { Command } from "../../../src/engine/command.ts";
import { runStatus } from "../../../src/engine/run_status.ts";
import { hostLocal } from "../../../src/plugins/host_local.ts";
import type { JsonObject } from "../../../src/spec/json.ts";
import { done, failure, result } from "../../support/bridge_machine.ts";
import { commandOf, Machine } from "../../support/engine.ts";

const POOL = "/var/lib/cni/networks/net1";

const machineOf = () => {
  const machine = new Machine(new Map());
  machine.kernel.addNetns("/ns/c1");
  const run = (verb: Command["verb"], raw: JsonObject, change: Partial<Command> = {}) =>
    machine.command(hostLocal, commandOf(verb, raw, change));
  const pool = (name = POOL) => machine.leases.dump()[name] ?? {};
  const leased = (name?: string) => Object.keys(pool(name)).filter((file) => !file.startsWith("last"));
  return { machine, run, pool, leased };
};

const of = (containerId: string, network = "net1", ifName = "eth0") => ({ key: { network, containerId, ifName } });
const net = (ipam: JsonObject, more: JsonObject = {}): JsonObject => ({
  cniVersion: "1.1.0",
  name: "net1",
  type: "bridge",
  ...more,
  ipam: { type: "host-local", ...ipam },
});
const DUAL = net({
  ranges: [[{ subnet: "10.1.2.0/24" }], [{ subnet: "2001:db8:1::/64" }]],
  routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }, { dst: "192.168.0.0/16", gw: "1.1.1.1" }],
  resolvConf: "/run/resolv.conf",
});
const SMALL = net({ subnet: "10.1.2.0/29" });

Deno.test("[D11, E12, HL1] one address per set in their order, routes and dns of the configuration", async () => {
  const { machine, run, pool } = machineOf();
  machine.files.set("/run/resolv.conf", "nameserver 192.0.2.3\n");
  assert.deepEqual(result(await run("ADD", DUAL)), {
    cniVersion: "1.1.0",
    ips: [{ address: "10.1.2.2/24", gateway: "10.1.2.1" }, { address: "2001:db8:1::2/64", gateway: "2001:db8:1::1" }],
    routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }, { dst: "192.168.0.0/16", gw: "1.1.1.1" }],
    dns: { nameservers: ["192.0.2.3"] },
  });
  assert.deepEqual(pool(), {
    "10.1.2.2": "c1\r\neth0",
    "2001:db8:1::2": "c1\r\neth0",
    "last_reserved_ip.0": "10.1.2.2",
    "last_reserved_ip.1": "2001:db8:1::2",
  });
});

Deno.test("[HL1] DEL gives everything back, without ranges in its configuration", async () => {
  const { machine, run, leased } = machineOf();
  machine.files.set("/run/resolv.conf", "");
  done(await run("ADD", DUAL));
  assert.equal(leased().length, 2);
  done(await run("DEL", { cniVersion: "1.1.0", name: "net1", type: "bridge" }));
  assert.deepEqual(leased(), []);
});

Deno.test("[HL2] DEL on one network leaves the container's address on another", async () => {
  const { run, leased } = machineOf();
  const other = { ...SMALL, name: "net2" };
  done(await run("ADD", SMALL, of("c1", "net1", "eth0")));
  done(await run("ADD", other, of("c1", "net2", "eth1")));
  done(await run("DEL", SMALL, of("c1", "net1", "eth0")));
  assert.deepEqual([leased(), leased("/var/lib/cni/networks/net2")], [[], ["10.1.2.2"]]);
});

Deno.test("[HL3] a second ADD is refused; another container gets the next address", async () => {
  const { run, leased } = machineOf();
  done(await run("ADD", SMALL));
  failure(await run("ADD", SMALL));
  assert.deepEqual(result(await run("ADD", SMALL, of("c2"))).ips?.map(({ address }) => address), ["10.1.2.3/29"]);
  assert.deepEqual(leased(), ["10.1.2.2", "10.1.2.3"]);
});

Deno.test("[HL4] DEL removes an old-format lease the log does not know", async () => {
  const { machine, run, leased } = machineOf();
  machine.leases.put(POOL, "10.1.2.3", "c1");
  machine.leases.put(POOL, "10.1.2.4", "c2\r\neth0");
  done(await run("DEL", SMALL));
  assert.deepEqual(leased(), ["10.1.2.4"]);
});

Deno.test("[C33, HL5] DEL of an unknown container succeeds and makes no pool", async () => {
  const { machine, run } = machineOf();
  done(await run("DEL", SMALL));
  assert.deepEqual(machine.leases.dump(), {});
});

Deno.test("[HL10] wanted addresses: second range of a set, and IPv6", async () => {
  const { run } = machineOf();
  const ranges = [[{ subnet: "10.1.2.0/24" }, { subnet: "10.1.3.0/24" }], [{ subnet: "2001:db8:1::/64" }]];
  const conf = net({ ranges }, { args: { cni: { ips: ["10.1.3.77/24", "2001:db8:1::999"] } } });
  assert.deepEqual(result(await run("ADD", conf)).ips, [
    { address: "10.1.3.77/24", gateway: "10.1.3.1" },
    { address: "2001:db8:1::999/64", gateway: "2001:db8:1::1" },
  ]);
});

Deno.test("[HL11] a wanted address no set has leaves nothing reserved and nothing in the log", async () => {
  const { machine, run } = machineOf();
  const conf = net({ subnet: "10.1.2.0/24" }, { args: { cni: { ips: ["10.9.9.9"] } } });
  assert.match(failure(await run("ADD", conf)).msg, /10\.9\.9\.9/);
  assert.deepEqual(machine.leases.dump(), {});
  assert.equal(await machine.stateOf({ ...of("c1").key, slot: "host-local" }), "absent");
});

Deno.test("a set that cannot give gives back what the sets before it gave, and no more", async () => {
  const { machine, run, leased } = machineOf();
  for (const last of [2, 3, 4, 5, 6]) machine.leases.put(POOL, `10.2.2.${last}`, `other${last}\r\neth0`);
  machine.leases.put(POOL, "10.3.3.3", "c1\r\neth0");
  const before = leased();
  const conf = net({ ranges: [[{ subnet: "10.1.2.0/29" }], [{ subnet: "10.2.2.0/29" }]] });
  assert.equal(failure(await run("ADD", conf)).code, 102);
  assert.deepEqual(leased(), before, "what c1 holds in the pool from elsewhere is not its to lose");
});

Deno.test("a resolvConf that is not there is refused before an address is reserved", async () => {
  const { machine, run } = machineOf();
  assert.match(failure(await run("ADD", DUAL)).msg, /"ipam\.resolvConf" "\/run\/resolv\.conf"/);
  assert.deepEqual(machine.leases.dump(), {});
});

Deno.test("CHECK compares the address of prevResult, not just any, with the pool", async () => {
  const { machine, run } = machineOf();
  const prevResult = (address: string) => ({ cniVersion: "1.1.0", ips: [{ address }] });
  machine.leases.put(POOL, "10.1.2.3", "c1\r\neth0");
  done(await run("CHECK", SMALL));
  done(await run("CHECK", { ...SMALL, prevResult: prevResult("10.1.2.3/29") }));
  done(await run("CHECK", { ...SMALL, prevResult: prevResult("192.0.2.9/24") }));
  const { msg } = failure(await run("CHECK", { ...SMALL, prevResult: prevResult("10.1.2.4/29") }));
  assert.match(msg, /expected 10\.1\.2\.4 to be leased to c1\/eth0, found 10\.1\.2\.3/);
  assert.match(failure(await run("CHECK", SMALL, of("c2"))).msg, /expected an address of c2\/eth0, found none/);
});

Deno.test("CHECK accepts leases of the old format, and says what is wrong with the configuration", async () => {
  const { machine, run } = machineOf();
  machine.leases.put(POOL, "10.1.2.3", "c1");
  done(await run("CHECK", { ...SMALL, prevResult: { cniVersion: "1.1.0", ips: [{ address: "10.1.2.3/29" }] } }));
  assert.match(failure(await run("CHECK", net({ subnet: "10.1.2.1/29" }))).msg, /host bits/);
});

Deno.test("[B79, C55] STATUS says that nothing is left, per range set, and has nothing to say without ranges", async () => {
  const { machine } = machineOf();
  const status = async (raw: JsonObject) =>
    await machine.run(runStatus(hostLocal, { raw, cniVersion: "1.1.0", path: "" }));
  const conf = net({ ranges: [[{ subnet: "10.9.0.0/24" }], [{ subnet: "10.1.2.0/29" }]] });
  for (const last of [2, 3, 4, 5]) machine.leases.put(POOL, `10.1.2.${last}`, `other${last}\r\neth0`);
  assert.equal((await status(conf))._tag, "Success");
  machine.leases.put(POOL, "10.1.2.6", "other6\r\neth0");
  const exit = await status(conf);
  assert.match(JSON.stringify(exit), /"code":50,"msg":"Cannot give out an address of range set 1/);
  assert.equal((await status(net({})))._tag, "Success", "ranges may come with each container");
});
