import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { AnyPlugin } from "../../../src/engine/plugin.ts";
import type { Attachment } from "../../../src/runtime/attach.ts";
import { type NetworkList, parseNetworkList } from "../../../src/spec/network_list.ts";
import { Machine } from "../../support/engine.ts";
import { foreign, printing } from "../../support/foreign.ts";
import { eventsOf, failed, ok, streamOf, wordsOf } from "../../support/outcomes.ts";
import { ADDRESS, OPS, toys, VETH } from "../../support/toy_plugins.ts";

const C1: Attachment = { containerId: "c1", netns: "/ns/c1", ifName: "eth0", cacheDir: "/cache" };
const CACHE = "/cache/results/net-c1-eth0";
const RESULT = { cniVersion: "1.1.0", ips: [{ address: "10.1.0.2/24" }] };

const listOf = (more: object = {}, plugins: readonly object[] = [{ type: "toy" }]): NetworkList =>
  Effect.runSync(parseNetworkList(JSON.stringify({ cniVersion: "1.1.0", name: "net", plugins, ...more }), "a test"));
const LIST = listOf();

function machineOf(registry: ReadonlyMap<string, AnyPlugin> = toys({ ops: OPS })): Machine {
  const machine = new Machine(registry);
  machine.kernel.addNetns("/ns/c1");
  return machine;
}

Deno.test("[C11, C38, C60, J44, J45] attach answers the result of the last plugin, logs the chain, and caches as libcni does", async () => {
  const machine = machineOf();
  const attachment: Attachment = { ...C1, args: [["A", "1"]], capabilityArgs: { mac: "02:00:00:00:00:01" } };
  assert.deepEqual(ok(await machine.network("ADD", LIST, attachment)), RESULT);
  assert.deepEqual(JSON.parse(machine.files.get(CACHE) ?? ""), {
    kind: "cniCacheV1",
    containerId: "c1",
    config: btoa(LIST.raw),
    ifName: "eth0",
    networkName: "net",
    netns: "/ns/c1",
    cniArgs: [["A", "1"]],
    capabilityArgs: { mac: "02:00:00:00:00:01" },
    result: RESULT,
  });
  const chain = await eventsOf(machine, streamOf("@chain"));
  assert.deepEqual(chain, ["ADD", "effect.intended", "effect.applied", "add.succeeded"]);
  ok(await machine.network("CHECK", LIST, attachment));
  ok(await machine.network("DEL", LIST, attachment));
  assert.deepEqual([...machine.files.keys()], [], "the cache entry is gone");
});

Deno.test("[C19, J25, F1] each plugin gets the capability arguments it asked for, and no others", async () => {
  const { layer, runs } = foreign({ one: printing(RESULT), two: printing(RESULT) });
  const machine = new Machine(new Map(), {}, layer);
  machine.kernel.addNetns("/ns/c1");
  const plugins = [{ type: "one", capabilities: { mac: true } }, {
    type: "two",
    capabilities: { ips: true, mac: false },
  }];
  const capabilityArgs = { mac: "02:00:00:00:00:01", ips: ["10.1.0.9/24"], bandwidth: {} };
  ok(await machine.network("ADD", listOf({}, plugins), { ...C1, capabilityArgs }));
  assert.deepEqual(runs.map(({ stdin }) => stdin.runtimeConfig), [{ mac: capabilityArgs.mac }, {
    ips: capabilityArgs.ips,
  }]);
});

Deno.test("[C30, J49] an ADD whose cache entry cannot be written is undone and fails", async () => {
  const machine = machineOf();
  const before = machine.kernel.dump();
  machine.files.set = () => {
    throw new Error("disk full");
  };
  const failure = failed(await machine.network("ADD", LIST, C1));
  assert.equal(failure.code, 5);
  assert.match(failure.msg, /Cannot write "\/cache\/results\/net-c1-eth0": Error: disk full/);
  assert.deepEqual(machine.kernel.dump(), before);
  assert.doesNotMatch(JSON.stringify(machine.leases.dump()), /c1/);
});

Deno.test("[G10, C58] without a folder for the cache, it is libcni's own", async () => {
  const machine = machineOf();
  const { cacheDir: _, ...c1 } = C1;
  ok(await machine.network("ADD", LIST, c1));
  assert.deepEqual([...machine.files.keys()], ["/var/lib/cni/results/net-c1-eth0"]);
});

Deno.test("[C7] a second ADD is refused and leaves the cache entry of the first", async () => {
  const machine = machineOf();
  ok(await machine.network("ADD", LIST, C1));
  const cached = machine.files.get(CACHE);
  assert.match(failed(await machine.network("ADD", LIST, C1)).msg, /already attached/);
  assert.equal(machine.files.get(CACHE), cached);
});

/** The machine after its logs were lost. */
const withoutLog = (machine: Machine, registry = toys({ ops: OPS })): Machine =>
  Object.assign(new Machine(registry), { kernel: machine.kernel, leases: machine.leases, files: machine.files });

Deno.test("[C9, C12, C41] CHECK compares with the log's result, and with the cached one when the log is lost", async () => {
  const { layer, runs } = foreign({ them: printing(RESULT) });
  const list = listOf({}, [{ type: "them" }]);
  const machine = new Machine(new Map(), {}, layer);
  machine.kernel.addNetns("/ns/c1");
  ok(await machine.network("ADD", list, C1));
  machine.files.set(CACHE, (machine.files.get(CACHE) ?? "").replace("10.1.0.2/24", "10.9.9.9/24"));
  ok(await machine.network("CHECK", list, C1));
  const amnesiac = Object.assign(new Machine(new Map(), {}, layer), { kernel: machine.kernel, files: machine.files });
  ok(await amnesiac.network("CHECK", list, C1));
  const seen = runs.slice(1).map((
    { environment, stdin },
  ) => [environment.CNI_COMMAND, JSON.stringify(stdin.prevResult)]);
  assert.deepEqual(seen.map(([command]) => command), ["CHECK", "CHECK"]);
  assert.match(seen[0]?.[1] ?? "", /10\.1\.0\.2/, "the log is right");
  assert.match(seen[1]?.[1] ?? "", /10\.9\.9\.9/, "the cache is all there is");
});

Deno.test("[C37, I29] a damaged cache never stands in the way of DEL, with a log and without", async () => {
  for (const text of ["", "{", '{"kind":"cniCacheV1","result":{"cniVersion":"1.1.0","ips":7}}']) {
    for (const hasLog of [true, false]) {
      const machine = machineOf();
      ok(await machine.network("ADD", LIST, C1));
      machine.files.set(CACHE, text);
      const later = hasLog ? machine : withoutLog(machine);
      ok(await later.network("DEL", LIST, C1), `"${text}", ${hasLog}`);
      assert.equal(later.files.has(CACHE), false);
    }
  }
});

Deno.test("[C33, C34] DEL of what was never attached succeeds and leaves no cache entry", async () => {
  const machine = machineOf();
  for (const netns of ["/ns/c1", "", "/ns/gone"]) ok(await machine.network("DEL", LIST, { ...C1, netns }), netns);
  assert.deepEqual([...machine.files], []);
});

Deno.test("[C43, I25, J52] CHECK of a version below 0.4.0 is refused with code 1, also when the list disables CHECK", async () => {
  for (const cniVersion of ["", "0.1.0", "0.3.1"]) {
    for (const disableCheck of [false, true]) {
      const failure = failed(await machineOf().network("CHECK", listOf({ cniVersion, disableCheck }), C1));
      assert.equal(failure.code, 1);
      assert.match(failure.msg, new RegExp(`network "net": configuration version "${cniVersion}" does not support`));
    }
  }
});

Deno.test("[A10, C41, C43, J51] CHECK of a list that disables it passes, whatever the state of the attachment", async () => {
  const machine = machineOf();
  ok(await machine.network("CHECK", listOf({ disableCheck: true }), C1), "nothing is attached");
  ok(await machine.network("ADD", listOf({ disableCheck: true }), C1));
  machine.kernel.drift("/ns/c1", { op: "link.delete", on: VETH.on, name: VETH.name });
  ok(await machine.network("CHECK", listOf({ disableCheck: true }), C1));
  assert.match(wordsOf(failed(await machine.network("CHECK", LIST, C1))), /"v1" on the host: expected it to exist/);
});

Deno.test("[C38] attach and detach work for every version, and for a list without one", async () => {
  for (const cniVersion of ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0", ""]) {
    const machine = machineOf();
    const before = machine.kernel.dump();
    const list = listOf({ cniVersion });
    const result = ok(await machine.network("ADD", list, C1), cniVersion);
    assert.equal(result?.cniVersion, cniVersion || "0.1.0");
    assert.equal(JSON.parse(machine.files.get(CACHE) ?? "").result.cniVersion, cniVersion || "0.1.0");
    ok(await machine.network("DEL", list, C1), cniVersion);
    assert.deepEqual(machine.kernel.dump(), before, cniVersion);
  }
});

const NAMES:
  readonly (readonly [what: string, list: NetworkList, attachment: Attachment, code: number, word: RegExp])[] = [
    ["network name", { ...LIST, name: "../net" }, C1, 7, /network name "\.\.\/net"/],
    ["empty network name", { ...LIST, name: "" }, C1, 7, /network name ""/],
    ["container id", LIST, { ...C1, containerId: "c/1" }, 4, /container id "c\/1"/],
    ["empty container id", LIST, { ...C1, containerId: "" }, 3, /container id ""/],
    ["interface name", LIST, { ...C1, ifName: "an-interface-of-16" }, 4, /interface name "an-interface-of-16"/],
    ["names too long together", LIST, { ...C1, containerId: "c".repeat(250) }, 4, /file name of 259 bytes/],
  ];

for (const [what, list, attachment, code, word] of NAMES) {
  Deno.test(`[B18, C28, I20, J47] ADD, CHECK and DEL refuse a bad ${what} with code ${code} and touch nothing`, async () => {
    for (const verb of ["ADD", "CHECK", "DEL"] as const) {
      const machine = machineOf();
      const before = machine.dump();
      const failure = failed(await machine.network(verb, list, attachment), verb);
      assert.equal(failure.code, code, `${verb}: ${failure.msg}`);
      assert.match(failure.msg, word);
      assert.deepEqual([machine.dump(), machine.log.dump(), machine.files.size], [before, {}, 0], verb);
    }
  });
}

Deno.test("[I21] a plugin of the network's folder is undone from the log, though the list is not what it was", async () => {
  const machine = machineOf(toys({ ops: [VETH, ADDRESS] }, { type: "extra", ops: OPS.slice(2) }));
  const before = machine.kernel.dump();
  const extra = { type: "extra", capabilities: {}, raw: { type: "extra" } };
  ok(await machine.network("ADD", { ...LIST, plugins: [...LIST.plugins, extra] }, C1));
  ok(await machine.network("DEL", LIST, C1));
  assert.deepEqual(machine.kernel.dump(), before);
});

Deno.test("[C61] after the network has got another version, CHECK and DEL get the result in that one", async () => {
  const { layer, runs } = foreign({
    them: printing({ cniVersion: "0.4.0", ips: [{ version: "4", address: "10.1.0.2/24" }] }),
  });
  const machine = new Machine(new Map(), {}, layer);
  machine.kernel.addNetns("/ns/c1");
  const [old, now] = ["0.4.0", "1.0.0"].map((cniVersion) => listOf({ cniVersion }, [{ type: "them" }]));
  assert.ok(old !== undefined && now !== undefined);
  ok(await machine.network("ADD", old, C1));
  ok(await machine.network("CHECK", now, C1));
  const amnesiac = Object.assign(new Machine(new Map(), {}, layer), { kernel: machine.kernel, files: machine.files });
  ok(await amnesiac.network("DEL", now, C1));
  assert.deepEqual(amnesiac.said, []);
  assert.deepEqual(runs.map(({ environment }) => environment.CNI_COMMAND), ["ADD", "CHECK", "DEL"]);
  const expected = { cniVersion: "1.0.0", ips: [{ address: "10.1.0.2/24" }] };
  for (const { stdin } of runs.slice(1)) assert.deepEqual([stdin.cniVersion, stdin.prevResult], ["1.0.0", expected]);
});

Deno.test("[I12] when the last plugin answers in another version, DEL gets the result in the network's", async () => {
  const { layer, runs } = foreign({
    them: printing({ cniVersion: "0.4.0", ips: [{ version: "4", address: "10.1.0.2/24" }] }),
  });
  const machine = new Machine(new Map(), {}, layer);
  machine.kernel.addNetns("/ns/c1");
  const list = listOf({}, [{ type: "them" }]);
  assert.equal(ok(await machine.network("ADD", list, C1))?.cniVersion, "0.4.0", "ADD answers as the plugin did");
  ok(await machine.network("CHECK", list, C1));
  ok(await machine.network("DEL", list, C1));
  for (const { stdin } of runs.slice(1)) {
    assert.deepEqual(stdin.prevResult, { cniVersion: "1.1.0", ips: [{ address: "10.1.0.2/24" }] });
  }
});
