/** A process that runs a whole chain dies at any point: one DEL, by whatever executables, restores the host. */
import assert from "node:assert/strict";
import { registry } from "../../../src/plugins/registry.ts";
import { container, dbnet } from "../../support/dbnet.ts";
import { Machine } from "../../support/engine.ts";
import { nestedOf, oneByOne, type Said } from "../../support/one_by_one.ts";
import { ok } from "../../support/outcomes.ts";

const nested = nestedOf(dbnet);
const blue = container("blue", 8080);
const neighbour = container("neighbour", 9090);

/** A machine with an attached neighbour, so that everything shared exists and must stay as it is. */
async function newMachine(): Promise<Machine> {
  const machine = new Machine(registry);
  for (const { netns } of [neighbour, blue]) machine.kernel.addNetns(netns);
  ok(await oneByOne(machine, nested, "ADD", neighbour));
  return machine;
}

/** Everything but what round robin remembers by design: the address that was given last. */
const stateOf = (machine: Machine): unknown =>
  JSON.parse(JSON.stringify(machine.dump(), (key, value) => key.startsWith("last_reserved_ip") ? undefined : value));

/** Ways to say DEL after a crash, of which none can say what ADD would have answered. */
const DELETIONS: readonly (readonly [how: string, list: typeof nested, said: Said])[] = [
  ["by cleat", nested, {}],
  ["by cleat without a configuration", nested, { config: { cniVersion: "1.0.0", name: "dbnet", type: "cleat" } }],
  ["by the plugins one by one", dbnet, {}],
];

for (const [how, list, said] of DELETIONS) {
  Deno.test(`cleat dies at any point of ADD: one DEL ${how} restores the host, and ADD works again`, async () => {
    const reference = await newMachine();
    ok(await oneByOne(reference, nested, "ADD", blue));
    assert.ok(reference.points > 40, `an ADD passes ${reference.points} points`);
    for (let at = 1; at <= reference.points; at++) {
      const machine = await newMachine();
      const before = stateOf(machine);
      assert.equal((await oneByOne(machine, nested, "ADD", blue, { crash: { at } })).ended, "died", `point ${at}`);
      ok(await oneByOne(machine, list, "DEL", blue, said), `DEL after point ${at}`);
      assert.deepEqual(stateOf(machine), before, `crash point ${at}`);
      if (at % 8 !== 0 || at === reference.points) continue;
      const prevResult = ok(await oneByOne(machine, nested, "ADD", blue), `ADD after point ${at}`);
      ok(await oneByOne(machine, nested, "CHECK", blue, { prevResult }), `CHECK after point ${at}`);
    }
  });
}

for (const [how, list, said] of DELETIONS.slice(1)) {
  Deno.test(`cleat dies at any point of DEL: one DEL ${how} finishes it`, async () => {
    const reference = await newMachine();
    for (const verb of ["ADD", "DEL"] as const) ok(await oneByOne(reference, nested, verb, blue));
    assert.ok(reference.points > 10, `a DEL passes ${reference.points} points`);
    for (let at = 1; at <= reference.points; at++) {
      const machine = await newMachine();
      const before = stateOf(machine);
      ok(await oneByOne(machine, nested, "ADD", blue));
      assert.equal((await oneByOne(machine, nested, "DEL", blue, { crash: { at } })).ended, "died", `point ${at}`);
      ok(await oneByOne(machine, list, "DEL", blue, said), `DEL after point ${at}`);
      assert.deepEqual(stateOf(machine), before, `crash point ${at}`);
    }
  });
}
