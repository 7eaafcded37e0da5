import assert from "node:assert/strict";
import { LAUNCHER_TITLE } from "../../src/effects/program.ts";
import { PLUGIN_VERSIONS } from "../../src/plugins/catalog.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { type Netns, newNetns } from "../support/netns.ts";

const bin = await builtBin();

Deno.test("[B41, B62] every plugin is built, answers VERSION without an environment, and nothing else is said", () => {
  for (const [name, versions] of Object.entries(PLUGIN_VERSIONS)) {
    const command = new Deno.Command(`${bin}/${name}`, { clearEnv: true, env: { CNI_COMMAND: "VERSION" }, cwd: "/" });
    const { code, stdout, stderr } = command.outputSync();
    assert.equal(new TextDecoder().decode(stderr), "", name);
    assert.deepEqual(JSON.parse(new TextDecoder().decode(stdout)).supportedVersions, versions, name);
    assert.equal(code, 0, name);
  }
});

Deno.test("the second line of a launcher says whose it is, which is how delegation knows our own plugins", () => {
  for (const name of Object.keys(PLUGIN_VERSIONS)) {
    assert.equal(Deno.readTextFileSync(`${bin}/${name}`).split("\n")[1], `# ${name}, ${LAUNCHER_TITLE}`);
  }
});

Deno.test("the operator command is built and can say what it is", () => {
  const { code, stdout } = new Deno.Command(`${bin}/cleat`, { args: ["--help"], clearEnv: true }).outputSync();
  assert.match(new TextDecoder().decode(stdout), /cleat/i);
  assert.equal(code, 0);
});

/** Runs a plugin as a runtime would: in the host's namespace, with what the protocol asks for and nothing else. */
const runPlugin = async (host: Netns, command: string, container: Netns, state: string, config: object) => {
  const child = host.spawn(`${bin}/bridge`, {
    clearEnv: true,
    env: {
      CNI_COMMAND: command,
      CNI_CONTAINERID: "c1",
      CNI_IFNAME: "eth0",
      CNI_NETNS: container.path,
      CNI_PATH: bin,
      CLEAT_STATE_DIR: state,
    },
    cwd: "/",
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
  const output = child.output();
  await new Blob([JSON.stringify(config)]).stream().pipeTo(child.stdin);
  const { code, stdout, stderr } = await output;
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
};

Deno.test({
  ...unless(can.bridge && can.veth, "a built bridge attaches a container and takes it off again", "no bridge or veth"),
  async fn() {
    using host = newNetns({ lo: true });
    using container = newNetns({ lo: true });
    const state = Deno.makeTempDirSync({ prefix: "cleat-state-" });
    try {
      const ipam = { type: "host-local", subnet: "10.99.0.0/24", dataDir: `${state}/leases` };
      const config = { cniVersion: "1.1.0", name: "built", type: "bridge", bridge: "cni9", isGateway: true, ipam };
      const added = await runPlugin(host, "ADD", container, state, config);
      assert.deepEqual([added.code, added.stderr], [0, ""], added.stdout);
      const result = JSON.parse(added.stdout);
      assert.equal(result.ips[0].address, "10.99.0.2/24");
      assert.match(container.must("ip -o -4 address show dev eth0"), /10\.99\.0\.2\/24/);
      assert.match(host.must("ip -o -4 address show dev cni9"), /10\.99\.0\.1\/24/);

      const deleted = await runPlugin(host, "DEL", container, state, { ...config, prevResult: result });
      assert.deepEqual(deleted, { code: 0, stdout: "", stderr: "" });
      assert.notEqual(container.sh("ip link show eth0").code, 0);
    } finally {
      Deno.removeSync(state, { recursive: true });
    }
  },
});
