import assert from "node:assert/strict";
import { registry } from "../../../src/plugins/registry.ts";
import { container, dbnet } from "../../support/dbnet.ts";
import { commandOf, Machine } from "../../support/engine.ts";
import { eventsOf, ok, streamOf } from "../../support/outcomes.ts";
import { OPS, RAW, toy, toys } from "../../support/toy_plugins.ts";

const blue = container("blue", 8080);
const neighbour = container("neighbour", 9090);

const withoutPointers = (machine: Machine): unknown =>
  JSON.parse(JSON.stringify(machine.dump(), (key, value) => key.startsWith("last_reserved_ip") ? undefined : value));

async function machineOf(): Promise<Machine> {
  const machine = new Machine(registry);
  for (const { netns } of [neighbour, blue]) machine.kernel.addNetns(netns);
  ok(await machine.network("ADD", dbnet, neighbour));
  return machine;
}

Deno.test("an ADD of a network that is interrupted anywhere leaves nothing, and a new one works", async () => {
  const probe = await machineOf();
  ok(await probe.network("ADD", dbnet, blue));
  const points = probe.points;
  assert.ok(points > 40, `an ADD passes ${points} points`);
  for (let at = 1; at <= points; at++) {
    const machine = await machineOf();
    const before = withoutPointers(machine);
    const outcome = await machine.network("ADD", dbnet, blue, { at, interrupt: true });
    assert.notEqual(outcome.ended, "ok", `point ${at}: the caller has gone`);
    assert.deepEqual(withoutPointers(machine), before, `interrupted at point ${at}`);
    assert.equal(machine.files.has("/var/lib/cni/results/dbnet-blue-eth0"), false, `cache at point ${at}`);
    if (at % 7 === 0) ok(await machine.network("ADD", dbnet, blue), `ADD after point ${at}`);
  }
});

Deno.test("an ADD of one plugin that is interrupted anywhere leaves nothing, also while its last record is written", async () => {
  const plugin = toy({ ops: OPS });
  for (let at = 1;; at++) {
    const machine = new Machine(toys());
    machine.kernel.addNetns("/ns/c1");
    const before = withoutPointers(machine);
    const outcome = await machine.command(plugin, commandOf("ADD", RAW), { at, interrupt: true });
    if (machine.points < at) {
      assert.ok(at > 16, `only ${at - 1} points`);
      assert.equal(outcome.ended, "ok", "nobody interrupted");
      break;
    }
    assert.equal(outcome.ended, "interrupted", `point ${at}`);
    const [{ kernel }, { kernel: untouched }] = [Object(withoutPointers(machine)), Object(before)];
    assert.deepEqual(kernel, untouched, `point ${at}`);
    assert.doesNotMatch(JSON.stringify(machine.leases.dump()), /c1/, `point ${at}`);
    assert.notEqual(await machine.stateOf(streamOf("toy")), "attached", `point ${at}`);
    const events = await eventsOf(machine, streamOf("toy"));
    const [begun, ended] = ["effect.intended", "effect.applied"].map((type) => events.filter((each) => each === type));
    assert.equal(begun?.length, ended?.length, `an op that was begun was also ended, point ${at}`);
  }
});

Deno.test("a DEL that is interrupted anywhere is finished first", async () => {
  const plugin = toy({ ops: OPS });
  for (let at = 1; at <= 10; at++) {
    const machine = new Machine(toys());
    machine.kernel.addNetns("/ns/c1");
    ok(await machine.command(plugin, commandOf("ADD", RAW)));
    await machine.command(plugin, commandOf("DEL", RAW), { at, interrupt: true });
    assert.equal(await machine.stateOf(streamOf("toy")), "detached", `point ${at}`);
    assert.doesNotMatch(JSON.stringify(machine.dump()), /"v1"|c1\\r/, `point ${at}`);
  }
});

Deno.test("a second ADD that is interrupted leaves the first attachment alone", async () => {
  const machine = await machineOf();
  ok(await machine.network("ADD", dbnet, blue));
  const before = [machine.dump(), machine.log.dump()];
  await machine.network("ADD", dbnet, blue, { at: 1, interrupt: true });
  assert.deepEqual([machine.dump(), machine.log.dump()], before);
  ok(await machine.network("CHECK", dbnet, blue));
});
