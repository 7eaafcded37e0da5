/** What one runtime has attached, another checks and detaches: the result cache is all that they share. */
import assert from "node:assert/strict";
import { builtBin } from "../support/built.ts";
import { unless } from "../support/capabilities.ts";
import { Lab } from "../support/lab.ts";
import { Cell, MIXED, needing, OURS, silently, type Suite } from "../support/matrix.ts";
import { command, libcni, library, type Run } from "../support/runtimes.ts";
import { snapshot } from "../support/snapshot.ts";

const bin = await builtBin();

/** As Go's plugins, but with a CHECK of the host ports. */
const GO_THAT_CHECKS: Suite = {
  name: "Go's bridge, host-local and tuning",
  go: ["bridge", "host-local", "tuning"],
  ours: "executables",
};

/** Two lives: attached by `add`, checked and detached by `others`; and attached by `add`, collected by `others`. */
async function lives(t: Deno.TestContext, cell: Cell, add: Run, others: Run, lacksGc: string | null): Promise<void> {
  const netns = cell.lab.container();
  const untouched = snapshot(netns);
  const order = cell.order("c1", netns);
  await t.step("ADD", async () => cell.isAttached(await add("ADD", order), netns));
  const { lacksCheck } = cell;
  await t.step({
    ...unless(lacksCheck === null, "CHECK by the other", lacksCheck ?? ""),
    fn: () => silently(others, "CHECK", order),
  });
  await t.step("DEL by the other leaves nothing", async () => {
    await silently(others, "DEL", order);
    await silently(add, "DEL", order);
    await cell.isGone(netns, untouched);
  });
  await t.step({
    ...unless(lacksGc === null, "GC by the other leaves nothing", lacksGc ?? ""),
    fn: async () => {
      assert.equal((await add("ADD", order)).failure, null);
      await silently(others, "GC", order);
      await cell.isGone(netns, untouched);
    },
  });
}

const runtimes = [library, command, libcni];
for (const suite of [OURS, GO_THAT_CHECKS, MIXED]) {
  for (const first of runtimes) {
    for (const second of runtimes.filter((runtime) => runtime !== first)) {
      Deno.test({
        ...needing(
          `${second.name} checks, detaches and collects what ${first.name} attached with ${suite.name}`,
          suite,
          first,
          second,
        ),
        async fn(t) {
          using lab = new Lab(bin);
          const cell = new Cell(lab, suite, "1.0.0");
          await first.use(lab, (add) => second.use(lab, (others) => lives(t, cell, add, others, second.lacks("GC"))));
        },
      });
    }
  }
}
