/** `cleat validate` and `cleat schema` as they are installed: what they print, and their exit codes. */
import assert from "node:assert/strict";
import { PLUGIN_VERSIONS } from "../../src/plugins/catalog.ts";
import { builtBin } from "../support/built.ts";

const bin = await builtBin();

/** Runs cleat with a folder of its own, and removes it. */
async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "cleat-validate-" });
  try {
    await run(folder);
    assert.deepEqual([...Deno.readDirSync(folder)].filter(({ name }) => name === "state"), [], "nothing is kept");
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

async function cleat(folder: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const command = new Deno.Command(`${bin}/cleat`, {
    args: [...args],
    clearEnv: true,
    env: { PATH: "/usr/bin:/bin", CLEAT_STATE_DIR: `${folder}/state`, ...env },
    stdout: "piped",
    stderr: "piped",
  });
  const { code, stdout, stderr } = await command.output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

const GOOD = `{
  "cniVersion": "1.0.0", // comments are allowed
  "name": "lab",
  "plugins": [{ "type": "bridge", "keyA": ["other"], "ipam": { "type": "host-local", "subnet": "10.1.0.0/16" } },],
}
`;

Deno.test("cleat validate prints one line for each fault and exits 1; without a fault it exits 0", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/10-lab.conflist`;
    Deno.writeTextFileSync(path, GOOD);
    const good = await cleat(folder, ["validate", folder]);
    assert.deepEqual(good, { code: 0, stdout: "1 file, 0 faults\n", stderr: "" });
    Deno.writeTextFileSync(
      path,
      GOOD.replace('"subnet"', '"gatway": "", "subnet"').replace('"bridge",', '"bridge", "mtu": "x",'),
    );
    const bad = await cleat(folder, ["validate", path]);
    assert.equal(bad.code, 1);
    assert.equal(bad.stderr, "");
    assert.deepEqual(bad.stdout.split("\n"), [
      `${path}:4:42: "plugins[0].mtu": "x" is not a number`,
      `${path}:4:98: "plugins[0].ipam.gatway": there is no such key, did you mean "gateway"?`,
      "1 file, 2 faults",
      "",
    ]);
    const json = await cleat(folder, ["validate", "--json", path]);
    assert.equal(json.code, 1);
    assert.deepEqual(JSON.parse(json.stdout).faults[0], {
      file: path,
      line: 4,
      column: 42,
      key: "plugins[0].mtu",
      message: '"plugins[0].mtu": "x" is not a number',
    });
  });
});

Deno.test("cleat validate takes its folder from NETCONFPATH and looks plugins up in CNI_PATH", async () => {
  await inFolder(async (folder) => {
    Deno.mkdirSync(`${folder}/bin`);
    const old = `${folder}/bin/old`;
    Deno.writeTextFileSync(
      old,
      '#!/bin/sh\ncat > /dev/null\necho \'{"cniVersion":"0.4.0","supportedVersions":["0.4.0"]}\'\n',
    );
    Deno.chmodSync(old, 0o755);
    const list = { cniVersion: "1.0.0", name: "lab", plugins: [{ type: "old" }, { type: "none" }, { type: "bridge" }] };
    Deno.writeTextFileSync(`${folder}/lab.conflist`, JSON.stringify(list));
    const env = { NETCONFPATH: folder, CNI_PATH: `${folder}/bin:${bin}` };
    const { code, stdout } = await cleat(folder, ["validate"], env);
    assert.equal(code, 1);
    assert.match(stdout, /"plugins\[0\]\.type": "old" does not speak version "1\.0\.0", but 0\.4\.0/);
    assert.match(stdout, /"plugins\[1\]\.type": Cannot find plugin "none"/);
    assert.match(stdout, /^1 file, 2 faults$/m);
    const without = await cleat(folder, ["validate", `${folder}/lab.conflist`]);
    assert.match(without.stdout, /Cannot find plugin "old".*CNI_PATH/);
  });
});

Deno.test("cleat schema prints JSON Schema, and exits 2 naming the plugins when it knows none of that name", async () => {
  await inFolder(async (folder) => {
    const { code, stdout, stderr } = await cleat(folder, ["schema", "bridge"]);
    assert.deepEqual([code, stderr], [0, ""]);
    const schema = JSON.parse(stdout);
    assert.equal(schema.properties.type.const, "bridge");
    assert.equal(schema.properties.bridge.default, "cni0");
    assert.match(schema.properties.capabilities.description, /capability/);
    for (const args of [["schema"], ["schema", "carrier-pigeon"]]) {
      const refused = await cleat(folder, args);
      assert.equal(refused.code, 2);
      assert.ok(refused.stderr.includes(Object.keys(PLUGIN_VERSIONS).sort().join(", ")), refused.stderr);
    }
  });
});
