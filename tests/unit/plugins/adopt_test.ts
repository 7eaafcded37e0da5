import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { NftCommand } from "../../../src/effects/kernel/nft.ts";
import type { KernelOp } from "../../../src/effects/kernel/op.ts";
import type { Command } from "../../../src/engine/command.ts";
import { runGc } from "../../../src/engine/run_gc.ts";
import { hostPortChainOf } from "../../../src/plugins/adopt_portmap.ts";
import { masqueradeChainOf, masqueradeCommentOf } from "../../../src/plugins/adopt_masquerade.ts";
import { registry } from "../../../src/plugins/registry.ts";
import type { JsonObject } from "../../../src/spec/json.ts";
import { container, dbnet } from "../../support/dbnet.ts";
import { commandOf, Machine, type Outcome, outcomeOf } from "../../support/engine.ts";
import { failed, ok } from "../../support/outcomes.ts";

const BRIDGE: JsonObject = { cniVersion: "1.1.0", name: "net", type: "bridge", bridge: "cni0" };
const PORTMAP: JsonObject = { cniVersion: "1.1.0", name: "net", type: "portmap" };
const PREV: JsonObject = {
  cniVersion: "1.1.0",
  interfaces: [{ name: "eth0", sandbox: "/ns/c1" }],
  ips: [{ address: "10.1.0.2/24", interface: 0 }],
};

function machineOf(): Machine {
  const machine = new Machine(registry);
  machine.kernel.addNetns("/ns/c1");
  return machine;
}

const run = (machine: Machine, type: string, command: Command): Promise<Outcome> => {
  const recipe = registry.get(type);
  assert.ok(recipe !== undefined);
  return recipe((plugin) => machine.command(plugin, command));
};

const gc = async (machine: Machine, raw: JsonObject): Promise<Outcome> => {
  const recipe = registry.get(String(raw.type));
  assert.ok(recipe !== undefined);
  return outcomeOf(
    await recipe((plugin) => machine.run(runGc(plugin, { raw, cniVersion: "1.1.0", path: "" }))),
  );
};

const valid = (...ids: readonly string[]): JsonObject => ({
  "cni.dev/valid-attachments": ids.map((containerID) => ({ containerID, ifname: "eth0" })),
});

const batch = (...commands: readonly NftCommand[]): KernelOp => ({ op: "nft.apply", on: "host", commands });

Deno.test("names and comments are those of Go's plugins", async () => {
  const chains = [
    await Effect.runPromise(masqueradeChainOf("test", "1234")),
    await Effect.runPromise(masqueradeChainOf("net1", "cont1")),
    await Effect.runPromise(hostPortChainOf({ network: "net1", containerId: "cont1" })),
    await Effect.runPromise(masqueradeCommentOf({ network: "unit-test", containerId: "one", ifName: "eth0" })),
    await Effect.runPromise(masqueradeCommentOf({ network: "alternate", containerId: "three", ifName: "net1" })),
  ];
  assert.deepEqual(chains, [
    "CNI-2bbe0c48b91a7d1b8a6753a8",
    "CNI-01d424cb2a9303e21c6e971c",
    "CNI-DN-01d424cb2a9303e21c6e9",
    "6fd94d501e58f0aa-287fc69eff0574a2",
    "82783ef24bdc7036-acb19d111858e348",
  ]);
});

/** What Go's bridge and portmap leave in iptables for a container with one address. */
async function putIptables(machine: Machine, containerId: string, ip: string): Promise<void> {
  const masquerade = await Effect.runPromise(masqueradeChainOf("net", containerId));
  const ports = await Effect.runPromise(hostPortChainOf({ network: "net", containerId }));
  const named = (start = "") => ["-m", "comment", "--comment", `${start}name: "net" id: "${containerId}"`];
  machine.kernel.putIptables(4, "POSTROUTING", ["-s", `${ip}/32`, ...named(), "-j", masquerade]);
  machine.kernel.putIptables(4, masquerade, ["-d", "10.1.0.0/24", ...named(), "-j", "ACCEPT"]);
  machine.kernel.putIptables(4, "CNI-HOSTPORT-DNAT", ["-p", "tcp", ...named("dnat "), "-j", ports]);
  machine.kernel.putIptables(4, ports, ["-p", "tcp", "-j", "DNAT", "--to-destination", `${ip}:80`]);
}

Deno.test("DEL takes the container's own chains out of iptables, and neither shared ones nor another's", async () => {
  const machine = machineOf();
  await putIptables(machine, "c2", "10.1.0.3");
  const before = machine.kernel.dump();
  await putIptables(machine, "c1", "10.1.0.2");
  ok(await run(machine, "portmap", commandOf("DEL", { ...PORTMAP, prevResult: PREV })));
  ok(await run(machine, "bridge", commandOf("DEL", { ...BRIDGE, prevResult: PREV })));
  assert.deepEqual(machine.kernel.dump(), before);
});

Deno.test("DEL works without namespace, previous result and mappings", async () => {
  const machine = machineOf();
  await putIptables(machine, "c2", "10.1.0.3");
  const before = machine.kernel.dump();
  await putIptables(machine, "c1", "10.1.0.2");
  for (const raw of [PORTMAP, BRIDGE]) ok(await run(machine, String(raw.type), commandOf("DEL", raw, { netns: "" })));
  assert.deepEqual(machine.kernel.dump(), before);
});

Deno.test("a chain that two interfaces of a container share goes with the last of them", async () => {
  const machine = machineOf();
  await putIptables(machine, "c1", "10.1.0.2");
  const chain = await Effect.runPromise(masqueradeChainOf("net", "c1"));
  machine.kernel.putIptables(4, "POSTROUTING", ["-s", "10.1.0.9/32", "-j", chain]);
  ok(await run(machine, "bridge", commandOf("DEL", { ...BRIDGE, prevResult: PREV })));
  const left = JSON.stringify(machine.kernel.dump());
  assert.ok(left.includes(`"4 ${chain}"`) && left.includes("10.1.0.9/32") && !left.includes("10.1.0.2/32"), left);
  const other = { ...PREV, interfaces: [{ name: "net1", sandbox: "/ns/c1" }], ips: [{ address: "10.1.0.9/24" }] };
  const key = { network: "net", containerId: "c1", ifName: "net1" };
  ok(await run(machine, "bridge", commandOf("DEL", { ...BRIDGE, prevResult: other }, { key })));
  assert.ok(!JSON.stringify(machine.kernel.dump()).includes(chain));
});

Deno.test("a program that fails is reported, the rest is removed, and the next DEL finishes", async () => {
  const machine = machineOf();
  await putIptables(machine, "c1", "10.1.0.2");
  machine.kernel.fail("iptables.delete", "ENOENT: no program");
  assert.match(failed(await run(machine, "portmap", commandOf("DEL", PORTMAP))).msg, /"CNI-DN-.*no program/);
  ok(await run(machine, "portmap", commandOf("DEL", PORTMAP)));
  assert.ok(!JSON.stringify(machine.kernel.dump()).includes("CNI-DN-"));
});

const MASQUERADE = { family: "inet", table: "cni_plugins_masquerade" } as const;
const PORTS = { family: "ip", table: "cni_hostport" } as const;

/** What Go's plugins since 1.6 keep in nf_tables of their own. */
async function nftOfGo(containerId: string, ip: string): Promise<readonly KernelOp[]> {
  const hashes = await Effect.runPromise(masqueradeCommentOf({ network: "net", containerId, ifName: "eth0" }));
  const comment = `${hashes}, net: net, if: eth0, id: ${containerId}`;
  const bytes = ip.split(".").map((part) => Number(part).toString(16).padStart(2, "0")).join("");
  const exprs = [{ expr: "cmp", is: "==", from: 1, bytes }] as const;
  return [
    batch(
      { add: "table", ...MASQUERADE },
      { add: "chain", ...MASQUERADE, chain: "masq_checks" },
      { add: "rule", ...MASQUERADE, chain: "masq_checks", exprs, comment },
      { add: "table", ...PORTS },
      { add: "chain", ...PORTS, chain: "hostports" },
      { add: "rule", ...PORTS, chain: "hostports", exprs, comment: containerId },
      { add: "chain", ...PORTS, chain: "masquerading" },
      { add: "rule", ...PORTS, chain: "masquerading", exprs, comment: containerId },
    ),
  ];
}

Deno.test("DEL removes the rules of an attachment from the nf_tables tables of Go's plugins, and no other's", async () => {
  const machine = machineOf();
  machine.kernel.drift(null, ...(await nftOfGo("c2", "10.1.0.3")));
  machine.kernel.drift(null, ...(await nftOfGo("c1", "10.9.0.9"))); // the same container on another network
  const before = machine.kernel.dump();
  machine.kernel.drift(null, ...(await nftOfGo("c1", "10.1.0.2")));
  ok(await run(machine, "portmap", commandOf("DEL", { ...PORTMAP, prevResult: PREV })));
  assert.deepEqual(
    JSON.parse(JSON.stringify(machine.kernel.dump())).host.tables["ip cni_hostport"],
    JSON.parse(JSON.stringify(before)).host.tables["ip cni_hostport"],
  );
  ok(await run(machine, "bridge", commandOf("DEL", { ...BRIDGE, prevResult: PREV })));
  const left = JSON.stringify(machine.kernel.dump());
  assert.ok(left.includes("id: c2") && !left.includes("id: c1"), left);
});

Deno.test("GC removes what Go's plugins left of dead containers of its network: leases, chains, masquerade", async () => {
  const machine = machineOf();
  await putIptables(machine, "c2", "10.1.0.3");
  machine.kernel.drift(null, ...(await nftOfGo("c2", "10.1.0.3")));
  machine.leases.put("/leases/net", "10.1.0.3", "c2\r\neth0");
  machine.leases.put("/leases/net", "10.1.0.4", "c4");
  const [kernel, leases] = [machine.kernel.dump(), machine.leases.dump()];
  await putIptables(machine, "c1", "10.1.0.2");
  machine.leases.put("/leases/net", "10.1.0.2", "c1\r\neth0");
  machine.leases.put("/leases/net", "10.1.0.5", "c5");
  machine.leases.put("/leases/net", "10.1.0.6", "../x\r\neth0");
  const ipam = { type: "host-local", subnet: "10.1.0.0/24", dataDir: "/leases" };
  const raw = { ...BRIDGE, ipam, ...valid("c2", "c4") };
  ok(await gc(machine, raw));
  ok(await gc(machine, { ...PORTMAP, ...valid("c2", "c4") }));
  assert.deepEqual(machine.kernel.dump(), kernel);
  const pool = { ...leases["/leases/net"], "10.1.0.6": "../x\r\neth0" };
  assert.deepEqual(machine.leases.dump(), { "/leases/net": pool }, "what bears no name is nobody's to remove");
  assert.ok(!JSON.stringify(machine.log.dump()).includes(".."));
});

Deno.test("GC removes our own elements whose log was lost, by the name they bear, and no living or foreign one", async () => {
  const machine = machineOf();
  for (const id of ["c2", "c3"]) machine.kernel.addNetns(`/ns/${id}`);
  ok(await machine.network("ADD", dbnet, container("c2", 8082)));
  const elsewhere = { ...dbnet, name: "elsewhere" };
  ok(await machine.network("ADD", elsewhere, container("c3", 8083)));
  ok(await machine.network("ADD", dbnet, container("c1", 8080)));
  const later = Object.assign(new Machine(registry), { kernel: machine.kernel, leases: machine.leases });
  const named = () => JSON.stringify(later.dump()).match(/(dbnet|elsewhere)\/c\d\/eth0/g) ?? [];
  assert.deepEqual([...new Set(named())].sort(), ["dbnet/c1/eth0", "dbnet/c2/eth0", "elsewhere/c3/eth0"]);
  for (const { raw } of dbnet.plugins) {
    ok(await gc(later, { ...raw, cniVersion: "1.1.0", name: "dbnet", ...valid("c2") }));
  }
  assert.deepEqual([...new Set(named())].sort(), ["dbnet/c2/eth0", "elsewhere/c3/eth0"]);
});

Deno.test("CHECK of host ports that no log knows finds those that lead nowhere", async () => {
  const machine = machineOf();
  const mapped = {
    ...PORTMAP,
    snat: false,
    prevResult: PREV,
    runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] },
  };
  const check = () => run(machine, "portmap", commandOf("CHECK", mapped));
  assert.match(failed(await check()).msg, /host port 8080\/tcp: expected it to lead to "c1"/);
  machine.kernel.drift(null, ...(await nftOfGo("c1", "10.9.0.9")));
  assert.equal((await check()).ended, "failed", "that is its address on another network");
  machine.kernel.drift(null, ...(await nftOfGo("c1", "10.1.0.2")));
  ok(await check());
  const old = machineOf();
  await putIptables(old, "c1", "10.1.0.2");
  ok(await run(old, "portmap", commandOf("CHECK", mapped)));
});

Deno.test("CHECK of what another tuning set compares the configuration with the container", async () => {
  const machine = machineOf();
  const veth: KernelOp = {
    op: "link.create",
    on: "container",
    name: "eth0",
    link: { kind: "veth", peer: { on: "host", name: "v1" } },
  };
  machine.kernel.drift("/ns/c1", veth);
  const raw = {
    cniVersion: "1.1.0",
    name: "net",
    type: "tuning",
    mtu: 1400,
    sysctl: { "net.core.somaxconn": "500" },
    prevResult: PREV,
  };
  const words = failed(await run(machine, "tuning", commandOf("CHECK", raw)));
  assert.match(`${words.msg} ${words.details}`, /somaxconn".*expected 500, found .*expected mtu 1400, found 1500/);
  machine.kernel.drift(
    "/ns/c1",
    { op: "link.set", on: "container", name: "eth0", set: { mtu: 1400 } },
    { op: "sysctl.write", on: "container", key: "net/core/somaxconn", value: "500" },
  );
  ok(await run(machine, "tuning", commandOf("CHECK", raw)));
});

Deno.test("a backup that could not be put back is kept for the next DEL", async () => {
  const machine = machineOf();
  machine.kernel.drift("/ns/c1", {
    op: "link.create",
    on: "container",
    name: "eth0",
    link: { kind: "veth", peer: { on: "host", name: "v1" } },
  });
  const path = "/run/cni/tuning/c1_eth0.json";
  machine.files.set(path, JSON.stringify({ mtu: 1400 }));
  const raw = { cniVersion: "1.1.0", name: "net", type: "tuning", prevResult: PREV };
  machine.kernel.fail("link.set", "EPERM");
  failed(await run(machine, "tuning", commandOf("DEL", raw)));
  assert.ok(machine.files.has(path));
  ok(await run(machine, "tuning", commandOf("DEL", raw)));
  assert.ok(!machine.files.has(path));
});

Deno.test("DEL without a namespace removes our host end by its name, and Go's by the result's name and MAC", async () => {
  const machine = machineOf();
  const make = (name: string): KernelOp => ({
    op: "link.create",
    on: "host",
    name,
    mac: "02:00:00:00:aa:01",
    link: { kind: "veth", peer: { on: "container", name: "eth0" } },
  });
  for (const [mac, isGone] of [["02:00:00:00:aa:02", false], ["02:00:00:00:aa:01", true]] as const) {
    const fresh = machineOf();
    fresh.kernel.drift("/ns/c1", make("veth01234567"));
    const prevResult = { ...PREV, interfaces: [{ name: "veth01234567", mac }, { name: "eth0", sandbox: "/ns/c1" }] };
    ok(await run(fresh, "bridge", commandOf("DEL", { ...BRIDGE, prevResult }, { netns: "" })));
    assert.equal(!JSON.stringify(fresh.kernel.dump()).includes("veth01234567"), isGone, mac);
  }
  ok(await run(machine, "bridge", commandOf("ADD", BRIDGE)));
  const later = Object.assign(new Machine(registry), { kernel: machine.kernel });
  ok(await run(later, "bridge", commandOf("DEL", BRIDGE, { netns: "" })));
  assert.doesNotMatch(JSON.stringify(later.kernel.dump()), /"veth/);
});
