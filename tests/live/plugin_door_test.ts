/** The plugin side of the execution protocol, at the executables that a runtime starts. */
import assert from "node:assert/strict";
import { VERSIONS } from "../../src/spec/released_versions.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { Lab } from "../support/lab.ts";
import { failed, printed } from "../support/plugin_exec.ts";

const bin = await builtBin();
const live = (name: string) => unless(can.netns, name, "no namespaces");

const CONFIG = { cniVersion: "1.1.0", name: "net9", type: "tuning" };

/** Runs a plugin by a shell that gives it an unusual stdin. */
function shell(plugin: string, redirect: string, env: Record<string, string>) {
  const { code, stdout, stderr } = new Deno.Command("sh", {
    args: ["-c", `exec "${bin}/${plugin}" ${redirect}`],
    env: { ...env, CLEAT_STATE_DIR: "/nowhere" },
    stdin: "null",
  }).outputSync();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

Deno.test({
  ...live(
    "[B2, B30, B45, B49, B50, I7] a failure is one indented error object on stdout with its version, words on stderr, and status 1",
  ),
  async fn() {
    using lab = new Lab(bin);
    const config = { ...CONFIG, cniVersion: "1.0.0", sysctl: { "kernel.hostname": "x" } };
    const ran = await lab.call("tuning", { verb: "ADD", config, netns: lab.container() });
    const { cniVersion, code } = failed(ran);
    assert.deepEqual([cniVersion, code], ["1.0.0", 7]);
    assert.match(ran.stdout, /^\{\n {4}"cniVersion": "1\.0\.0",\n {4}"code": 7,\n {4}"msg": ".*\n\}$/s);
  },
});

Deno.test({
  ...live(
    "[B41, B62, I8, J75] VERSION answers in the version it is asked in, needs no other variable and no configuration",
  ),
  async fn() {
    using lab = new Lab(bin);
    const none = { CNI_CONTAINERID: undefined, CNI_IFNAME: undefined, CNI_PATH: undefined };
    for (const [config, cniVersion] of [['{"cniVersion":"0.4.0"}', "0.4.0"], ["", "1.1.0"], ["nonsense", "1.1.0"]]) {
      const ran = await lab.call("bridge", { verb: "VERSION", config: config ?? "", env: none });
      assert.deepEqual([ran.code, ran.stderr], [0, ""]);
      assert.deepEqual(printed(ran), { cniVersion, supportedVersions: VERSIONS });
    }
  },
});

Deno.test("[B28] VERSION answers also where stdin is closed, or cannot be read", () => {
  for (const redirect of ["<&-", "</", "</dev/null"]) {
    const ran = shell("tuning", redirect, { CNI_COMMAND: "VERSION" });
    assert.deepEqual([ran.code, printed(ran).cniVersion], [0, "1.1.0"], redirect);
  }
});

Deno.test("[B36, B74, J78] a stdin that cannot be read is code 5, and nothing was done", () => {
  const env = { CNI_COMMAND: "DEL", CNI_CONTAINERID: "c1", CNI_IFNAME: "eth0", CNI_PATH: bin };
  const error = failed(shell("tuning", "</", env));
  assert.equal(error.code, 5);
  assert.match(error.msg, /stdin/);
});

Deno.test("[B35, B5, J77] without a command a plugin says what it is and what it speaks, on stderr, and succeeds", () => {
  const ran = shell("portmap", "</dev/null", { CNI_COMMAND: "" });
  assert.deepEqual([ran.code, ran.stdout], [0, ""]);
  assert.match(ran.stderr, /^CNI portmap plugin, Cleat .*\nCNI protocol versions supported: 0\.1\.0, .*1\.1\.0\n$/);
});

Deno.test("[B38, B73, J76] an unknown command is code 4 and named, whatever stands on stdin", () => {
  for (const CNI_COMMAND of ["add", "UPDATE"]) {
    const error = failed(shell("tuning", "</dev/null", { CNI_COMMAND, CNI_CONTAINERID: "c1" }));
    assert.equal(error.code, 4);
    assert.ok(error.msg.includes(`"${CNI_COMMAND}"`));
  }
});

Deno.test({
  ...live(
    "[B14, B42, I5, J69, J116] STATUS and GC need no attachment, STATUS no path either; a plugin without them has succeeded",
  ),
  async fn() {
    using lab = new Lab(bin);
    const none = { CNI_CONTAINERID: undefined, CNI_IFNAME: undefined };
    for (const [verb, env] of [["STATUS", { ...none, CNI_PATH: undefined }], ["GC", none]] as const) {
      const ran = await lab.call("tuning", { verb, config: CONFIG, env });
      assert.deepEqual(ran, { code: 0, stdout: "", stderr: "" }, verb);
    }
    const error = failed(await lab.call("tuning", { verb: "GC", config: CONFIG, env: { CNI_PATH: "" } }));
    assert.deepEqual([error.code, /\[CNI_PATH\]/.test(error.msg)], [4, true]);
  },
});

Deno.test({
  ...live("[B40, B46, B70, J72, J73] CHECK, GC and STATUS of a version that has them not are code 1, of none code 6"),
  async fn() {
    using lab = new Lab(bin);
    const netns = lab.container();
    for (const [verb, before] of [["CHECK", "0.3.1"], ["GC", "1.0.0"], ["STATUS", "1.0.0"]] as const) {
      const code = async (cniVersion: string) =>
        failed(await lab.call("tuning", { verb, config: { ...CONFIG, cniVersion }, netns })).code;
      assert.deepEqual([await code(before), await code("nonsense"), await code("1.1")], [1, 6, 1], verb);
    }
  },
});
