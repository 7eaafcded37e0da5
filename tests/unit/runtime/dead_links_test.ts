/** Links that go together before much is undone at once: not those that something is given back over. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { registry } from "../../../src/plugins/registry.ts";
import { gc } from "../../../src/runtime/gc.ts";
import type { JsonObject } from "../../../src/spec/json.ts";
import { parseNetworkList } from "../../../src/spec/network_list.ts";
import { Machine } from "../../support/engine.ts";
import { ok } from "../../support/outcomes.ts";

/** GC of two bridge attachments; answers how many pairs and leases there were, one after the other. */
async function duringGc(ipam: JsonObject): Promise<readonly string[]> {
  const machine = new Machine(registry);
  const plugins = [{ type: "bridge", bridge: "br0", ipam }];
  const list = await Effect.runPromise(
    parseNetworkList(JSON.stringify({ cniVersion: "1.1.0", name: "net", plugins }), "a test"),
  );
  for (const containerId of ["c1", "c2"]) {
    machine.kernel.addNetns(`/ns/${containerId}`);
    const attachment = { containerId, netns: `/ns/${containerId}`, ifName: "eth0", cacheDir: "/cache" };
    ok(await machine.network("ADD", list, attachment));
  }
  const looks = (): string => {
    const ends = JSON.stringify(machine.kernel.dump()).match(/"kind":"veth"/g) ?? [];
    const owners = JSON.stringify([machine.leases.dump(), machine.dhcp.dump()]).match(/\bc[12]\b/g) ?? [];
    return `${ends.length / 2} pairs, ${new Set(owners).size} leases`;
  };
  const seen = [looks()];
  machine.onPoint = () => void seen.push(looks());
  const exit = await machine.run(gc(list, null, { cacheDir: "/cache" }));
  assert.ok(Exit.isSuccess(exit), String(exit));
  return [...new Set([...seen, looks()])];
}

Deno.test("GC of two attachments deletes their links first, where addresses are kept on this host", async () => {
  assert.deepEqual(await duringGc({ type: "host-local", subnet: "10.1.0.0/24" }), [
    "2 pairs, 2 leases",
    "1 pairs, 2 leases",
    "0 pairs, 2 leases",
    "0 pairs, 1 leases",
    "0 pairs, 0 leases",
  ]);
});

Deno.test("GC of two attachments gives each address back to the DHCP server while its link is there", async () => {
  assert.deepEqual(await duringGc({ type: "dhcp" }), [
    "2 pairs, 2 leases",
    "2 pairs, 1 leases",
    "1 pairs, 1 leases",
    "1 pairs, 0 leases",
    "0 pairs, 0 leases",
  ]);
});
