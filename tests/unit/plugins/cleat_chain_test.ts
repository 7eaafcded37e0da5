/** `cleat` as a part of longer chains, with other people's plugins in it, and what it refuses. */
import assert from "node:assert/strict";
import { registry } from "../../../src/plugins/registry.ts";
import type { Attachment } from "../../../src/runtime/attach.ts";
import { Machine } from "../../support/engine.ts";
import { type Answer, foreign, printing, type Run } from "../../support/foreign.ts";
import { listOf, nestedOf, oneByOne } from "../../support/one_by_one.ts";
import { eventsOf, failed, ok, streamOf, wordsOf } from "../../support/outcomes.ts";
import { SYSCTL, toys } from "../../support/toy_plugins.ts";

const C1: Attachment = {
  containerId: "c1",
  netns: "/ns/c1",
  ifName: "eth0",
  args: [["IgnoreUnknown", "1"], ["K8S_POD_NAME", "pod"]],
  capabilityArgs: { mac: "02:00:00:00:00:01", ips: ["10.1.0.9/24"], bandwidth: {} },
  cniPath: "/opt/foreign:/opt/cni/bin",
  cacheDir: "/cache",
};

const resultAt = (address: string) => ({ cniVersion: "1.1.0", ips: [{ address }] });
const one = printing(resultAt("10.1.0.1/24"));
const two = printing(resultAt("10.1.0.2/24"));

const machineOf = (answers: Readonly<Record<string, Answer>>, ours = registry) => {
  const { layer, runs } = foreign(answers);
  const machine = new Machine(ours, {}, layer);
  machine.kernel.addNetns("/ns/c1");
  return { machine, runs };
};

const requestsOf = (runs: readonly Run[]) => runs.map(({ file, environment, stdin }) => ({ file, environment, stdin }));
const commandsOf = (runs: readonly Run[]): readonly string[] =>
  runs.map(({ file, environment }) => `${environment.CNI_COMMAND} ${file.slice("/opt/foreign/".length)}`);

const MIXED = listOf([
  { type: "one", capabilities: { mac: true, bandwidth: false }, keyA: [1, { b: null }], args: { cni: { x: 1 } } },
  {
    type: "two",
    capabilities: { ips: true, deviceID: true },
    runtimeConfig: { stored: 1 },
    Name: "old",
    cniVersion: "0.1.0",
  },
]);

Deno.test("[C17, C18, C19, C21, C22, C24] other people's plugins in cleat are asked in the words they would hear from the runtime", async () => {
  const [apart, together] = [machineOf({ one, two }), machineOf({ one, two })];
  for (const verb of ["ADD", "CHECK", "DEL", "STATUS", "GC"] as const) {
    const said = {
      ...(verb === "CHECK" || verb === "DEL" ? { prevResult: resultAt("10.1.0.2/24") } : {}),
      ...(verb === "GC" ? { valid: [{ containerId: "c9", ifName: "eth0" }] } : {}),
    };
    ok(await oneByOne(apart.machine, MIXED, verb, C1, said), verb);
    ok(await oneByOne(together.machine, nestedOf(MIXED), verb, C1, said), verb);
    assert.deepEqual(requestsOf(together.runs), requestsOf(apart.runs), verb);
  }
  assert.equal(together.runs.length, 10);
});

Deno.test("[C18] the first plugin in cleat gets the result of the plugin before cleat, and `args` of the runtime reaches all", async () => {
  const { machine, runs } = machineOf({ one, two });
  const args = { cni: { labels: [{ key: "app", value: "web" }] } };
  const { raw } = nestedOf(MIXED).plugins[0] ?? assert.fail();
  const config = { ...raw, cniVersion: "1.1.0", name: "net", args, prevResult: resultAt("10.9.9.9/24") };
  ok(await oneByOne(machine, nestedOf(MIXED), "ADD", C1, { config }));
  assert.deepEqual(runs.map(({ stdin }) => stdin.args), [args, args]);
  assert.deepEqual(runs.map(({ stdin }) => stdin.prevResult), [resultAt("10.9.9.9/24"), resultAt("10.1.0.1/24")]);
});

Deno.test("[C19] without capabilities of its own, cleat is offered nothing and has nothing to hand on", async () => {
  const { machine, runs } = machineOf({ one, two });
  const list = listOf([{ type: "cleat", plugins: MIXED.plugins.map(({ raw }) => raw) }]);
  ok(await oneByOne(machine, list, "ADD", C1));
  assert.deepEqual(runs.map(({ stdin }) => stdin.runtimeConfig), [undefined, { stored: 1 }]);
});

const refusing = (verb: string, code: number): Answer => (run) =>
  run.environment.CNI_COMMAND === verb
    ? { code: 1, stdout: JSON.stringify({ code, msg: `not now, ${run.file}`, details: "d" }) }
    : one(run);

for (const verb of ["ADD", "CHECK", "DEL", "STATUS"] as const) {
  Deno.test(`a failing ${verb} of somebody else's plugin is told by cleat as it was told`, async () => {
    for (const [first, second] of [[refusing(verb, 111), two], [one, refusing(verb, 50)]] as const) {
      const [apart, together] = [{ one: first, two: second }, { one: first, two: second }].map((all) => machineOf(all));
      assert.ok(apart !== undefined && together !== undefined);
      if (verb === "DEL" || verb === "CHECK") {
        ok(await oneByOne(apart.machine, MIXED, "ADD", C1));
        ok(await oneByOne(together.machine, nestedOf(MIXED), "ADD", C1));
      }
      const expected = failed(await oneByOne(apart.machine, MIXED, verb, C1));
      assert.deepEqual(failed(await oneByOne(together.machine, nestedOf(MIXED), verb, C1)), expected);
    }
  });
}

Deno.test("[C31, C35] when the second plugin in cleat fails ADD, both get DEL, the last first; DEL goes on past a failure", async () => {
  const failing = machineOf({ one, two: refusing("ADD", 111) });
  failed(await oneByOne(failing.machine, nestedOf(MIXED), "ADD", C1));
  assert.deepEqual(commandsOf(failing.runs), ["ADD one", "ADD two", "DEL two", "DEL one"]);
  const stuck = machineOf({ one, two: refusing("DEL", 11) });
  ok(await oneByOne(stuck.machine, nestedOf(MIXED), "ADD", C1));
  assert.equal(failed(await oneByOne(stuck.machine, nestedOf(MIXED), "DEL", C1)).code, 11);
  failed(await oneByOne(stuck.machine, nestedOf(MIXED), "DEL", C1));
  assert.deepEqual(
    commandsOf(stuck.runs).slice(2),
    ["DEL two", "DEL one", "DEL two"],
    "only what is owed is tried again",
  );
});

Deno.test("[C46] GC by cleat reaches every plugin, and tells all failures", async () => {
  const { machine, runs } = machineOf({ one: refusing("GC", 11), two: refusing("GC", 111) });
  const failure = failed(await oneByOne(machine, nestedOf(MIXED), "GC", C1, { valid: [] }));
  assert.equal(failure.code, 11);
  assert.match(wordsOf(failure), /foreign\/one.*foreign\/two/);
  assert.deepEqual(commandsOf(runs), ["GC one", "GC two"]);
});

Deno.test("[A27] cleat may stand in a chain, twice, between others that it also holds: each has its stream, and DEL restores all", async () => {
  const machine = new Machine(registry);
  machine.kernel.addNetns("/ns/c1");
  const before = machine.kernel.dump();
  const tuning = (value: string) => ({ type: "tuning", sysctl: { "net.core.somaxconn": value } });
  const ipam = { type: "host-local", subnet: "10.1.0.0/24" };
  const list = listOf([
    { type: "bridge", bridge: "br0", ipam },
    { type: "cleat", plugins: [tuning("500"), tuning("501")] },
    tuning("502"),
    { type: "cleat", plugins: [tuning("503")] },
  ]);
  const attachment = { ...C1, cniPath: "", capabilityArgs: {} };
  ok(await machine.network("ADD", list, attachment));
  for (const slot of ["bridge", "cleat", "cleat#2", "tuning", "tuning#2", "tuning#3", "tuning#4"]) {
    assert.equal(await machine.stateOf(streamOf(slot)), "attached", slot);
  }
  assert.match(JSON.stringify(machine.kernel.dump()), /"503"/);
  assert.match(
    wordsOf(failed(await machine.network("CHECK", list, attachment))),
    /somaxconn.*500.*503/,
    "later ones won",
  );
  ok(await machine.network("DEL", list, attachment));
  machine.kernel.drift("/ns/c1", { op: "link.delete", on: "host", name: "br0" });
  assert.deepEqual(machine.kernel.dump(), before);
});

Deno.test("a plugin in cleat is undone though the configuration has been changed since", async () => {
  const cleat = registry.get("cleat") ?? assert.fail();
  const machine = new Machine(new Map([...toys({ type: "toy", ops: [SYSCTL] }), ["cleat", cleat]]));
  machine.kernel.addNetns("/ns/c1");
  const attachment = { ...C1, cniPath: "" };
  const before = machine.kernel.dump();
  ok(await oneByOne(machine, listOf([{ type: "cleat", plugins: [{ type: "toy" }] }]), "ADD", attachment));
  assert.notDeepEqual(machine.kernel.dump(), before);
  ok(await oneByOne(machine, listOf([{ type: "cleat", plugins: [{ type: "tuning" }] }]), "DEL", attachment));
  assert.deepEqual(machine.kernel.dump(), before);
});

const WRONG: readonly (readonly [what: string, config: object, words: RegExp])[] = [
  ["no plugins", {}, /"plugins": it is missing/],
  ["an empty list", { plugins: [] }, /"plugins": \[\] is not an array with at least one plugin/],
  ["plugins that are no list", { plugins: { type: "tuning" } }, /"plugins": \{"type":"tuning"\} is not an array/],
  ["a plugin that is no object", { plugins: [7] }, /"plugins\[0\]": 7 is not an object/],
  ["a plugin without a type", { plugins: [{ type: "tuning" }, {}] }, /"plugins\[1\]\.type": it is missing/],
  ["a plugin with an empty type", { plugins: [{ type: "" }] }, /"plugins\[0\]\.type": ""/],
  [
    "a capability that is neither on nor off",
    { plugins: [{ type: "tuning", capabilities: { mac: 1 } }] },
    /"plugins\[0\]\.capabilities\.mac": 1/,
  ],
  [
    "cleat in itself",
    { plugins: [{ type: "tuning" }, { type: "cleat", plugins: [{ type: "tuning" }] }] },
    /"plugins\[1\]\.type": "cleat" cannot stand within "cleat": list its plugins in the outer one/,
  ],
];

for (const [what, config, words] of WRONG) {
  Deno.test(`cleat refuses ${what} by name for every verb but DEL, and touches nothing`, async () => {
    const { machine } = machineOf({ one, two });
    const before = machine.dump();
    const request = { cniVersion: "1.1.0", name: "net", type: "cleat", ...config };
    for (const verb of ["ADD", "CHECK", "STATUS", "GC"] as const) {
      const failure = failed(await oneByOne(machine, nestedOf(MIXED), verb, C1, { config: request }), verb);
      assert.equal(failure.code, 7, verb);
      assert.match(wordsOf(failure), words, verb);
    }
    ok(await oneByOne(machine, nestedOf(MIXED), "DEL", C1, { config: request }));
    assert.deepEqual([machine.dump(), machine.log.dump()], [before, {}]);
    assert.deepEqual(await eventsOf(machine, streamOf("cleat")), []);
  });
}
