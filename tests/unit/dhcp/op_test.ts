/** The ops of the DHCP daemon: what takes them back, for whom, and in which words. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { belongs } from "../../../src/effects/kernel/belongs.ts";
import type { Op } from "../../../src/effects/kernel/op.ts";
import { undoFor } from "../../../src/effects/kernel/undo.ts";
import { describeOp } from "../../../src/machines/describe.ts";
import { afterReboot, failed, intended } from "../../../src/machines/entry.ts";
import { newMachine } from "../../support/machine.ts";

const KEY = { network: "lan", containerId: "c1", ifName: "eth0" };
const owner = { containerId: "c1", ifName: "eth0" };
const acquire: Op = { op: "dhcp.acquire", socket: "/run/s", network: "lan", owner, config: { name: "lan" } };
const release: Op = { op: "dhcp.release", socket: "/run/s", network: "lan", owner };

Deno.test("a lease is undone by giving it back, also where ADD does not know whether it has one", () => {
  const context = { view: newMachine().host, created: new Set<string>() };
  assert.deepEqual(Effect.runSync(undoFor(acquire, context)), release);
  assert.equal(Effect.runSync(undoFor(release, context)), null);
  const stack = intended([], 1, acquire, release);
  assert.equal(failed(stack, 1)[0]?.outcome, "failed", "the daemon may have it by now");
  assert.deepEqual(failed(stack, 1, true), [], "it has said that it has none");
  assert.deepEqual(afterReboot(stack), [], "daemons forget what an earlier boot had");
});

Deno.test.each<[string, Op]>([
  ["another container's", { ...release, owner: { ...owner, containerId: "c2" } }],
  ["another daemon's", { ...release, socket: "/run/other" }],
  ["another network's", { ...release, network: "other" }],
  ["another kind", { op: "lease.release", pool: "/p", owner }],
])("a log in which a lease is taken back by another op is not followed: %s", (_, undo) => {
  assert.ok(belongs(KEY, acquire, release));
  assert.ok(!belongs(KEY, acquire, undo));
  assert.ok(!belongs({ ...KEY, containerId: "c2" }, acquire, undo));
});

Deno.test("the log tells of leases in words", () => {
  assert.equal(describeOp(acquire), "get a lease of the DHCP daemon at /run/s");
  assert.equal(describeOp(release), "give back what the DHCP daemon at /run/s keeps for c1/eth0");
});
