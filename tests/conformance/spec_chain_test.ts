/** What goes from plugin to plugin, and from ADD to CHECK and DEL. Numbers are those of checklist.txt. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { isJsonObject, type JsonObject, jsonOf } from "../../src/spec/json.ts";
import { parseNetworkList } from "../../src/spec/network_list.ts";
import { status } from "../../src/runtime/attach.ts";
import { Machine, outcomeOf } from "../support/engine.ts";
import { type Answer, foreign, printing } from "../support/foreign.ts";
import { failed, ok } from "../support/outcomes.ts";
import { toys, VETH } from "../support/toy_plugins.ts";

const C1 = { containerId: "c1", netns: "/ns/c1", ifName: "eth0", cniPath: "/opt/foreign", cacheDir: "/cache" };

const listOf = (keys: JsonObject, ...plugins: readonly JsonObject[]) =>
  Effect.runSync(parseNetworkList(JSON.stringify({ cniVersion: "1.1.0", name: "net", ...keys, plugins }), "a test"));

/** A machine with other people's plugins, and one of ours that makes a link: `ours`. */
function machineOf(answers: Readonly<Record<string, Answer>>) {
  const { layer, runs } = foreign(answers);
  const machine = new Machine(toys({ type: "ours", ops: [VETH] }), {}, layer);
  machine.kernel.addNetns("/ns/c1");
  return { machine, runs };
}

const resultAt = (address: string, more: JsonObject = {}) => ({ cniVersion: "1.1.0", ips: [{ address }], ...more });

Deno.test("[C23, I14] what a result has beside the specification reaches no other plugin and is not kept", async () => {
  const extra = { cniVersion: "1.0.0", ips: [{ address: "10.1.0.2/24", colour: "red" }], "x.example/y": { z: 1 } };
  const { machine, runs } = machineOf({ one: printing(extra), two: printing(resultAt("10.1.0.2/24")) });
  const list = listOf({}, { type: "one" }, { type: "two" });
  ok(await machine.network("ADD", list, C1));
  assert.deepEqual(runs[1]?.stdin.prevResult, { cniVersion: "1.0.0", ips: [{ address: "10.1.0.2/24" }] });
  const alone = machineOf({ one: printing(extra) });
  ok(await alone.machine.network("ADD", listOf({}, { type: "one" }), C1));
  const cached = jsonOf(alone.machine.files.get("/cache/results/net-c1-eth0") ?? "");
  assert.ok(isJsonObject(cached));
  assert.deepEqual(cached.result, { cniVersion: "1.0.0", ips: [{ address: "10.1.0.2/24" }] });
});

Deno.test("[C12, C41, J50] CHECK goes forward, each plugin gets the final result and what ADD was given", async () => {
  const { machine, runs } = machineOf({
    one: printing(resultAt("10.1.0.1/24")),
    two: printing(resultAt("10.1.0.2/24")),
  });
  const list = listOf({}, { type: "one", capabilities: { mac: true } }, { type: "two" });
  const given = { ...C1, args: [["A", "1"]] as const, capabilityArgs: { mac: "02:00:00:00:00:01" } };
  ok(await machine.network("ADD", list, given));
  ok(await machine.network("CHECK", list, given));
  const [add, , ...checks] = runs;
  assert.deepEqual(checks.map(({ file }) => file), ["/opt/foreign/one", "/opt/foreign/two"]);
  assert.deepEqual(checks.map(({ stdin }) => stdin.prevResult), [resultAt("10.1.0.2/24"), resultAt("10.1.0.2/24")]);
  assert.deepEqual(checks[0]?.environment, { ...add?.environment, CNI_COMMAND: "CHECK" });
  assert.deepEqual(checks[0]?.stdin.runtimeConfig, { mac: "02:00:00:00:00:01" });
});

Deno.test("[A29, A37, A38, C17, C22] keys of no protocol reach the plugin as they are written, whatever they hold", async () => {
  const { machine, runs } = machineOf({ one: printing(resultAt("10.1.0.1/24")) });
  const keys = {
    ipMasq: true,
    keyA: ["some", { of: null }],
    "example.org/x": 1.5,
    Ipam: {},
    ipam: { type: "x", y: [[]] },
  };
  ok(await machine.network("ADD", listOf({}, { type: "one", name: "own", ...keys }), C1));
  assert.deepEqual(runs[0]?.stdin, { type: "one", ...keys, name: "net", cniVersion: "1.1.0" });
});

Deno.test("[A5] keys of the list itself reach no plugin", async () => {
  const { machine, runs } = machineOf({ one: printing(resultAt("10.1.0.1/24")) });
  ok(await machine.network("ADD", listOf({ args: { a: 1 }, disableGC: true, keyA: 1 }, { type: "one" }), C1));
  assert.deepEqual(runs[0]?.stdin, { type: "one", name: "net", cniVersion: "1.1.0" });
});

Deno.test("[I12, E24, J110] a result of another family than the network's is refused by the next plugin of ours", async () => {
  const old = { cniVersion: "0.4.0", ips: [{ version: "4", address: "10.1.0.2/24" }] };
  const { machine, runs } = machineOf({ one: printing(old) });
  const { code, msg } = failed(await machine.network("ADD", listOf({}, { type: "one" }, { type: "ours" }), C1));
  assert.equal(code, 6);
  assert.match(msg, /"cniVersion": "0\.4\.0" is not one of 1\.0\.0, 1\.1\.0/);
  assert.deepEqual(runs.map(({ environment }) => environment.CNI_COMMAND), ["ADD", "DEL"], "what was done is undone");
});

Deno.test("[C6] a network that has changed since ADD is still torn down as it was set up", async () => {
  const { machine, runs } = machineOf({
    one: printing(resultAt("10.1.0.1/24")),
    two: printing(resultAt("10.1.0.2/24")),
  });
  const before = machine.kernel.dump();
  ok(await machine.network("ADD", listOf({}, { type: "ours" }, { type: "one", key: "old" }), C1));
  ok(await machine.network("DEL", listOf({}, { type: "two" }), C1));
  assert.deepEqual(runs.map(({ file, stdin }) => [file.slice(13), stdin.key]), [["one", "old"], ["one", "old"]]);
  assert.deepEqual(machine.kernel.dump(), before);
});

Deno.test("[C1] no plugin runs for a namespace that is not there yet", async () => {
  const { machine, runs } = machineOf({ one: printing(resultAt("10.1.0.1/24")) });
  const missing = { ...C1, netns: "/ns/not-yet" };
  const { code, msg } = failed(await machine.network("ADD", listOf({}, { type: "one" }), missing));
  assert.equal(code, 4);
  assert.match(msg, /"\/ns\/not-yet"/);
  assert.deepEqual([runs, machine.files.size], [[], 0]);
});

Deno.test("[C31, C5] after an ADD that failed, DEL of the network is welcome and finds nothing to do", async () => {
  const { machine, runs } = machineOf({ one: printing(resultAt("10.1.0.1/24")) });
  const before = machine.kernel.dump();
  const list = listOf({}, { type: "ours" }, { type: "one" }, { type: "missing" });
  failed(await machine.network("ADD", list, C1));
  const asked = runs.length;
  ok(await machine.network("DEL", listOf({}, { type: "ours" }, { type: "one" }), C1));
  assert.deepEqual(machine.kernel.dump(), before);
  assert.ok(runs.slice(asked).every(({ environment }) => environment.CNI_COMMAND === "DEL"));
});

Deno.test("[C36] a version that is none keeps no plugin from its DEL", async () => {
  const { machine, runs } = machineOf({ one: printing(resultAt("10.1.0.1/24")) });
  ok(await machine.network("ADD", listOf({}, { type: "one" }), C1));
  ok(await machine.network("DEL", listOf({ cniVersion: "nonsense" }, { type: "one" }), C1));
  assert.deepEqual(runs.map(({ environment }) => environment.CNI_COMMAND), ["ADD", "DEL"]);
});

Deno.test("[B80, C15, C24, C56, J59] STATUS goes forward and ends with the first plugin that is not ready, in its words", async () => {
  const error = { code: 51, msg: "no daemon", details: "start it" };
  const { machine, runs } = machineOf({
    one: () => ({ stdout: "ignored" }),
    two: () => ({ code: 1, stdout: JSON.stringify(error) }),
    three: () => ({}),
  });
  const plugins = ["one", "two", "three"].map((type) => ({ type, capabilities: { mac: true } }));
  assert.deepEqual(failed(outcomeOf(await machine.run(status(listOf({}, ...plugins), C1.cniPath)))), error);
  assert.deepEqual(runs.map(({ environment }) => environment.CNI_COMMAND), ["STATUS", "STATUS"]);
  for (const { stdin } of runs) assert.deepEqual([stdin.prevResult, stdin.runtimeConfig], [undefined, undefined]);
  ok(outcomeOf(await machine.run(status(listOf({ cniVersion: "1.0.0" }, ...plugins), C1.cniPath))));
  assert.equal(runs.length, 2, "below 1.1.0 nobody is asked");
});
