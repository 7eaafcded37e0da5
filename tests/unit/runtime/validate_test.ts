import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { pluginVersions } from "../../../src/runtime/installed.ts";
import { validateNetwork } from "../../../src/runtime/validate.ts";
import { parseNetworkList } from "../../../src/spec/network_list.ts";
import { Machine } from "../../support/engine.ts";
import { type Answer, foreign } from "../../support/foreign.ts";
import { toys } from "../../support/toy_plugins.ts";

const speaking = (...supportedVersions: readonly string[]): Answer => () => ({
  stdout: JSON.stringify({ cniVersion: "1.1.0", supportedVersions }),
});

const BROKEN: Answer = () => ({ code: 1, stdout: JSON.stringify({ code: 11, msg: "come back later" }) });
const ANCIENT: Answer = () => ({ code: 1, stdout: JSON.stringify({ code: 4, msg: "unknown CNI_COMMAND: VERSION" }) });

const machineOf = (answers: Readonly<Record<string, Answer>>) => {
  const { layer, runs } = foreign(answers);
  return { machine: new Machine(toys({ type: "ours" }), {}, layer), runs };
};

const listOf = (cniVersion: string, ...plugins: readonly object[]) =>
  Effect.runSync(parseNetworkList(JSON.stringify({ cniVersion, name: "lab", plugins }), "a test"));

/** What a validation answers: the capabilities, or what is wrong. */
const validated = async (machine: Machine, list: ReturnType<typeof listOf>) => {
  const exit = await machine.run(Effect.result(validateNetwork(list, "/opt/foreign")));
  assert.ok(Exit.isSuccess(exit));
  return exit.value._tag === "Success" ? exit.value.success : exit.value.failure.failure;
};

Deno.test("[A68, H13, J27, J57] a network that could be used answers the capabilities that any plugin wants, once", async () => {
  const { machine, runs } = machineOf({ one: speaking("1.0.0", "1.1.0"), two: speaking("1.1.0") });
  const list = listOf(
    "1.1.0",
    { type: "one", capabilities: { portMappings: true, mac: false } },
    { type: "ours", capabilities: { ips: true } },
    { type: "two", capabilities: { portMappings: true } },
  );
  assert.deepEqual(await validated(machine, list), ["ips", "portMappings"]);
  assert.deepEqual(runs.map(({ environment }) => environment.CNI_COMMAND), ["VERSION", "VERSION"], "nothing else runs");
});

Deno.test("[A68, C16, J57] everything that is wrong with the plugins of a network is told at once", async () => {
  const { machine } = machineOf({ old: speaking("0.4.0", "1.0.0"), broken: BROKEN });
  const list = listOf("1.1.0", { type: "missing" }, { type: "old" }, { type: "broken" });
  const failure = await validated(machine, list);
  assert.ok("msg" in failure);
  assert.equal(failure.code, 5);
  assert.match(failure.msg, /"missing"/);
  const details = /plugin "old" in network "lab": "cniVersion": "1\.1\.0" is none of 0\.4\.0, 1\.0\.0; come back later/;
  assert.match(failure.details ?? "", details);
});

Deno.test("[A68, A69, B46, J43] a version must be one the plugin names to the letter; without one it is 0.1.0", async () => {
  const { machine } = machineOf({ one: speaking("1.0.0"), ancient: ANCIENT });
  const failure = await validated(machine, listOf("1.0", { type: "one" }));
  assert.ok("msg" in failure);
  assert.equal(failure.code, 1);
  assert.deepEqual(await validated(machine, listOf("1.0.0", { type: "one" })), []);
  assert.deepEqual(await validated(machine, listOf("", { type: "ancient" })), [], "older than VERSION");
  assert.ok("msg" in await validated(machine, listOf("", { type: "one" })));
});

Deno.test("[H14, B64, J42] a plugin tells its versions in its own order; a missing one is named", async () => {
  const { machine, runs } = machineOf({ one: speaking("1.1.0", "0.4.0") });
  const versions = await machine.run(pluginVersions("one", "/opt/foreign"));
  assert.deepEqual(versions, Exit.succeed(["1.1.0", "0.4.0"]));
  assert.deepEqual(runs[0]?.stdin, { cniVersion: "1.1.0" });
  const ours = await machine.run(pluginVersions("ours"));
  assert.ok(Exit.isSuccess(ours) && ours.value.includes("0.1.0") && ours.value.includes("1.1.0"));
  const missing = await machine.run(Effect.flip(pluginVersions("missing", "/opt/foreign")));
  assert.ok(Exit.isSuccess(missing));
  assert.match(missing.value.message, /Cannot find plugin "missing"/);
});
