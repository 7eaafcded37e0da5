import assert from "node:assert/strict";
import type { Command } from "../../../src/engine/command.ts";
import { hostLocal } from "../../../src/plugins/host_local.ts";
import { registry } from "../../../src/plugins/registry.ts";
import { backupPath } from "../../../src/plugins/tuning_backup.ts";
import { tuning } from "../../../src/plugins/tuning.ts";
import { container, dbnet } from "../../support/dbnet.ts";
import { commandOf, Machine, type Outcome } from "../../support/engine.ts";
import { eventsOf, failed, ok, streamOf, wordsOf } from "../../support/outcomes.ts";
import { LEASE, OPS, POOL, RAW, SYSCTL, toy, toys, VETH } from "../../support/toy_plugins.ts";

const IPAM = {
  cniVersion: "1.1.0",
  name: "net",
  type: "bridge",
  ipam: { type: "host-local", subnet: "10.1.0.0/24", dataDir: "/leases" },
};
const PREVIOUS = { cniVersion: "1.1.0", interfaces: [{ name: "eth0", sandbox: "/ns/c1" }] };

const run = (machine: Machine, type: string, command: Command): Promise<Outcome> => {
  const recipe = registry.get(type);
  assert.ok(recipe !== undefined);
  return recipe((plugin) => machine.command(plugin, command));
};

function machineOf(): Machine {
  const machine = new Machine(registry);
  machine.kernel.addNetns("/ns/c1");
  return machine;
}

Deno.test("[C33, J39] DEL of what nobody made succeeds and writes nothing, whether there is a namespace or not", async () => {
  for (const type of ["host-local", "tuning", "portmap"]) {
    for (const netns of ["/ns/c1", "/ns/gone", "", "/proc/self/ns/net"]) {
      const machine = machineOf();
      const before = machine.dump();
      ok(
        await run(machine, type, commandOf("DEL", { ...IPAM, type, prevResult: PREVIOUS }, { netns })),
        `${type} ${netns}`,
      );
      assert.deepEqual(machine.dump(), before);
      assert.deepEqual(machine.log.dump(), {}, `${type} ${netns}`);
    }
  }
});

Deno.test("[C33, D8] DEL of what nobody made asks the delegate of bridge, and the plugins of a chain, and writes nothing", async () => {
  const machine = machineOf();
  const before = machine.dump();
  ok(await run(machine, "bridge", commandOf("DEL", IPAM)));
  ok(await machine.network("DEL", dbnet, container("c1", 8080)));
  assert.deepEqual(machine.log.dump(), {});
  assert.deepEqual(machine.dump(), before);
});

Deno.test("[C33, J39] a second DEL succeeds, and writes nothing where nothing is found", async () => {
  const machine = new Machine(toys());
  machine.kernel.addNetns("/ns/c1");
  const plugin = toy({ ops: OPS });
  ok(await machine.command(plugin, commandOf("ADD", RAW)));
  ok(await machine.command(plugin, commandOf("DEL", RAW)));
  const after = [machine.dump(), machine.log.dump()];
  ok(await machine.command(plugin, commandOf("DEL", RAW)));
  assert.deepEqual([machine.dump(), machine.log.dump()], after);
});

Deno.test("DEL releases a lease that another program made, and the log tells it", async () => {
  for (const content of ["c1\r\neth0", "c1"]) {
    const machine = machineOf();
    machine.leases.put(POOL, "10.1.0.9", content);
    machine.leases.put(POOL, "10.1.0.8", "c2\r\neth0");
    ok(await machine.command(hostLocal, commandOf("DEL", IPAM)));
    assert.deepEqual(machine.leases.dump(), { [POOL]: { "10.1.0.8": "c2\r\neth0" } });
    const events = await eventsOf(machine, streamOf("host-local"));
    assert.deepEqual(events, ["DEL", "effect.intended", "effect.applied", "del.succeeded"]);
  }
});

Deno.test("DEL of bridge removes a container link and a lease that another program made", async () => {
  const machine = machineOf();
  const before = machine.kernel.dump();
  machine.kernel.drift("/ns/c1", VETH);
  machine.leases.put(POOL, "10.1.0.9", "c1\r\neth0");
  ok(await run(machine, "bridge", commandOf("DEL", IPAM)));
  assert.deepEqual(machine.kernel.dump(), before);
  assert.deepEqual(machine.leases.dump(), { [POOL]: {} });
});

Deno.test("DEL of tuning puts back what Go's plugin saved, and needs no undo for that", async () => {
  const machine = machineOf();
  machine.kernel.drift("/ns/c1", VETH);
  const before = machine.kernel.dump();
  machine.kernel.drift("/ns/c1", { op: "link.set", on: "container", name: "eth0", set: { mtu: 1400, promisc: true } });
  const { key } = commandOf("DEL", RAW);
  machine.files.set(backupPath("/run/cni/tuning", key), JSON.stringify({ mtu: 1500, promisc: false }));
  ok(await machine.command(tuning, commandOf("DEL", { ...RAW, type: "tuning", prevResult: PREVIOUS })));
  assert.deepEqual(machine.kernel.dump(), before);
  assert.equal(await machine.stateOf(streamOf("tuning")), "detached");
});

Deno.test("what DEL could not remove of another program's work is removed by the next DEL, not forgotten", async () => {
  const machine = machineOf();
  machine.kernel.drift("/ns/c1", VETH);
  machine.leases.put(POOL, "10.1.0.9", "c1\r\neth0");
  machine.kernel.fail("link.delete", "EBUSY");
  assert.match(failed(await run(machine, "bridge", commandOf("DEL", IPAM))).msg, /Cannot delete link "eth0": EBUSY/);
  assert.deepEqual(machine.leases.dump(), { [POOL]: {} }, "the rest was removed");
  assert.match(JSON.stringify(machine.kernel.dump()), /"v1"/);
  ok(await run(machine, "bridge", commandOf("DEL", IPAM)));
  assert.doesNotMatch(JSON.stringify(machine.kernel.dump()), /"v1"/);
  assert.equal(await machine.stateOf(streamOf("bridge")), "detached");
});

Deno.test("a DEL that failed to remove another program's work does not stand in the way of ADD", async () => {
  const machine = machineOf();
  machine.leases.put(POOL, "10.1.0.9", "c1\r\neth0");
  machine.leases.failApplies(1);
  assert.match(failed(await machine.command(hostLocal, commandOf("DEL", IPAM))).msg, /No space left/);
  ok(await machine.command(hostLocal, commandOf("DEL", IPAM)));
  ok(await machine.command(hostLocal, commandOf("ADD", IPAM)));
});

Deno.test("DEL with a config nobody understands succeeds with a notice when the log knows nothing", async () => {
  const machine = machineOf();
  ok(await machine.command(hostLocal, commandOf("DEL", { ...IPAM, ipam: { subnet: 7 } })));
  assert.deepEqual(machine.said, ['Cannot look for leftovers of "c1": its configuration is invalid']);
  assert.deepEqual(machine.log.dump(), {});
});

Deno.test("[C34] DEL with a config nobody understands, or none, undoes all that the log knows", async () => {
  for (const raw of [{ ...IPAM, ipam: { subnet: 7 } }, { cniVersion: "1.1.0", name: "net", type: "host-local" }]) {
    const machine = machineOf();
    ok(await machine.command(hostLocal, commandOf("ADD", IPAM)));
    ok(await machine.command(hostLocal, commandOf("DEL", raw, { netns: "" })));
    assert.doesNotMatch(JSON.stringify(machine.leases.dump()), /c1/);
    assert.deepEqual(machine.said, []);
  }
});

Deno.test("[B7, C32, C34, D9, J74] DEL without a namespace releases leases and undoes the rest where ADD was", async () => {
  const machine = new Machine(toys());
  machine.kernel.addNetns("/ns/c1");
  const before = machine.kernel.dump();
  ok(await machine.command(toy({ ops: OPS }), commandOf("ADD", RAW)));
  ok(await machine.command(toy({ ops: OPS }), commandOf("DEL", RAW, { netns: "" })));
  assert.deepEqual(machine.kernel.dump(), before);
  assert.equal(machine.leases.dump()[POOL]?.["10.1.0.2"], undefined);
});

Deno.test("[C32, I26] an undo that fails is named, the others are done, and the next DEL finishes", async () => {
  const machine = new Machine(toys());
  machine.kernel.addNetns("/ns/c1");
  const before = machine.kernel.dump();
  ok(await machine.command(toy({ ops: OPS }), commandOf("ADD", RAW)));
  machine.kernel.fail((op) => op.op === "sysctl.write", "EROFS");
  const failure = failed(await machine.command(toy(), commandOf("DEL", RAW)));
  assert.deepEqual([failure.code, failure.details], [5, undefined]);
  assert.match(failure.msg, /"net\/core\/somaxconn": EROFS/);
  assert.equal(await machine.stateOf(streamOf("toy")), "failed");
  assert.doesNotMatch(JSON.stringify(machine.dump()), /"v1"|"10\.1\.0\.2":/, "veth and lease are gone");
  ok(await machine.command(toy(), commandOf("DEL", RAW)));
  assert.deepEqual(machine.kernel.dump(), before);
  assert.equal(await machine.stateOf(streamOf("toy")), "detached");
});

Deno.test("undos that fail are all reported: the first as the message, the others as its details", async () => {
  const machine = new Machine(toys());
  machine.kernel.addNetns("/ns/c1");
  ok(await machine.command(toy({ ops: OPS }), commandOf("ADD", RAW)));
  machine.leases.failApplies(1);
  machine.kernel.fail("sysctl.write", "EROFS");
  machine.kernel.fail("link.delete", "EBUSY");
  const failure = failed(await machine.command(toy(), commandOf("DEL", RAW)));
  assert.match(failure.msg, /pool "\/leases\/net".*No space left/);
  assert.match(failure.details ?? "", /somaxconn": EROFS; Cannot delete link "v1": EBUSY/);
  ok(await machine.command(toy(), commandOf("DEL", RAW)));
});

Deno.test("ADD after a failed DEL finishes the undo first, and is refused with the reason while it cannot", async () => {
  const machine = new Machine(toys());
  machine.kernel.addNetns("/ns/c1");
  ok(await machine.command(toy({ ops: OPS }), commandOf("ADD", RAW)));
  machine.kernel.fail("link.delete", "EPERM");
  failed(await machine.command(toy(), commandOf("DEL", RAW)));
  machine.kernel.fail("link.delete", "EPERM");
  const failure = failed(await machine.command(toy({ ops: OPS }), commandOf("ADD", RAW)));
  assert.equal(failure.code, 100);
  assert.match(
    wordsOf(failure),
    /an earlier attempt left "link.create" behind: Cannot delete link "v1": EPERM; run DEL/,
  );
  ok(await machine.command(toy({ ops: OPS }), commandOf("ADD", RAW)), "now the kernel agrees");
  ok(await machine.command(toy({ ops: OPS }), commandOf("CHECK", RAW)));
});

Deno.test("[C32] an undo of what is already gone is success, whatever the kernel calls it", async () => {
  for (const errno of ["ENOENT", "ENODEV", "ESRCH", "EADDRNOTAVAIL"]) {
    const machine = new Machine(toys());
    machine.kernel.addNetns("/ns/c1");
    ok(await machine.command(toy({ ops: [SYSCTL, LEASE] }), commandOf("ADD", RAW)));
    machine.kernel.fail("sysctl.write", errno);
    ok(await machine.command(toy(), commandOf("DEL", RAW)), errno);
  }
});

/** The same machine after its state directory was lost; with the result cache, or without. */
function amnesiac({ kernel, leases, files }: Machine, cached: boolean): Machine {
  return Object.assign(new Machine(registry), { kernel, leases, files: cached ? files : new Map() });
}

const named = (machine: Machine): readonly string[] =>
  JSON.stringify(machine.dump()).match(/"veth[^"]*"|c1.{0,4}eth0/g) ?? [];

Deno.test("a whole network whose logs are lost is detached with its config and the result cache", async () => {
  const machine = machineOf();
  const blue = container("c1", 8080);
  ok(await machine.network("ADD", dbnet, blue));
  assert.notDeepEqual(named(machine), []);
  const later = amnesiac(machine, true);
  ok(await later.network("DEL", dbnet, blue));
  assert.deepEqual(named(later), []);
  ok(await later.network("ADD", dbnet, blue));
});

Deno.test("without the cache too, DEL still finds the container link in the namespace it names, and the lease", async () => {
  const machine = machineOf();
  const blue = container("c1", 8080);
  ok(await machine.network("ADD", dbnet, blue));
  const later = amnesiac(machine, false);
  ok(await later.network("DEL", dbnet, blue));
  assert.deepEqual(named(later).filter((name) => name.startsWith('"veth')), []);
  assert.doesNotMatch(JSON.stringify(later.leases.dump()), /c1/);
});
