/** What ours have attached, Go's plugins delete, as far as they can know of it; the rest is collected by our GC. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/spec/json.ts";
import { builtBin } from "../support/built.ts";
import { goPlugins } from "../support/go_suite.ts";
import { Lab, leasesIn, tree } from "../support/lab.ts";
import type { Netns } from "../support/netns.ts";
import { Cell, GOS, needing, OURS, silently } from "../support/matrix.ts";
import { cacheIn, command, libcni, type Order } from "../support/runtimes.ts";

const bin = await builtBin();

/** A lab in which Go's libcni has attached "c1", and "keep", with our executables. */
async function attached(lab: Lab): Promise<{ readonly order: Order; readonly keep: Order; readonly netns: Netns }> {
  const cell = new Cell(lab, OURS, "1.0.0");
  const netns = lab.container();
  const order = cell.order("c1", netns);
  const keep = cell.order("keep", lab.container(), {});
  await libcni.use(lab, async (run) => {
    await cell.isAttached(await run("ADD", order), netns);
    assert.equal((await run("ADD", keep)).failure, null);
  });
  return { order, keep, netns };
}

/** Go's plugins take the place of ours. */
const swap = (lab: Lab, order: Order): Order => ({
  ...order,
  path: goPlugins(`${lab.folder}/go`, GOS.go),
});

const named = (lab: Lab, id: string): boolean => lab.remains().firewall.includes(`dbnet/${id}/eth0`);

/** GC of our plugins, as a runtime of spec 1.1 runs them. */
async function collect(lab: Lab, ...valid: readonly string[]): Promise<void> {
  const { plugins } = JSON.parse(Deno.readTextFileSync(`${lab.folder}/dbnet.conflist`));
  const list = valid.map((containerID) => ({ containerID, ifname: "eth0" }));
  const common = { cniVersion: "1.1.0", name: "dbnet", "cni.dev/valid-attachments": list };
  for (const plugin of plugins) {
    const config: JsonObject = { ...plugin, ...common };
    await lab.ok(plugin.type, { verb: "GC", config, env: { CNI_PATH: bin } });
  }
}

for (const lost of [false, true]) {
  Deno.test({
    ...needing(
      `Go's plugins delete what ours attached, leases, links and cache; our GC collects the rest${
        lost ? ", the log being lost" : ""
      }`,
      GOS,
      libcni,
    ),
    async fn() {
      using lab = new Lab(bin);
      const { order, keep, netns } = await attached(lab);
      await libcni.use(lab, async (run) => {
        // Go's bridge 1.1 fails once, when everything but its own masquerade, which was never there, is gone.
        const { failure } = await run("DEL", swap(lab, order));
        assert.match(failure ?? "", /^$|Chain 'CNI-[0-9a-f]{24}' does not exist/);
        await silently(run, "DEL", { ...order, path: `${lab.folder}/go` });
      });
      assert.deepEqual(Object.values(leasesIn(lab.leases)), ["keep\r\neth0"]);
      assert.notEqual(netns.sh("ip link show eth0").code, 0);
      assert.equal(lab.remains().links.filter((name) => name.startsWith("veth")).length, 1);
      assert.deepEqual(Object.keys(tree(cacheIn(lab))), ["results/dbnet-keep-eth0"]);
      assert.ok(named(lab, "c1") && named(lab, "keep"), "our elements are nothing that Go's plugins know of");
      if (lost) Deno.removeSync(lab.state, { recursive: true });
      await collect(lab, "keep");
      assert.ok(!named(lab, "c1") && named(lab, "keep"));
      const states = await lab.states();
      const open = Object.entries(states).filter(([, state]) => state !== "detached").map(([name]) =>
        name.split("/")[1]
      );
      assert.deepEqual([...new Set(open)], lost ? [] : ["keep"]);
      await libcni.use(lab, (run) => silently(run, "DEL", keep));
      await lab.isClean("cni0");
    },
  });
}

Deno.test({
  ...needing("an attachment of ours survives the swap to Go's plugins and back", GOS, libcni),
  async fn() {
    using lab = new Lab(bin);
    const { order, keep } = await attached(lab);
    const third = { ...swap(lab, order), id: "c3", netns: lab.container(), capabilityArgs: {} };
    await libcni.use(lab, async (run) => {
      assert.equal((await run("ADD", third)).failure, null, "Go's plugins attach beside ours");
      await silently(run, "CHECK", order);
    });
    assert.equal(new Set(Object.values(leasesIn(lab.leases))).size, 3);
    await command.use(lab, async (run) => {
      for (const each of [third, order, keep]) await silently(run, "DEL", { ...each, path: bin });
    });
    await lab.isClean("cni0");
  },
});
