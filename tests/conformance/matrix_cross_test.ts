/** What one runtime has attached, another checks and detaches: the result cache is all that they share. */
import assert from "node:assert/strict";
import { builtBin } from "../support/built.ts";
import { unless } from "../support/capabilities.ts";
import { Lab, leasesIn, tree } from "../support/lab.ts";
import { Cell, GOS, MIXED, needing, NEWER_GOS, OURS, silently, type Suite } from "../support/matrix.ts";
import { cacheIn, command, libcni, libcniNewer, library, type Run, type Runtime } from "../support/runtimes.ts";
import { snapshot } from "../support/snapshot.ts";

const bin = await builtBin();

/** As Go's plugins, but with a CHECK of the host ports. */
const GO_THAT_CHECKS: Suite = {
  ...GOS,
  name: "Go's bridge, host-local and tuning",
  go: ["bridge", "host-local", "tuning"],
};

/** Two lives: attached by `add`, checked and detached by `others`; and attached by `add`, collected by `others`. */
async function lives(t: Deno.TestContext, cell: Cell, add: Run, others: Run, second: Runtime): Promise<void> {
  const [lacksGc, ownLog] = [second.lacks("GC"), second.inProcess];
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
      assert.deepEqual([leasesIn(cell.lab.leases), tree(cacheIn(cell.lab))], [{}, {}]);
      if (!ownLog) await silently(add, "DEL", order); // of libcni's GC the stream of our runtime does not know
      await cell.isGone(netns, untouched);
    },
  });
}

/** A test of what two runtimes do with each other's attachments. */
function pair(suite: Suite, cniVersion: string, first: Runtime, second: Runtime): void {
  Deno.test({
    ...needing(
      `${second.name} checks, detaches and collects what ${first.name} attached with ${suite.name}`,
      suite,
      first,
      second,
    ),
    async fn(t) {
      using lab = new Lab(bin);
      const cell = new Cell(lab, suite, cniVersion);
      await first.use(lab, (add) => second.use(lab, (others) => lives(t, cell, add, others, second)));
    },
  });
}

const runtimes = [library, command, libcni];
for (const suite of [OURS, GO_THAT_CHECKS, MIXED]) {
  for (const first of runtimes) {
    for (const second of runtimes.filter((runtime) => runtime !== first)) pair(suite, "1.0.0", first, second);
  }
}
for (const suite of [OURS, NEWER_GOS]) {
  pair(suite, "1.1.0", libcniNewer, command);
  pair(suite, "1.1.0", library, libcniNewer);
}
