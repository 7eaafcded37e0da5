import assert from "node:assert/strict";
import type { KernelOp } from "../../../src/effects/kernel/op.ts";
import type { Command } from "../../../src/engine/command.ts";
import { portmap } from "../../../src/plugins/portmap.ts";
import { tuning } from "../../../src/plugins/tuning.ts";
import { commandOf, Machine, type Outcome } from "../../support/engine.ts";

const BRIDGED: readonly KernelOp[] = [
  { op: "link.create", on: "host", name: "cni0", link: { kind: "bridge" }, up: true },
  {
    op: "link.create",
    on: "host",
    name: "v1",
    link: { kind: "veth", peer: { on: "container", name: "eth0" } },
    master: "cni0",
    up: true,
  },
  { op: "link.set", on: "container", name: "eth0", set: { up: true } },
  { op: "address.add", on: "host", link: "cni0", address: "10.1.0.1/24" },
];

/** A machine as the bridge plugin leaves it for `c1`. */
const machineOf = () => {
  const machine = new Machine(new Map());
  machine.kernel.addNetns("/ns/c1");
  machine.kernel.drift("/ns/c1", ...BRIDGED);
  return machine;
};

const RAW = {
  cniVersion: "1.1.0",
  name: "net1",
  prevResult: {
    cniVersion: "1.1.0",
    interfaces: [{ name: "cni0" }, { name: "v1" }, { name: "eth0", sandbox: "/ns/c1" }],
    ips: [{ address: "10.1.0.2/24", interface: 2 }],
  },
} as const;

const TUNING = {
  ...RAW,
  type: "tuning",
  mac: "02:00:00:00:00:99",
  mtu: 1400,
  sysctl: { "net.ipv4.conf.IFNAME.arp_notify": "1" },
};

const PORTMAP = {
  ...RAW,
  type: "portmap",
  runtimeConfig: { portMappings: [{ hostPort: 53, containerPort: 53, protocol: "UDP" }] },
};

const ok = (outcome: Outcome, what: string) => assert.equal(outcome.ended, "ok", `${what}: ${JSON.stringify(outcome)}`);
const failure = (outcome: Outcome) => {
  assert.ok(outcome.ended === "failed", JSON.stringify(outcome));
  return outcome.failure;
};

Deno.test("[B3, C34, F19] tuning: ADD, CHECK, and DEL without config or prevResult restores link and sysctls", async () => {
  const machine = machineOf();
  const run = (verb: Command["verb"], raw: Command["raw"] = TUNING) => machine.command(tuning, commandOf(verb, raw));
  const before = machine.dump();
  ok(await run("ADD"), "ADD");
  ok(await run("CHECK"), "CHECK");
  ok(await run("DEL", { cniVersion: "1.1.0", name: "net1", type: "tuning" }), "DEL");
  assert.deepEqual(machine.dump(), before);
});

Deno.test("[tuning 4.7] CHECK finds what changed behind tuning's back, and does not mind another spelling", async () => {
  const machine = machineOf();
  const raw = { ...TUNING, mac: "02-00-00-00-00-AB" };
  const run = (verb: Command["verb"]) => machine.command(tuning, commandOf(verb, raw));
  ok(await run("ADD"), "ADD");
  ok(await run("CHECK"), "CHECK");
  machine.kernel.drift("/ns/c1", { op: "link.set", on: "container", name: "eth0", set: { mtu: 1300 } });
  assert.match(failure(await run("CHECK")).msg, /1400.*1300/);
});

Deno.test("[B3, C34, F19] portmap: ADD, CHECK, and DEL without runtimeConfig removes the ports and leaves the rules", async () => {
  const machine = machineOf();
  const run = (verb: Command["verb"], raw: Command["raw"] = PORTMAP) => machine.command(portmap, commandOf(verb, raw));
  ok(await run("ADD"), "ADD");
  ok(await run("DEL"), "DEL");
  const before = machine.dump();
  ok(await run("ADD"), "ADD again");
  ok(await run("CHECK"), "CHECK");
  assert.notDeepEqual(machine.dump(), before);
  ok(await run("DEL", { cniVersion: "1.1.0", name: "net1", type: "portmap" }), "DEL without config");
  assert.deepEqual(machine.dump(), before);
});

Deno.test("[portmap 5.8] CHECK finds a port that leads elsewhere", async () => {
  const machine = machineOf();
  const run = (verb: Command["verb"]) => machine.command(portmap, commandOf(verb, PORTMAP));
  ok(await run("ADD"), "ADD");
  const element = {
    family: "inet",
    table: "cleat",
    set: "hostports4",
    key: [{ protocol: "udp" }, { port: 53 }],
  } as const;
  machine.kernel.drift(null, {
    op: "nft.apply",
    on: "host",
    commands: [
      { remove: "element", ...element },
      { add: "element", ...element, value: [{ ip: "10.1.0.9" }, { port: 53 }], comment: "net1/c9/eth0" },
    ],
  });
  assert.match(failure(await run("CHECK")).msg, /10\.1\.0\.9/);
  ok(await run("DEL"), "DEL");
  assert.match(JSON.stringify(machine.dump()), /net1\/c9\/eth0/, "what is not ours stays");
});

Deno.test("[portmap 5.8] of two containers that want one host port the second is refused, and DEL of it is harmless", async () => {
  const machine = machineOf();
  const second = { key: { network: "net1", containerId: "c2", ifName: "eth0" }, netns: "/ns/c2" };
  machine.kernel.addNetns("/ns/c2");
  ok(await machine.command(portmap, commandOf("ADD", PORTMAP)), "first");
  const before = machine.dump();
  const raw = { ...PORTMAP, prevResult: { cniVersion: "1.1.0", ips: [{ address: "10.1.0.3/24" }] } };
  const refused = failure(await machine.command(portmap, commandOf("ADD", raw, second)));
  assert.equal(refused.code, 102);
  assert.match(refused.msg, /host port 53\/udp: "net1\/c1\/eth0" holds it/);
  ok(await machine.command(portmap, commandOf("DEL", raw, second)), "DEL of the second");
  assert.deepEqual(machine.dump(), before);
});

Deno.test("for every point at which portmap can die, DEL removes all of its elements", async () => {
  const reference = machineOf();
  ok(await reference.command(portmap, commandOf("ADD", PORTMAP)), "ADD");
  const points = reference.points;
  assert.ok(points > 10, String(points));
  for (let at = 1; at <= points; at++) {
    const machine = machineOf();
    assert.equal((await machine.command(portmap, commandOf("ADD", PORTMAP), { at })).ended, "died", `point ${at}`);
    ok(await machine.command(portmap, commandOf("DEL", PORTMAP)), `DEL after point ${at}`);
    assert.doesNotMatch(JSON.stringify(machine.dump()), /net1\/c1\/eth0/, `point ${at}`);
  }
});
