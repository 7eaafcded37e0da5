import assert from "node:assert/strict";
import type { JsonObject } from "../../../src/spec/json.ts";
import { anyPlugin } from "../../../src/engine/plugin.ts";
import { bridge } from "../../../src/plugins/bridge.ts";
import { hostLocal } from "../../../src/plugins/host_local.ts";
import { commandOf, Machine } from "../../support/engine.ts";
import {
  addressesOf,
  containerOf,
  done,
  DUAL,
  echoing,
  failure,
  hostOf,
  IPV4,
  key,
  leaseFiles,
  machineOf,
  NET,
  port,
  ranges,
  result,
} from "../../support/bridge_machine.ts";

Deno.test("[B3, C26, D1, E7, E8] the result: bridge, host end, container end; addresses of the third", async () => {
  const { machine, run } = machineOf();
  const { interfaces, ips, routes } = result(await run("ADD", IPV4));
  assert.deepEqual(interfaces?.map(({ name, sandbox }) => [name, sandbox]), [
    ["br1", undefined],
    [port, undefined],
    ["eth0", "/ns/c1"],
  ]);
  const macs = [hostOf(machine).links.br1?.mac, hostOf(machine).links[port]?.mac, containerOf(machine).links.eth0?.mac];
  assert.deepEqual(interfaces?.map(({ mac }) => mac), macs, "the result has the live links' MACs");
  assert.deepEqual(ips, [{ address: "10.1.0.2/24", gateway: "10.1.0.1", interface: 2 }]);
  assert.deepEqual(routes, [{ dst: "0.0.0.0/0", gw: "10.1.0.1" }]);
});

Deno.test("[BR15] ADD, CHECK, DEL for IPv4, IPv6 and both leave the bridge with its gateway, and no more", async () => {
  for (const ipam of [ranges("10.1.0.0/24"), ranges("fd01::/64"), DUAL.ipam]) {
    const { machine, run } = machineOf();
    const before = containerOf(machine);
    const conf = { ...IPV4, ipam, macspoofchk: true };
    const prevResult = result(await run("ADD", conf)) as unknown as JsonObject;
    done(await run("CHECK", { ...conf, prevResult }));
    done(await run("DEL", conf));
    assert.deepEqual(containerOf(machine), before);
    assert.deepEqual(Object.keys(hostOf(machine).links), ["br1", "lo"]);
    assert.deepEqual(leaseFiles(machine), []);
    assert.doesNotMatch(JSON.stringify(machine.kernel.dump()), /"elements":\[\{/);
  }
});

Deno.test("the second container finds everything shared in place: only its own things are made", async () => {
  const { kernel, run, ops } = machineOf();
  kernel.addNetns("/ns/c2");
  done(await run("ADD", DUAL));
  ops.length = 0;
  done(await run("ADD", DUAL, { key: { ...key, containerId: "c2" }, netns: "/ns/c2" }));
  assert.deepEqual(ops.map(({ op, on }) => `${op} ${on}`), [
    "link.create host",
    "sysctl.write container",
    "sysctl.write container",
    "sysctl.write container",
    "sysctl.write container",
    "address.add container",
    "address.add container",
    "link.set container",
    "route.add container",
    "route.add container",
  ]);
});

Deno.test("a new bridge takes no router advertisements and detects no duplicates, before it goes up", async () => {
  const { run, ops } = machineOf();
  done(await run("ADD", DUAL));
  const brief = ops.map((op) => op.op === "sysctl.write" ? `${op.key}=${op.value}` : op.op);
  const up = brief.indexOf("link.set");
  for (const sysctl of ["net/ipv6/conf/br1/accept_ra=0", "net/ipv6/conf/br1/accept_dad=0"]) {
    assert.ok(brief.includes(sysctl) && brief.indexOf(sysctl) < up, `${sysctl} in ${brief}`);
  }
  const noDad = ops.flatMap((op) => op.op === "address.add" ? [`${op.address} ${op.noDad ?? false}`] : []);
  assert.deepEqual(noDad, ["10.1.0.2/24 false", "fd01::2/64 true", "10.1.0.1/24 false", "fd01::1/64 true"]);
});

Deno.test("[BR11] a gateway bridge keeps the MAC it had, new or not, also after its first container is gone", async () => {
  const made = machineOf();
  made.kernel.drift(null, { op: "link.create", on: "host", name: "br1", link: { kind: "bridge" }, up: true });
  const { mac } = hostOf(made.machine).links.br1 ?? assert.fail("no bridge");
  done(await made.run("ADD", IPV4));
  done(await made.run("DEL", IPV4));
  assert.equal(hostOf(made.machine).links.br1?.mac, mac);

  const fresh = machineOf();
  const reported = result(await fresh.run("ADD", IPV4)).interfaces?.[0]?.mac;
  done(await fresh.run("DEL", IPV4));
  assert.equal(hostOf(fresh.machine).links.br1?.mac, reported);
});

Deno.test("[BR6] layer 2: the link is up without addresses, and CHECK asks no IPAM", async () => {
  const { machine, run } = machineOf();
  const conf = { ...NET, isGateway: true };
  const added = result(await run("ADD", conf));
  assert.equal(added.ips, undefined);
  assert.equal(containerOf(machine).links.eth0?.up, true);
  assert.ok(!addressesOf(hostOf(machine), "br1")?.includes("10.1.0.1/24"));
  done(await run("CHECK", { ...conf, prevResult: added as unknown as JsonObject }));
  done(await run("DEL", conf));
  assert.deepEqual(Object.keys(containerOf(machine).links), ["lo"]);
});

Deno.test("[BR18] disableContainerInterface leaves the container end down, and ADD does not wait for the port", async () => {
  const { machine, run } = machineOf();
  done(await run("ADD", { ...NET, disableContainerInterface: true }));
  assert.equal(containerOf(machine).links.eth0?.up, false);
});

Deno.test("[BR10, BR19] promiscuous bridge; hairpin and isolated port in one op, none when neither is asked", async () => {
  const { machine, run, ops } = machineOf();
  done(await run("ADD", { ...NET, promiscMode: true, portIsolation: true }));
  assert.equal(hostOf(machine).links.br1?.promisc, true);
  assert.deepEqual(hostOf(machine).links[port]?.port, { hairpin: false, isolated: true });
  const plain = machineOf();
  done(await plain.run("ADD", NET));
  assert.ok(ops.some(({ op }) => op === "port.set") && !plain.ops.some(({ op }) => op === "port.set"));
});

Deno.test("[BR3] mtu reaches a new bridge and both ends", async () => {
  const { run, ops } = machineOf();
  done(await run("ADD", { ...NET, mtu: 1400 }));
  const created = ops.flatMap((op) => op.op === "link.create" ? [op] : []);
  const mtus = created.map(({ mtu, link }) => [mtu, link.kind === "veth" ? link.peer.mtu : null]);
  assert.deepEqual(mtus, [[1400, null], [1400, 1400]]);
});

Deno.test("[BR12] the wanted MAC is the container end's, and the spoof check's", async () => {
  const { machine, run } = machineOf();
  done(await run("ADD", { ...NET, macspoofchk: true, runtimeConfig: { mac: "02:00:00:00:00:0A" } }));
  assert.equal(containerOf(machine).links.eth0?.mac, "02:00:00:00:00:0a");
  assert.match(JSON.stringify(machine.kernel.dump()), /"elements":\[.*02:00:00:00:00:0a/);
});

Deno.test("a name that belongs to another kind of link is refused, naming the kind", async () => {
  const { machine, kernel, run } = machineOf();
  const peer = { on: "host", name: "v1" } as const;
  kernel.drift(null, { op: "link.create", on: "host", name: "br1", link: { kind: "veth", peer } });
  const before = machine.dump();
  assert.match(failure(await run("ADD", IPV4)).msg, /"br1" as bridge: there is a link of that name, of kind "veth"/);
  assert.deepEqual(machine.dump(), before);
});

Deno.test("a bridge that another ADD makes at the same moment is used", async () => {
  const { machine, kernel, run } = machineOf();
  kernel.onApply((op, phase) => {
    if (op.op !== "link.create" || op.link.kind !== "bridge" || phase !== "before") return;
    kernel.onApply(() => {});
    kernel.drift(null, { ...op, up: true });
  });
  done(await run("ADD", IPV4));
  assert.ok(addressesOf(hostOf(machine), "br1")?.includes("10.1.0.1/24"));
});

Deno.test("[D7, J132, BR9, BR13] another gateway address is refused and gives the lease back; force replaces it", async () => {
  const { machine, kernel, run } = machineOf();
  done(await run("ADD", IPV4));
  done(await run("DEL", IPV4));
  kernel.addNetns("/ns/c2");
  const other = { ...NET, isGateway: true, ipam: ranges("10.2.0.0/24") };
  const { msg, details } = failure(await run("ADD", other));
  assert.match(msg, /gateway address 10\.2\.0\.1\/24 on "br1": it has 10\.1\.0\.1\/24/);
  assert.match(details ?? "", /"forceAddress"/);
  assert.deepEqual(leaseFiles(machine), []);
  done(await run("ADD", { ...other, forceAddress: true }));
  const addresses = addressesOf(hostOf(machine), "br1");
  assert.ok(addresses?.includes("10.2.0.1/24") && !addresses.includes("10.1.0.1/24"), String(addresses));
});

Deno.test("two IPv4 range sets give the bridge two gateways", async () => {
  const { machine, run } = machineOf();
  done(await run("ADD", { ...NET, isGateway: true, ipam: ranges("10.1.0.0/24", "10.2.0.0/24") }));
  const addresses = addressesOf(hostOf(machine), "br1");
  assert.ok(["10.1.0.1/24", "10.2.0.1/24"].every((address) => addresses?.includes(address)), String(addresses));
});

Deno.test("[D12, E9] a default route of IPAM without a next hop takes the gateway, and is the only one", async () => {
  const { machine, run } = machineOf();
  const conf = echoing({ ips: [{ address: "10.1.0.2/24" }], routes: [{ dst: "0.0.0.0/0" }] }, {
    isDefaultGateway: true,
  });
  const added = result(await run("ADD", conf));
  assert.deepEqual(added.routes, [{ dst: "0.0.0.0/0" }]);
  const defaults = JSON.stringify(containerOf(machine).routes).match(/"dst":"0\.0\.0\.0\/0"/g);
  assert.equal(defaults?.length, 1);
  done(await run("CHECK", { ...conf, prevResult: added as unknown as JsonObject }));
});

Deno.test("IPAM without an address is a failure that leaves no link", async () => {
  const { machine, run } = machineOf();
  assert.match(failure(await run("ADD", echoing({}))).msg, /IPAM plugin "echo" gave no address/);
  assert.deepEqual(Object.keys(containerOf(machine).links), ["lo"]);
});

Deno.test("[A36, E10] dns of the configuration replaces IPAM's as a whole", async () => {
  const answer = { ips: [{ address: "10.1.0.2/24" }], dns: { nameservers: ["10.1.0.9"], domain: "a.example" } };
  const ofIpam = result(await machineOf().run("ADD", echoing(answer)));
  assert.deepEqual(ofIpam.dns, answer.dns);
  const own = result(await machineOf().run("ADD", echoing(answer, { dns: { nameservers: ["10.1.0.8"] } })));
  assert.deepEqual(own.dns, { nameservers: ["10.1.0.8"] });
});

Deno.test("enabledad: an address somebody else has is refused, and everything is undone", async () => {
  const machine = new Machine(new Map([[hostLocal.type, anyPlugin(hostLocal)]]), { duplicates: ["fd01::2"] });
  machine.kernel.addNetns("/ns/c1");
  const conf = { ...NET, enabledad: true, ipam: ranges("fd01::/64") };
  assert.match(failure(await machine.command(bridge, commandOf("ADD", conf))).msg, /another host on the network/);
  assert.deepEqual(leaseFiles(machine), []);
  assert.deepEqual(Object.keys(containerOf(machine).links), ["lo"]);
});
