/** A configuration of one plugin, as it was before there were lists, is a list of one: through all verbs. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { Attachment } from "../../../src/runtime/attach.ts";
import { listFromPluginConf, type NetworkList } from "../../../src/spec/network_list.ts";
import { parsePluginConf } from "../../../src/spec/plugin_conf.ts";
import { Machine } from "../../support/engine.ts";
import { foreign, printing } from "../../support/foreign.ts";
import { failed, ok } from "../../support/outcomes.ts";

const C1: Attachment = { containerId: "c1", netns: "/ns/c1", ifName: "eth0", cacheDir: "/cache" };
const CACHE = "/cache/results/net-c1-eth0";
const RESULT = { cniVersion: "1.0.0", ips: [{ address: "10.1.0.2/24" }] };

const single = (conf: object): NetworkList =>
  Effect.runSync(
    Effect.flatMap(
      parsePluginConf(JSON.stringify({ name: "net", type: "them", ...conf }), "net.conf"),
      (plugin) => listFromPluginConf(plugin, "net.conf"),
    ),
  );

const machineOf = (result: typeof RESULT = RESULT) => {
  const { layer, runs } = foreign({ them: printing(result) });
  const machine = new Machine(new Map(), {}, layer);
  machine.kernel.addNetns("/ns/c1");
  return { machine, runs };
};

Deno.test("[A53, H8, J28, J31, J37] ADD, CHECK and DEL of a single configuration hand its plugin its own name and version", async () => {
  const { machine, runs } = machineOf();
  const list = single({ cniVersion: "1.0.0", keyA: 1 });
  assert.deepEqual(ok(await machine.network("ADD", list, C1)), RESULT);
  assert.ok(machine.files.has(CACHE));
  ok(await machine.network("CHECK", list, C1));
  ok(await machine.network("DEL", list, C1));
  assert.equal(machine.files.has(CACHE), false);
  const config = { name: "net", type: "them", cniVersion: "1.0.0", keyA: 1 };
  assert.deepEqual(runs.map(({ environment, stdin }) => [environment.CNI_COMMAND, stdin]), [
    ["ADD", config],
    ["CHECK", { ...config, prevResult: RESULT }],
    ["DEL", { ...config, prevResult: RESULT }],
  ]);
});

Deno.test("[A53, C45] keys that lists know do not become a list's: disableCheck of a single configuration is the plugin's", async () => {
  const { machine, runs } = machineOf();
  const list = single({ cniVersion: "1.0.0", disableCheck: true, cniVersions: ["1.1.0"] });
  assert.equal(list.cniVersion, "1.0.0");
  ok(await machine.network("ADD", list, C1));
  ok(await machine.network("CHECK", list, C1));
  assert.equal(runs.length, 2, "CHECK was run");
  assert.equal(runs[0]?.stdin.disableCheck, true);
});

Deno.test("[C43, J33] CHECK of a single configuration below 0.4.0 is refused, and nothing runs", async () => {
  const { machine, runs } = machineOf();
  assert.equal(failed(await machine.network("CHECK", single({ cniVersion: "0.3.1" }), C1)).code, 1);
  assert.equal(runs.length, 0);
});

Deno.test("[H42, J41] a cache that is damaged, or not of the configuration's version, is not in the way of its DEL", async () => {
  const entries = ["", "{", '{"kind":"cniCacheV1","result":{"cniVersion":"7.0.0"}}', '{"cniVersion":"0.1.0","ip4":7}'];
  for (const text of entries) {
    const { machine, runs } = machineOf();
    machine.files.set(CACHE, text);
    ok(await machine.network("DEL", single({ cniVersion: "1.0.0" }), C1), text);
    assert.deepEqual(runs.map(({ stdin }) => stdin.prevResult), [undefined]);
    assert.deepEqual([...machine.files], []);
  }
});

Deno.test("[C60, E36] an answer in 0.2.0 without an address is no conversion to it: it is passed on and cached as it is", async () => {
  const { machine } = machineOf({ cniVersion: "0.2.0", ips: [] });
  const list = single({ cniVersion: "0.2.0" });
  assert.equal(ok(await machine.network("ADD", list, C1))?.cniVersion, "0.2.0");
  assert.equal(JSON.parse(machine.files.get(CACHE) ?? "").networkName, "net");
  ok(await machine.network("DEL", list, C1));
});
