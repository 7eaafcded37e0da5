/** The crash-point tests of one plugin: wherever it dies, one DEL restores the host. */
import assert from "node:assert/strict";
import type { KernelOp } from "../../src/effects/kernel/op.ts";
import { registry } from "../../src/plugins/registry.ts";
import type { Attachment } from "../../src/runtime/attach.ts";
import type { CniResult } from "../../src/spec/result.ts";
import { Machine } from "./engine.ts";
import { listOf, oneByOne, type Said } from "./one_by_one.ts";
import { ok } from "./outcomes.ts";

/** A plugin whose crashes are tested. */
export interface CrashCase {
  /** What the tests call it. */
  readonly name: string;
  /** Its configuration, but for the network's name and version. */
  readonly plugin: object;
  /** What there is before; a neighbour on the network is attached after it. */
  readonly prepare?: (machine: Machine) => void;
  /** Of a plugin that is not the first of its chain: what the one before has answered for a container. */
  readonly previous?: (containerId: string) => CniResult;
  /** At least so many points must be passed by ADD. */
  readonly points: number;
}

const of = (containerId: string): Attachment => ({ containerId, netns: `/ns/${containerId}`, ifName: "eth0" });
const [blue, neighbour] = [of("blue"), of("neighbour")];

/** Everything but what round robin remembers by design: the address that was given last. */
const stateOf = (machine: Machine): unknown =>
  JSON.parse(JSON.stringify(machine.dump(), (key, value) => key.startsWith("last_reserved_ip") ? undefined : value));

/** Declares the tests. */
export function testCrashPoints({ name, plugin, prepare, previous, points }: CrashCase): void {
  const list = listOf([plugin]);
  const add = (machine: Machine, attachment: Attachment, said: Said = {}) => {
    const before = previous === undefined ? {} : { prevResult: previous(attachment.containerId) };
    return oneByOne(machine, list, "ADD", attachment, { ...before, ...said });
  };
  const newMachine = async () => {
    const machine = new Machine(registry);
    for (const { netns } of [blue, neighbour]) machine.kernel.addNetns(netns);
    prepare?.(machine);
    ok(await add(machine, neighbour), "the neighbour");
    return machine;
  };
  const pointsOf = async (...verbs: ("ADD" | "DEL")[]) => {
    const machine = await newMachine();
    for (const verb of verbs) {
      ok(await (verb === "ADD" ? add(machine, blue) : oneByOne(machine, list, verb, blue)), verb);
    }
    return machine.points;
  };

  Deno.test(`${name}: an ADD that dies anywhere is undone by one DEL, and ADD works again`, async () => {
    const last = await pointsOf("ADD");
    assert.ok(last >= points, `an ADD passes ${last} points`);
    for (let at = 1; at <= last; at++) {
      const machine = await newMachine();
      const before = stateOf(machine);
      assert.equal((await add(machine, blue, { crash: { at } })).ended, "died", `point ${at}`);
      ok(await oneByOne(machine, list, "DEL", blue), `DEL after point ${at}`);
      assert.deepEqual(stateOf(machine), before, `crash point ${at}`);
      if (at % 4 !== 0 && at !== last) continue;
      const prevResult = ok(await add(machine, blue), `ADD after point ${at}`);
      ok(await oneByOne(machine, list, "CHECK", blue, { prevResult }), `CHECK after point ${at}`);
    }
  });

  Deno.test(`${name}: a DEL that dies anywhere is finished by one more`, async () => {
    const last = await pointsOf("ADD", "DEL");
    for (let at = 1; at <= last; at++) {
      const machine = await newMachine();
      const before = stateOf(machine);
      const prevResult = ok(await add(machine, blue), "ADD");
      const said = { prevResult, crash: { at } };
      assert.equal((await oneByOne(machine, list, "DEL", blue, said)).ended, "died", `point ${at}`);
      ok(await oneByOne(machine, list, "DEL", blue), `point ${at}`);
      assert.deepEqual(stateOf(machine), before, `crash point ${at}`);
    }
  });

  Deno.test(`${name}: an ADD that fails leaves nothing, whichever change the kernel refuses`, async () => {
    const ops: KernelOp[] = [];
    const probe = await newMachine();
    probe.kernel.onApply((op, phase) => phase === "before" && void ops.push(op));
    ok(await add(probe, blue));
    assert.ok(ops.length > 0, "an ADD changes something");
    for (const [index, { op }] of ops.entries()) {
      const machine = await newMachine();
      const before = stateOf(machine);
      let seen = -1;
      machine.kernel.fail(() => ++seen === index, "EPERM");
      const outcome = await add(machine, blue);
      // A recipe may do without a change; then DEL takes it back.
      if (outcome.ended === "ok") ok(await oneByOne(machine, list, "DEL", blue));
      assert.deepEqual(stateOf(machine), before, `refused: ${op} (${index})`);
    }
  });
}
