/** Plans: what they say is what ADD then does, and they write nothing. */
import assert from "node:assert/strict";
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Layer from "effect/Layer";
import { Executables } from "../../../src/effects/exec.ts";
import type { KernelOp } from "../../../src/effects/kernel/op.ts";
import type { AttachmentEvent } from "../../../src/machines/event.ts";
import { type Plan, plan } from "../../../src/runtime/plan.ts";
import type { Attachment } from "../../../src/runtime/attach.ts";
import type { NetworkList } from "../../../src/spec/network_list.ts";
import { Machine } from "../../support/engine.ts";
import { listOf } from "../../support/one_by_one.ts";
import { failed, ok } from "../../support/outcomes.ts";
import { MASTER } from "../../support/plugin_machine.ts";
import { registry } from "../../../src/plugins/registry.ts";

const of = (containerId: string, more: Partial<Attachment> = {}): Attachment => ({
  containerId,
  netns: `/ns/${containerId}`,
  ifName: "eth0",
  ...more,
});

/** A machine with two containers, of which the pools lie in files, too. */
const machineOf = (before: readonly KernelOp[] = [], executables?: Layer.Layer<Executables>) => {
  const machine = new Machine(registry, {}, executables);
  for (const id of ["c1", "c2"]) machine.kernel.addNetns(`/ns/${id}`);
  machine.kernel.drift("/ns/c1", ...before);
  return machine;
};

const everything = (machine: Machine): string =>
  JSON.stringify([machine.dump(), machine.log.dump(), [...machine.files]]);

/** A plan, which must leave the machine as it is. */
const planned = async (machine: Machine, list: NetworkList, attachment: Attachment): Promise<Plan> => {
  for (const [pool, files] of Object.entries(machine.leases.dump())) {
    for (const [name, content] of Object.entries(files)) machine.files.set(`${pool}/${name}`, content);
  }
  const before = everything(machine);
  const exit = await machine.run(plan(list, attachment));
  assert.equal(everything(machine), before, "a plan has written something");
  if (Exit.isFailure(exit)) throw Cause.squash(exit.cause);
  return exit.value;
};

/** What an ADD then does, from all streams in the order of time. */
const done = async (machine: Machine, list: NetworkList, attachment: Attachment) => {
  const events: AttachmentEvent[] = [];
  const before = new Set(Object.values(machine.log.dump()).flatMap((text) => text.split("\n")));
  const result = ok(await machine.network("ADD", list, attachment));
  for (const text of Object.values(machine.log.dump())) {
    for (const line of text.split("\n")) {
      if (line !== "" && !before.has(line)) events.push(JSON.parse(line).event);
    }
  }
  const steps = events.flatMap((event) => event.type === "effect.intended" ? [{ op: event.op, undo: event.undo }] : []);
  return { result, steps };
};

/** Without the addresses that a kernel makes up, which each of both does by itself. */
const comparable = (value: unknown): string =>
  JSON.stringify(value, (key, each) => key === "mac" && /^02:00:00:/.test(each) ? "made up" : each)
    .replaceAll(/02:00:00:[0-9a-f:]{8}/g, "made up");

/** Steps in an order that does not depend on which stream is listed first. */
const inOrder = (steps: readonly { readonly op: unknown; readonly undo: unknown }[]): readonly string[] =>
  steps.map(({ op, undo }) => comparable({ op, undo })).sort();

const DBNET = [
  {
    type: "bridge",
    bridge: "cni0",
    isDefaultGateway: true,
    ipMasq: true,
    macspoofchk: true,
    hairpinMode: true,
    ipam: { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd01::/64" }]] },
  },
  { type: "tuning", sysctl: { "net.core.somaxconn": "500", "net.ipv4.conf.IFNAME.arp_notify": "1" }, mtu: 1400 },
  { type: "portmap", capabilities: { portMappings: true }, snat: true },
];
const portOf = (hostPort: number) => ({
  capabilityArgs: { portMappings: [{ hostPort, containerPort: 80, protocol: "tcp" }] },
});
const PORTS = portOf(8080);

const IPAM = { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }]], routes: [{ dst: "0.0.0.0/0" }] };

const NETWORKS: readonly (readonly [string, readonly object[], readonly KernelOp[]])[] = [
  ["a chain", DBNET, []],
  ["a chain in one process", [{ type: "cleat", capabilities: { portMappings: true }, plugins: DBNET }], []],
  ["ptp", [{ type: "ptp", ipMasq: true, ipam: IPAM }], []],
  ["macvlan", [{ type: "macvlan", master: "ens5", ipam: IPAM }], MASTER],
  ["host-device", [{ type: "host-device", device: "ens5", ipam: IPAM }], MASTER],
];

for (const [name, plugins, before] of NETWORKS) {
  Deno.test(`the plan of ${name} is what ADD then does, with the same undo and the same addresses`, async () => {
    const machine = machineOf(before);
    const list = listOf(plugins);
    // The second finds the pools, bridges, tables and sysctls of the first.
    for (const [index, id] of (name === "host-device" ? ["c1"] : ["c1", "c2"]).entries()) {
      const attachment = of(id, portOf(8080 + index));
      const { steps, result, failure, notRun } = await planned(machine, list, attachment);
      assert.deepEqual([failure, notRun], [null, []]);
      const real = await done(machine, list, attachment);
      assert.deepEqual(inOrder(steps), inOrder(real.steps), id);
      assert.equal(comparable(result), comparable(real.result));
    }
  });
}

Deno.test("a plan tells its steps in the order in which they are made, each with whose it is", async () => {
  const { steps } = await planned(
    machineOf(MASTER),
    listOf([{ type: "host-device", device: "ens5", ipam: IPAM }]),
    of("c1"),
  );
  assert.deepEqual(steps.map(({ slot, op, undo }) => `${slot} ${op.op} ${undo?.op ?? "-"}`), [
    "@chain plugin.invoke plugin.invoke",
    "host-device plugin.invoke plugin.invoke",
    "host-local lease.reserve lease.release",
    "host-device link.move link.return",
    "host-device address.add -",
    "host-device link.set -",
    "host-device route.add -",
  ]);
});

Deno.test("a plan sees what is taken: the address after the last one, a host port of another, a link that is there", async () => {
  const machine = machineOf();
  const list = listOf(DBNET);
  ok(await machine.network("ADD", list, of("c1", PORTS)));
  const { result, failure } = await planned(machine, list, of("c2", PORTS));
  assert.deepEqual(result, null);
  assert.match(failure?.msg ?? "", /8080/);
  const other = await planned(machine, list, of("c2"));
  assert.deepEqual(other.result?.ips?.map(({ address }) => address), ["10.1.0.3/24", "fd01::3/64"]);
  machine.kernel.drift("/ns/c2", { op: "link.create", on: "container", name: "eth0", link: { kind: "dummy" } });
  assert.match((await planned(machine, list, of("c2"))).failure?.msg ?? "", /eth0/);
});

Deno.test("where ADD would not begin, neither does the plan: an attachment that is there, no namespace, no such plugin", async () => {
  const machine = machineOf();
  const list = listOf(DBNET);
  ok(await machine.network("ADD", list, of("c1")));
  await assert.rejects(planned(machine, list, of("c1")), /already attached/);
  const nowhere = of("c3");
  const said = failed(await machine.network("ADD", list, nowhere)).msg;
  assert.equal((await planned(machine, list, nowhere)).failure?.msg, said);
  const { steps, failure } = await planned(machine, listOf([{ type: "no-such" }]), of("c2"));
  assert.deepEqual([steps.length, /no-such/.test(failure?.msg ?? "")], [1, true]);
});

/** Executables that would be seen to run. */
const foreign = Layer.succeed(Executables)({
  find: (plugin, _path, known) =>
    Effect.succeed(known ? { ours: true } as const : { ours: false, file: `/opt/cni/${plugin}` } as const),
  run: (file) => Effect.die(new Error(`${file} was run`)),
});

Deno.test("a plugin of others is named and not run: it passes a result on, and where there is none the plan ends", async () => {
  const last = await planned(machineOf([], foreign), listOf([...DBNET, { type: "their-chained" }]), of("c1"));
  assert.deepEqual(last.notRun, [{ plugin: "their-chained", file: "/opt/cni/their-chained" }]);
  assert.equal(last.result?.ips?.[0]?.address, "10.1.0.2/24");
  assert.deepEqual(last.steps.at(-1)?.op.op, "plugin.invoke");
  const ipam = await planned(
    machineOf([], foreign),
    listOf([{ type: "ptp", ipam: { type: "their-ipam" } }]),
    of("c1"),
  );
  assert.equal(ipam.result, null);
  assert.deepEqual(ipam.notRun, [{ plugin: "their-ipam", file: "/opt/cni/their-ipam" }]);
  assert.match(ipam.failure?.msg ?? "", /"their-ipam": a plan does not run the plugins of others/);
});

Deno.test("a plan asks no DHCP server: it ends where ADD would", async () => {
  const list = listOf([{ type: "macvlan", master: "ens5", ipam: { type: "dhcp" } }]);
  const { steps, result, failure } = await planned(machineOf(MASTER), list, of("c1"));
  assert.deepEqual([steps.at(-1)?.op.op, result], ["dhcp.acquire", null]);
  assert.match(failure?.msg ?? "", /a plan asks no DHCP server for an address/);
});
