import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import type { KernelOp } from "../../src/effects/kernel/op.ts";
import { EventStore } from "../../src/effects/log/store.ts";
import { foldLegal } from "../../src/machines/evolve.ts";
import { registry } from "../../src/plugins/registry.ts";
import { container, dbnet } from "../support/dbnet.ts";
import { type CrashPoint, Machine } from "../support/engine.ts";
import { ok } from "../support/outcomes.ts";
import { random } from "./spec_random.ts";

const CONTAINERS = [container("red", 8000), container("green", 8100), container("blue", 8200)];
const STEPS = 20;

const DRIFTS: readonly KernelOp[] = [
  { op: "link.delete", on: "container", name: "eth0" },
  { op: "link.set", on: "container", name: "eth0", set: { up: false } },
  { op: "address.remove", on: "container", link: "eth0", address: "10.1.0.2/16" },
  { op: "link.set", on: "container", name: "eth0", set: { mac: "02:00:00:00:99:99" } },
  { op: "link.set", on: "host", name: "cni0", set: { up: false } },
];

function machineOf(): Machine {
  const machine = new Machine(registry);
  for (const { netns } of CONTAINERS) machine.kernel.addNetns(netns);
  return machine;
}

/** One thing that happens to the machine; answers how it is told when a property does not hold. */
async function step(machine: Machine, roll: (sides: number) => number): Promise<string> {
  const attachment = CONTAINERS[roll(CONTAINERS.length)] ?? CONTAINERS[0];
  assert.ok(attachment !== undefined);
  const { containerId, netns } = attachment;
  const verb = (["ADD", "ADD", "ADD", "DEL", "DEL", "CHECK"] as const)[roll(6)] ?? "CHECK";
  const kind = roll(12);
  if (kind === 0) {
    machine.reboot();
    for (const { netns } of CONTAINERS) machine.kernel.addNetns(netns);
    return "reboot";
  }
  if (kind <= 2) {
    const op = DRIFTS[roll(DRIFTS.length)] ?? DRIFTS[0];
    assert.ok(op !== undefined);
    try {
      machine.kernel.drift(netns, op);
      return `drift ${op.op} ${containerId}`;
    } catch {
      return "drift of nothing";
    }
  }
  if (kind === 3) {
    machine.kernel.removeNetns(netns);
    machine.kernel.addNetns(netns);
    return `another namespace for ${containerId}`;
  }
  const crash: CrashPoint | undefined = kind <= 6
    ? { at: 1 + roll(verb === "ADD" ? 90 : 20), interrupt: kind === 6 }
    : undefined;
  if (kind === 7) machine.log.failAppends(1 + roll(3));
  const { ended } = await machine.network(verb, dbnet, attachment, crash);
  machine.log.failAppends(0);
  return `${verb} ${containerId}${crash ? ` at ${crash.at}` : ""}${kind === 7 ? " with a full disk" : ""}: ${ended}`;
}

/** Every log is whole and legal; answers which containers have a live stream. */
async function liveIn(machine: Machine): Promise<ReadonlySet<string>> {
  const program = Effect.gen(function* () {
    const store = yield* EventStore;
    const live = new Set<string>();
    for (const id of yield* store.list({})) {
      const { records, corruption } = yield* store.read(id);
      const { illegal, snapshot } = foldLegal(records, id);
      assert.equal(corruption, null);
      assert.equal(illegal, null, illegal?.message);
      if (snapshot.value !== "detached" && snapshot.value !== "absent") live.add(id.containerId);
    }
    return live;
  });
  const exit = await machine.run(program);
  assert.ok(Exit.isSuccess(exit), String(exit));
  return exit.value;
}

const holders = (machine: Machine): readonly string[] =>
  Object.values(machine.leases.dump()).flatMap((pool) => Object.values(pool))
    .flatMap((content) => content.includes("\r\n") ? [content.split("\r\n")[0] ?? ""] : []);

/** The kernel, but for MAC addresses the simulation counts up, what is made of them, and what drifted of the bridge. */
const kernelOf = (machine: Machine): unknown =>
  JSON.parse(JSON.stringify(machine.kernel.dump(), (key, value) => {
    if (key === "mac" || key === "operState" || key === "up") return undefined;
    return Array.isArray(value) ? value.filter((each) => !JSON.stringify(each).includes("fe80:")) : value;
  }));

for (let seed = 1; seed <= 14; seed++) {
  Deno.test(`whatever happens to three containers, logs stay legal, leases have owners, DEL ends all (seed ${seed})`, async () => {
    const roll = random(seed).below;
    const machine = machineOf();
    const story: string[] = [];
    for (let i = 0; i < STEPS; i++) {
      story.push(await step(machine, roll));
      const live = await liveIn(machine);
      for (const holder of holders(machine)) {
        assert.ok(live.has(holder), `a lease of ${holder}, who has no live stream, after:\n${story.join("\n")}`);
      }
      assert.equal(new Set(holders(machine)).size, holders(machine).length, `two leases:\n${story.join("\n")}`);
    }
    for (const attachment of CONTAINERS) ok(await machine.network("DEL", dbnet, attachment), story.join("\n"));
    assert.deepEqual([...await liveIn(machine)], []);
    assert.deepEqual(holders(machine), [], story.join("\n"));
    // What is left is what any network leaves: compare with a machine that has only ever had one container.
    const reference = machineOf();
    for (const each of [machine, reference]) {
      for (const verb of ["ADD", "DEL"] as const) {
        for (const attachment of CONTAINERS) ok(await each.network(verb, dbnet, attachment), story.join("\n"));
      }
    }
    assert.deepEqual(kernelOf(machine), kernelOf(reference), story.join("\n"));
  });
}
