import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { Attachment } from "../../../src/runtime/attach.ts";
import { type NetworkList, parseNetworkList } from "../../../src/spec/network_list.ts";
import { Machine } from "../../support/engine.ts";
import { type Answer, foreign, printing, type Run } from "../../support/foreign.ts";
import { failed, ok, wordsOf } from "../../support/outcomes.ts";
import { LEASE, SYSCTL, toys } from "../../support/toy_plugins.ts";

const C1: Attachment = {
  containerId: "c1",
  netns: "/ns/c1",
  ifName: "eth0",
  args: [["K8S_POD_NAME", "pod"], ["IgnoreUnknown", "1"]],
  cniPath: "/opt/foreign:/opt/cni/bin",
  cacheDir: "/cache",
};

const listOf = (cniVersion: string, ...types: readonly string[]): NetworkList =>
  Effect.runSync(
    parseNetworkList(JSON.stringify({ cniVersion, name: "net", plugins: types.map((type) => ({ type })) }), "a test"),
  );

const resultAt = (cniVersion: string, address: string) => ({
  cniVersion,
  ips: [{ ...(cniVersion.startsWith("0.") ? { version: "4" } : {}), address }],
  ...(cniVersion.startsWith("0.") ? { dns: {} } : {}), // before 1.0.0 the key is always there
});

function machineOf(answers: Readonly<Record<string, Answer>>) {
  const { layer, runs } = foreign(answers);
  const machine = new Machine(
    toys({ type: "ours", ops: [SYSCTL, LEASE] }, { type: "late", refuse: "Cannot go on" }),
    {},
    layer,
  );
  machine.kernel.addNetns("/ns/c1");
  return { machine, runs };
}

const commandsOf = (runs: readonly Run[]): readonly string[] =>
  runs.map(({ file, environment }) => `${environment.CNI_COMMAND} ${file.slice(13)}`);

Deno.test("[B1, B5, B6, B7, B8, B9, B10, B22, C8] a foreign plugin is run with the whole environment of the protocol, on ADD and on DEL", async () => {
  const { machine, runs } = machineOf({ them: printing(resultAt("1.1.0", "10.1.0.5/24")) });
  ok(await machine.network("ADD", listOf("1.1.0", "them"), C1));
  ok(await machine.network("DEL", listOf("1.1.0", "them"), { ...C1, netns: "", args: [], cniPath: "/elsewhere" }));
  const expected = {
    CNI_CONTAINERID: "c1",
    CNI_NETNS: "/ns/c1",
    CNI_IFNAME: "eth0",
    CNI_ARGS: "K8S_POD_NAME=pod;IgnoreUnknown=1",
    CNI_PATH: "/opt/foreign:/opt/cni/bin",
  };
  assert.deepEqual(runs.map(({ environment }) => environment), [
    { CNI_COMMAND: "ADD", ...expected },
    { CNI_COMMAND: "DEL", ...expected, CNI_PATH: "/elsewhere" },
  ], "DEL undoes what ADD did, where ADD did it; only the plugins may have moved");
});

Deno.test("[C11, C13, C18, J44, J54, J117] each plugin gets the result of the one before it; DEL runs backwards and gets the final one", async () => {
  const { machine, runs } = machineOf({
    one: printing(resultAt("1.1.0", "10.1.0.1/24")),
    two: printing(resultAt("1.1.0", "10.1.0.2/24")),
  });
  const list = listOf("1.1.0", "one", "two");
  assert.deepEqual(ok(await machine.network("ADD", list, C1))?.ips?.map(({ address }) => address), ["10.1.0.2/24"]);
  ok(await machine.network("DEL", list, C1));
  assert.deepEqual(commandsOf(runs), ["ADD one", "ADD two", "DEL two", "DEL one"]);
  assert.deepEqual(runs.map(({ stdin }) => stdin), [
    { type: "one", cniVersion: "1.1.0", name: "net" },
    { type: "two", cniVersion: "1.1.0", name: "net", prevResult: resultAt("1.1.0", "10.1.0.1/24") },
    { type: "two", cniVersion: "1.1.0", name: "net", prevResult: resultAt("1.1.0", "10.1.0.2/24") },
    { type: "one", cniVersion: "1.1.0", name: "net", prevResult: resultAt("1.1.0", "10.1.0.2/24") },
  ]);
});

for (const [version, sends] of [["0.3.1", false], ["0.4.0", true], ["1.0.0", true]] as const) {
  Deno.test(`[C35, J40, J55] DEL of ${version} gets ${sends ? "the final result" : "no prevResult at all"}`, async () => {
    const { machine, runs } = machineOf({
      one: printing(resultAt(version, "10.1.0.1/24")),
      two: printing(resultAt(version, "10.1.0.2/24")),
    });
    const list = listOf(version, "one", "two");
    ok(await machine.network("ADD", list, C1));
    ok(await machine.network("DEL", list, C1));
    const results = runs.slice(2).map(({ stdin }) => stdin.prevResult);
    const final = sends ? resultAt(version, "10.1.0.2/24") : undefined;
    assert.deepEqual(results, [final, final]);
  });
}

Deno.test("[C5, C31, I27, J48] a foreign plugin whose ADD fails gets its DEL, and so do those before it", async () => {
  const error = { code: 103, msg: "no room", details: "try later" };
  const { machine, runs } = machineOf({
    one: printing(resultAt("1.1.0", "10.1.0.1/24")),
    two: ({ environment }) => environment.CNI_COMMAND === "ADD" ? { code: 1, stdout: JSON.stringify(error) } : {},
  });
  const before = machine.kernel.dump();
  assert.deepEqual(failed(await machine.network("ADD", listOf("1.1.0", "ours", "one", "two"), C1)), error);
  assert.deepEqual(commandsOf(runs), ["ADD one", "ADD two", "DEL two", "DEL one"]);
  assert.deepEqual(machine.kernel.dump(), before);
  assert.equal(machine.leases.dump()[LEASE.pool]?.["10.1.0.2"], undefined);
  assert.deepEqual(machine.files.size, 0, "nothing is cached");
});

Deno.test("[C5, C31, I27] when a plugin of ours fails, the foreign ones before it get their DEL", async () => {
  const { machine, runs } = machineOf({ one: printing(resultAt("1.1.0", "10.1.0.1/24")) });
  assert.equal(failed(await machine.network("ADD", listOf("1.1.0", "one", "late"), C1)).msg, "Cannot go on");
  assert.deepEqual(commandsOf(runs), ["ADD one", "DEL one"]);
});

Deno.test("[C13, I26, J56, J117] a foreign DEL that fails is reported, those before it still run, and the next DEL asks only it again", async () => {
  let works = false;
  const { machine, runs } = machineOf({
    one: printing(resultAt("1.1.0", "10.1.0.1/24")),
    two: (run) =>
      run.environment.CNI_COMMAND === "ADD" || works
        ? printing(resultAt("1.1.0", "10.1.0.2/24"))(run)
        : { code: 1, stdout: '{"code": 11, "msg": "busy"}' },
  });
  const list = listOf("1.1.0", "one", "two");
  ok(await machine.network("ADD", list, C1));
  assert.deepEqual(failed(await machine.network("DEL", list, C1)), { code: 11, msg: "busy" });
  works = true;
  ok(await machine.network("DEL", list, C1));
  assert.deepEqual(commandsOf(runs).slice(2), ["DEL two", "DEL one", "DEL two"]);
});

const ENDS: readonly (readonly [what: string, answer: Answer, code: number, words: RegExp])[] = [
  [
    "prints no JSON",
    () => ({ stdout: "hello" }),
    6,
    /Cannot read the result of plugin "them": it is not JSON: "hello"/,
  ],
  ["prints nothing", () => ({}), 6, /Cannot read the result of plugin "them": it is not JSON: ""/],
  ["prints a result of no version", () => ({ stdout: '{"cniVersion":"7.0.0"}' }), 6, /7\.0\.0/],
  ["prints a list", () => ({ stdout: "[]" }), 6, /result/],
  [
    "is killed",
    () => ({ code: 137, signal: "SIGKILL" }),
    999,
    /Cannot run ADD of plugin "them": it ended with signal SIGKILL, and it printed nothing/,
  ],
  [
    "crashes with words on stderr",
    () => ({ code: 2, stderr: "panic: no such thing\n" }),
    999,
    /Cannot run ADD of plugin "them": it ended with exit code 2: "panic: no such thing/,
  ],
  [
    "fails with something that is no error object",
    () => ({ code: 1, stdout: '{"ips":[]}' }),
    999,
    /exit code 1: .*ips/,
  ],
  ["fails with an error object", () => ({ code: 1, stdout: '{"code":100,"msg":"m","details":"d"}' }), 100, /^m; d$/],
];

for (const [what, answer, code, words] of ENDS) {
  Deno.test(`[B54, B59] a foreign plugin that ${what} is named with code ${code}, and gets its DEL`, async () => {
    const { machine, runs } = machineOf({
      them: (run) => run.environment.CNI_COMMAND === "ADD" ? answer(run) : {},
    });
    const failure = failed(await machine.network("ADD", listOf("1.1.0", "them"), C1));
    assert.equal(failure.code, code, wordsOf(failure));
    assert.match(wordsOf(failure), words);
    assert.deepEqual(commandsOf(runs), ["ADD them", "DEL them"]);
  });
}

Deno.test("[B31, D5] what a foreign plugin says on stderr reaches the operator, also when it succeeds", async () => {
  const { machine } = machineOf({
    them: () => ({ stdout: JSON.stringify(resultAt("1.1.0", "10.1.0.1/24")), stderr: "a warning\n" }),
  });
  ok(await machine.network("ADD", listOf("1.1.0", "them"), C1));
  assert.deepEqual(machine.said, ["a warning"]);
});

Deno.test("[C16, J46] a plugin that is nowhere fails ADD by name, and what the others did is undone", async () => {
  const { machine } = machineOf({});
  const before = machine.kernel.dump();
  const failure = failed(await machine.network("ADD", listOf("1.1.0", "ours", "missing"), C1));
  assert.match(failure.msg, /Cannot find plugin "missing": it is in none of the folders/);
  assert.deepEqual(machine.kernel.dump(), before);
  assert.equal(machine.leases.dump()[LEASE.pool]?.["10.1.0.2"], undefined);
});

Deno.test("[C35] with the log lost, a foreign plugin gets DEL with what the runtime says now, and the cached result", async () => {
  const answers = { them: printing(resultAt("1.1.0", "10.1.0.5/24")) };
  const first = machineOf(answers);
  ok(await first.machine.network("ADD", listOf("1.1.0", "them"), C1));
  const { machine, runs } = machineOf(answers);
  for (const [path, text] of first.machine.files) machine.files.set(path, text);
  ok(await machine.network("DEL", listOf("1.1.0", "them"), C1));
  const [run] = runs;
  assert.deepEqual([run?.environment.CNI_NETNS, run?.environment.CNI_PATH], ["/ns/c1", C1.cniPath]);
  assert.equal(run?.environment.CNI_ARGS, "K8S_POD_NAME=pod;IgnoreUnknown=1");
  assert.deepEqual(run?.stdin.prevResult, resultAt("1.1.0", "10.1.0.5/24"));
});
