import assert from "node:assert/strict";
import type { Command } from "../../../src/engine/command.ts";
import type { AnyPlugin } from "../../../src/engine/plugin.ts";
import { registry } from "../../../src/plugins/registry.ts";
import type { JsonObject } from "../../../src/spec/json.ts";
import { commandOf, Machine, type Outcome } from "../../support/engine.ts";
import { failed, ok, streamOf, wordsOf } from "../../support/outcomes.ts";
import { OPS, RAW, SYSCTL, toy, toys, VETH } from "../../support/toy_plugins.ts";

const SUBNET = { type: "host-local", subnet: "10.1.0.0/24" };
const PREVIOUS = {
  cniVersion: "1.1.0",
  interfaces: [{ name: "eth0", sandbox: "/ns/c1" }],
  ips: [{ address: "10.1.0.2/24", interface: 0 }],
};

type Case = readonly [
  plugin: string,
  change: JsonObject,
  code: number,
  words: readonly (string | RegExp)[],
  command?: Partial<Command>,
];

/** What is wrong, the code it ends with, and the key and the value the message must name. */
const CASES: readonly Case[] = [
  ["bridge", { bridge: 5, ipam: SUBNET }, 7, ['"bridge"', "5"]],
  ["bridge", { mtu: "big", ipam: SUBNET }, 7, ['"mtu"', "big"]],
  ["bridge", { vlan: 5000 }, 7, ["vlan", "5000"]],
  ["bridge", { isGateway: "yes" }, 7, ['"isGateway"', "yes"]],
  ["bridge", { vlanTrunk: [{ minID: 9, maxID: 3 }] }, 7, [/minID|vlanTrunk/, "9", "3"]],
  ["bridge", { runtimeConfig: { mac: "02:zz" } }, 7, ["mac", "02:zz"]],
  ["bridge", { ipam: SUBNET, ipMasqBackend: "ipfw" }, 7, ['"ipMasqBackend"', "ipfw"]],
  ["bridge", { ipam: SUBNET }, 4, ["MAC", "nonsense"], { args: "MAC=nonsense" }],
  ["bridge", { ipam: SUBNET }, 4, ["nonsense"], { args: "nonsense" }],
  ["host-local", { ipam: { type: "host-local" } }, 7, ["ipam", "range"]],
  ["host-local", { ipam: { ...SUBNET, subnet: "10.1.0.0/33" } }, 7, ["subnet", "10.1.0.0/33"]],
  ["host-local", { ipam: { ...SUBNET, gateway: "somewhere" } }, 7, ["gateway", "somewhere"]],
  ["host-local", { ipam: { ...SUBNET, rangeStart: "10.2.0.9" } }, 7, ["rangeStart", "10.2.0.9"]],
  ["host-local", { ipam: { ...SUBNET, rangeEnd: "10.2.0.9" } }, 7, ["rangeEnd", "10.2.0.9"]],
  ["host-local", { ipam: { ...SUBNET, routes: [{ dst: "west" }] } }, 7, ["dst", "west"]],
  ["host-local", { ipam: { ...SUBNET, dataDir: "leases" } }, 7, ["dataDir", "leases"]],
  ["host-local", { ipam: { ...SUBNET, resolvConf: "/no/such" } }, 5, ["resolvConf", "/no/such"]],
  ["host-local", { ipam: SUBNET }, 4, ["IP", "10.1.0.0.7"], { args: "IP=10.1.0.0.7" }],
  ["host-local", { ipam: SUBNET }, 7, ["10.9.0.7"], { args: "IP=10.9.0.7" }],
  ["host-local", { ipam: SUBNET }, 4, ["COLOUR"], { args: "COLOUR=blue" }],
  ["tuning", { sysctl: { "kernel.hostname": "x" } }, 7, ["kernel.hostname", "net"]],
  ["tuning", { sysctl: { "net.core.no_such_key": "1" } }, 7, ["net.core.no_such_key"]],
  ["tuning", { sysctl: { "net.core.somaxconn": 500 } }, 7, ["somaxconn", "500"]],
  ["tuning", { mac: "02:zz" }, 7, ['"mac"', "02:zz"]],
  ["tuning", { mtu: -1 }, 7, ['"mtu"', "-1"]],
  ["tuning", { prevResult: null }, 7, ["prevResult"]],
  ["portmap", { runtimeConfig: { portMappings: [{ hostPort: 70_000, containerPort: 80 }] } }, 7, ["ostPort", "70000"]],
  ["portmap", { runtimeConfig: { portMappings: [{ hostPort: 80, containerPort: 0 }] } }, 7, ["ontainerPort", "0"]],
  [
    "portmap",
    { runtimeConfig: { portMappings: [{ hostPort: 80, containerPort: 80, protocol: "carrier pigeon" }] } },
    7,
    ["rotocol", "carrier pigeon"],
  ],
  ["portmap", { prevResult: { cniVersion: "1.1.0", ips: [{ address: "nowhere" }] } }, 7, ["address", "nowhere"]],
  ["portmap", { prevResult: { cniVersion: "9.9.9" } }, 6, ["9.9.9"]],
];

const recipeOf = (type: string): AnyPlugin => {
  const found = registry.get(type);
  assert.ok(found !== undefined, type);
  return found;
};

const runAdd = (machine: Machine, type: string, command: Command): Promise<Outcome> =>
  recipeOf(type)((plugin) => machine.command(plugin, command));

function machineOf(): Machine {
  const machine = new Machine(registry);
  machine.kernel.addNetns("/ns/c1");
  machine.kernel.drift("/ns/c1", VETH);
  return machine;
}

for (const [type, change, code, words, command] of CASES) {
  const shown = JSON.stringify(command?.args ?? change);
  Deno.test(`ADD of ${type} with ${shown} is refused with code ${code} and writes nothing`, async () => {
    const machine = machineOf();
    const before = machine.dump();
    const raw = { cniVersion: "1.1.0", name: "net", type, prevResult: PREVIOUS, ...change };
    const failure = failed(await runAdd(machine, type, commandOf("ADD", raw, command)));
    assert.equal(failure.code, code, wordsOf(failure));
    for (const word of words) {
      const has = typeof word === "string" ? wordsOf(failure).includes(word) : word.test(wordsOf(failure));
      assert.ok(has, `no ${word} in: ${wordsOf(failure)}`);
    }
    assert.deepEqual(machine.dump(), before);
    assert.deepEqual(machine.log.dump(), {});
  });
}

const NAMESPACES: readonly (readonly [netns: string, code: number, words: RegExp])[] = [
  ["/proc/self/ns/net", 8, /"\/proc\/self\/ns\/net": it is the host's own network namespace/],
  ["/ns/nobody", 4, /"\/ns\/nobody": no such file; the runtime must create the namespace before ADD/],
  ["", 4, /network namespace ""/],
];

for (const [netns, code, words] of NAMESPACES) {
  Deno.test(`[B44, B48, B77, I4, J115] ADD into namespace "${netns}" is refused by every plugin with code ${code} and writes nothing`, async () => {
    const plugins = [{ type: "tuning" }]; // of "cleat", which would make nothing without
    const raw = {
      cniVersion: "1.1.0",
      name: "net",
      prevResult: PREVIOUS,
      ipam: SUBNET,
      plugins,
      vrfname: "red",
      vlanId: 5,
      master: "ens5",
    };
    for (const type of registry.keys()) {
      const machine = machineOf();
      const before = machine.dump();
      const failure = failed(await runAdd(machine, type, commandOf("ADD", { ...raw, type }, { netns })), type);
      assert.equal(failure.code, code, `${type}: ${wordsOf(failure)}`);
      assert.match(failure.msg, words);
      assert.deepEqual(machine.dump(), before);
      assert.deepEqual(machine.log.dump(), {});
    }
  });
}

Deno.test("[B11, J115] CNI_NETNS_OVERRIDE lets ADD into the host's own namespace, and DEL undoes it there", async () => {
  const machine = new Machine(toys());
  const plugin = toy({ ops: [SYSCTL] });
  const own = { netns: "/proc/self/ns/net", allowOwnNetns: true };
  const before = machine.dump();
  ok(await machine.command(plugin, commandOf("ADD", RAW, own)));
  assert.notDeepEqual(machine.dump(), before);
  ok(await machine.command(plugin, commandOf("DEL", RAW, own)));
  assert.deepEqual(machine.dump(), before);
});

Deno.test("a recipe that refuses before its first op leaves no log, one that refuses after it a log without residue", async () => {
  const machine = machineOf();
  failed(await machine.command(toy({ refuse: "Cannot go on" }), commandOf("ADD", RAW)));
  assert.deepEqual(machine.log.dump(), {});
  const before = machine.dump();
  const plugin = toy({ ops: [SYSCTL], refuse: "Cannot go on" });
  assert.deepEqual(failed(await machine.command(plugin, commandOf("ADD", RAW))), { code: 102, msg: "Cannot go on" });
  assert.deepEqual(machine.dump(), before);
  assert.equal(await machine.stateOf(streamOf("toy")), "failed");
});

Deno.test("[C7] a second ADD is refused with code 100, naming the container, and disturbs nothing", async () => {
  const machine = new Machine(toys());
  machine.kernel.addNetns("/ns/c1");
  ok(await machine.command(toy({ ops: OPS }), commandOf("ADD", RAW)));
  const [before, log] = [machine.dump(), machine.log.dump()];
  const failure = failed(await machine.command(toy({ ops: OPS }), commandOf("ADD", RAW)));
  assert.deepEqual([failure.code, failure.details], [100, "run DEL first"]);
  assert.match(failure.msg, /^Cannot attach .*c1.*: already attached$/);
  assert.deepEqual([machine.dump(), machine.log.dump()], [before, log]);
});
