import assert from "node:assert/strict";
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { type DelegateError, type Invocation, Plugins } from "../../../src/engine/delegate.ts";
import { TraceContext } from "../../../src/engine/trace_context.ts";
import { registry } from "../../../src/plugins/registry.ts";
import type { CniFailure } from "../../../src/spec/failure.ts";
import { VERSIONS } from "../../../src/spec/released_versions.ts";
import { Machine } from "../../support/engine.ts";
import { type Answer, foreign, printing } from "../../support/foreign.ts";

const THEIRS = { cniVersion: "1.1.0", ips: [{ address: "10.1.0.5/24" }] };

const invocationOf = (command: Invocation["command"], change: Partial<Invocation> = {}): Invocation => ({
  plugin: "them",
  command,
  key: { network: "net", containerId: "c1", ifName: "eth0" },
  netns: "/ns/c1",
  allowOwnNetns: false,
  args: "K=V",
  path: "/opt/foreign",
  config: { cniVersion: "1.1.0", name: "net", type: "them" },
  ...change,
});

const machineOf = (answers: Readonly<Record<string, Answer>>) => {
  const { layer, runs } = foreign(answers);
  return { machine: new Machine(registry, {}, layer), runs };
};

const ask = <A>(use: (plugins: Plugins["Service"]) => Effect.Effect<A, DelegateError>) => Effect.flatMap(Plugins, use);

/** What an invocation of "them" that answers so comes to: the failure, or null. */
async function failureOf(
  answer: Answer,
  command: Invocation["command"] = "ADD",
): Promise<CniFailure | null> {
  const { machine } = machineOf({ them: answer });
  const exit = await machine.run(ask((plugins) => plugins.invoke(invocationOf(command))));
  if (Exit.isSuccess(exit)) return null;
  const error = Cause.findErrorOption(exit.cause);
  assert.ok(error._tag === "Some", Cause.pretty(exit.cause));
  return error.value.failure;
}

const succeeded = <A>(exit: Exit.Exit<A, unknown>): A => {
  assert.ok(Exit.isSuccess(exit), JSON.stringify(exit));
  return exit.value;
};

Deno.test("[B5, B15, D2, D3, J80, J81] every variable is there for every verb; those of an attachment are empty for GC and STATUS", async () => {
  const { machine, runs } = machineOf({ them: printing(THEIRS) });
  for (const command of ["ADD", "CHECK", "DEL", "GC", "STATUS"] as const) {
    succeeded(await machine.run(ask((plugins) => plugins.invoke(invocationOf(command)))));
  }
  const given = { CNI_CONTAINERID: "c1", CNI_NETNS: "/ns/c1", CNI_IFNAME: "eth0", CNI_ARGS: "K=V" };
  const none = { CNI_CONTAINERID: "", CNI_NETNS: "", CNI_IFNAME: "", CNI_ARGS: "" };
  assert.deepEqual(runs.map(({ environment }) => environment), [
    { CNI_COMMAND: "ADD", ...given, CNI_PATH: "/opt/foreign" },
    { CNI_COMMAND: "CHECK", ...given, CNI_PATH: "/opt/foreign" },
    { CNI_COMMAND: "DEL", ...given, CNI_PATH: "/opt/foreign" },
    { CNI_COMMAND: "GC", ...none, CNI_PATH: "/opt/foreign" },
    { CNI_COMMAND: "STATUS", ...none, CNI_PATH: "/opt/foreign" },
  ]);
});

Deno.test("[B11, D3] the override of the namespace check is handed on where it was given", async () => {
  const { machine, runs } = machineOf({ them: printing(THEIRS) });
  succeeded(await machine.run(ask((plugins) => plugins.invoke(invocationOf("ADD", { allowOwnNetns: true })))));
  assert.equal(runs[0]?.environment.CNI_NETNS_OVERRIDE, "1");
});

Deno.test("[B12, H41, I30, J127] a trace goes with every verb and VERSION, on top of the environment; none adds nothing", async () => {
  const { machine, runs } = machineOf({
    them: (run) =>
      run.environment.CNI_COMMAND === "VERSION"
        ? { stdout: '{"cniVersion":"1.1.0","supportedVersions":["1.1.0"]}' }
        : printing(THEIRS)(run),
  });
  const all = ask((plugins) =>
    Effect.andThen(plugins.invoke(invocationOf("ADD")), plugins.versions("them", "/opt/foreign"))
  );
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  succeeded(await machine.run(Effect.provideService(all, TraceContext, { traceparent, baggage: "a=b" })));
  succeeded(await machine.run(all));
  assert.deepEqual(runs.map(({ environment }) => [environment.TRACEPARENT, environment.BAGGAGE]), [
    [traceparent, "a=b"],
    [traceparent, "a=b"],
    [undefined, undefined],
    [undefined, undefined],
  ]);
  assert.equal(runs[0]?.environment.CNI_IFNAME, "eth0");
});

const FAILURES: readonly (readonly [what: string, printed: Awaited<ReturnType<Answer>>, code: number, text: RegExp])[] =
  [
    [
      "an object without code and message",
      { code: 1, stdout: '{"a":1}' },
      999,
      /exit code 1: "\{\\"a\\":1\}"/,
    ],
    [
      "a result, and then fails",
      { code: 2, stdout: JSON.stringify(THEIRS) },
      999,
      /exit code 2: .*10\.1\.0\.5/,
    ],
    ["an error object", { code: 1, stdout: '{"code":123,"msg":"m","details":"d"}' }, 123, /^m; d$/],
    ["an error object in other cases", { code: 1, stdout: '{"Code":11,"Msg":"m"}' }, 11, /^m$/],
    ["a message without a code", { code: 1, stdout: '{"msg":"link not found"}' }, 999, /^link not found$/],
    ["a code without a message", { code: 1, stdout: '{"code":3}' }, 3, /plugin "them": .*without a message/],
    ["a negative code", { code: 1, stdout: '{"code":-1,"msg":"m"}' }, 999, /exit code 1: .*-1/],
    ["a code that is a text", { code: 1, stdout: '{"code":"7","msg":"m"}' }, 999, /exit code 1: .*7/],
    ["words on stderr only", { code: 2, stderr: "panic\n" }, 999, /exit code 2: "panic\\n"/],
    ["nothing", { code: 3 }, 999, /exit code 3, and it printed nothing/],
    [
      "nothing, being killed",
      { code: 137, signal: "SIGKILL" },
      999,
      /signal SIGKILL, and it printed nothing/,
    ],
    [
      "rubbish and words on stderr",
      { code: 1, stdout: "<html>", stderr: "cannot reach it\n" },
      999,
      /exit code 1: "<html>"; on stderr: "cannot reach it"/,
    ],
    ["two documents", { code: 1, stdout: '{"code":7,"msg":"a"}{}' }, 999, /exit code 1: .*code/],
    ["too much, though it ended well", { code: 0, flooded: "stderr" }, 999, /more than 16777216 bytes on stderr/],
    ["no result", {}, 6, /result of plugin "them": it is not JSON: ""/],
    ["two results", { stdout: "{}{}" }, 6, /it is not JSON: "\{\}\{\}"/],
    ["an array", { stdout: "[]" }, 6, /result/],
    ["a result of no version", { stdout: '{"cniVersion":"7.0.0"}' }, 6, /7\.0\.0/],
    ["a result whose version is a number", { stdout: '{"cniVersion":7,"ips":7}' }, 6, /ips/],
  ];

for (const [what, printed, code, text] of FAILURES) {
  Deno.test(`[B51, B53, B54, B55, B59, H43, I13, I45, J89, J121, J122] a plugin that prints ${what} has failed with code ${code}`, async () => {
    const failure = await failureOf(() => printed);
    assert.equal(failure?.code, code, JSON.stringify(failure));
    assert.match(failure.details === undefined ? failure.msg : `${failure.msg}; ${failure.details}`, text);
    assert.ok(failure.msg.length < 400);
  });
}

Deno.test("[B2, B29, B60, J121] a plugin that ends well has succeeded, whatever else it prints; ADD of an error object says so", async () => {
  const error = { stdout: '{"code":11,"msg":"later"}' };
  for (const command of ["CHECK", "DEL", "GC", "STATUS"] as const) {
    for (const printed of [{ stdout: "hello" }, { stdout: "[]" }, {}, error]) {
      assert.equal(await failureOf(() => printed, command), null, `${command} ${JSON.stringify(printed)}`);
    }
  }
  const { machine } = machineOf({ them: () => error });
  const result = succeeded(await machine.run(ask((plugins) => plugins.invoke(invocationOf("ADD")))));
  assert.deepEqual(result, { cniVersion: "1.1.0" });
  assert.deepEqual(machine.said, ['Plugin "them" ended ADD with success, and with an error object: later']);
});

Deno.test("[B59, D6, J84, J85, J121] a result without a version has the config's; null is an empty one", async () => {
  for (const [stdout, version] of [['{"ips":[]}', "1.0.0"], ["null", "0.4.0"], ['{"cniVersion":"0.3.1"}', "1.0.0"]]) {
    const { machine } = machineOf({ them: () => ({ stdout: stdout ?? "" }) });
    const config = { cniVersion: version ?? "", name: "net", type: "them" };
    const result = succeeded(await machine.run(ask((plugins) => plugins.invoke(invocationOf("ADD", { config })))));
    assert.equal(result?.cniVersion, stdout?.includes("0.3.1") ? "0.3.1" : version);
  }
  const { machine } = machineOf({ them: () => ({ stdout: "{}" }) });
  const config = { name: "net", type: "them" };
  const result = succeeded(await machine.run(ask((plugins) => plugins.invoke(invocationOf("ADD", { config })))));
  assert.equal(result?.cniVersion, "0.1.0");
});

Deno.test("[D4] a plugin reads the whole request config, with keys nobody knows", async () => {
  const { machine, runs } = machineOf({ them: printing(THEIRS) });
  const config = { cniVersion: "1.1.0", name: "net", type: "bridge", ipam: { type: "them" }, keyA: [1, { b: null }] };
  succeeded(await machine.run(ask((plugins) => plugins.invoke(invocationOf("ADD", { config })))));
  assert.deepEqual(runs[0]?.stdin, config);
});

Deno.test("[B64, B65, B67, C57, J42, J87] VERSION is asked with the variables that old plugins demand, and no configuration", async () => {
  const { machine, runs } = machineOf({
    them: () => ({ stdout: '{"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0"]}' }),
  });
  const versions = succeeded(await machine.run(ask((plugins) => plugins.versions("them", "/opt/foreign"))));
  assert.deepEqual(versions, ["0.4.0", "1.0.0"]);
  assert.deepEqual(runs[0], {
    file: "/opt/foreign/them",
    stdin: { cniVersion: "1.1.0" },
    environment: {
      CNI_COMMAND: "VERSION",
      CNI_CONTAINERID: "",
      CNI_NETNS: "dummy",
      CNI_IFNAME: "dummy",
      CNI_ARGS: "",
      CNI_PATH: "dummy",
    },
  });
});

Deno.test("[B66, J87, J90] a plugin older than VERSION speaks 0.1.0; any other failure of VERSION is one", async () => {
  const versionsOf = (printed: string) => {
    const { machine } = machineOf({ them: () => ({ code: 1, stdout: printed }) });
    return machine.run(ask((plugins) => plugins.versions("them", "/opt/foreign")));
  };
  assert.deepEqual(succeeded(await versionsOf('{"code":100,"msg":"unknown CNI_COMMAND: VERSION"}')), ["0.1.0"]);
  const exit = await versionsOf('{"code":100,"msg":"no database"}');
  assert.ok(Exit.isFailure(exit) && Cause.pretty(exit.cause).includes("no database"));
});

Deno.test("[H14, H27, J42] our own plugins tell their versions without a process; a missing one is named", async () => {
  const { machine, runs } = machineOf({});
  assert.deepEqual(
    succeeded(await machine.run(ask((plugins) => plugins.versions("bridge", "/opt/foreign")))),
    VERSIONS,
  );
  const exit = await machine.run(ask((plugins) => plugins.versions("missing", "/opt/foreign")));
  assert.ok(Exit.isFailure(exit) && Cause.pretty(exit.cause).includes('Cannot find plugin "missing"'));
  assert.deepEqual(runs, []);
});

Deno.test("[H28] a search tells ours from others", async () => {
  const { machine } = machineOf({ them: () => ({}) });
  const find = async (plugin: string) => succeeded(await machine.run(ask((plugins) => plugins.find(plugin, "/opt"))));
  assert.deepEqual(await find("tuning"), { ours: true });
  assert.deepEqual(await find("them"), { ours: false, file: "/opt/foreign/them" });
});
