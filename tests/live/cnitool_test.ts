/** `cleat add|check|del|gc|status` as cnitool: arguments, environment, what is printed, exit codes. */
import assert from "node:assert/strict";
import { cnitoolContainerId } from "../../src/spec/hash.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { Lab } from "../support/lab.ts";
import { type Netns, type Ran } from "../support/netns.ts";
import type { Env } from "../support/plugin_exec.ts";

const bin = await builtBin();
const live = (name: string) => unless(can.netns && can.ip, name, "no network namespaces, or no ip");

/** A plugin that writes down how it is run, and fails where its configuration has `fail` for the verb. */
const RECORDER = `#!/bin/sh
config=$(cat)
folder=\${0%/*}
printf '%s\\n' "$CNI_COMMAND|$CNI_CONTAINERID|$CNI_NETNS|$CNI_IFNAME|$CNI_ARGS|$config" >>"$folder/calls"
case $config in *"\\"fail\\":\\"$CNI_COMMAND\\""*) echo '{"code":50,"msg":"not now","details":"later"}'; exit 1 ;; esac
if [ "$CNI_COMMAND" = ADD ]; then
  echo '{"cniVersion":"1.1.0","ips":[{"interface":0,"address":"10.7.0.2/24"}],"interfaces":[{"sandbox":"x","name":"eth0"}]}'
fi
`;

/** How the plugin was run. */
interface Call {
  readonly command: string;
  readonly containerId: string;
  readonly netns: string;
  readonly ifName: string;
  readonly args: string;
  readonly config: Record<string, unknown>;
}

/** A host with the network `toolnet` of that one plugin, and one that fails. */
class ToolLab extends Lab {
  readonly netns: Netns;
  readonly plugins: string;
  constructor(plugins: string) {
    super(plugins, bin);
    this.plugins = plugins;
    this.netns = this.container();
    Deno.writeTextFileSync(`${plugins}/recorder`, RECORDER, { mode: 0o755 });
    for (
      const [name, more] of [["toolnet", {}], ["failnet", { fail: "STATUS" }], ["stucknet", { fail: "DEL" }]] as const
    ) {
      const plugin = { type: "recorder", capabilities: { mac: true }, ...more };
      const list = { cniVersion: "1.1.0", name, plugins: [plugin] };
      Deno.writeTextFileSync(`${this.folder}/${name}.conflist`, JSON.stringify(list));
    }
  }

  static make(): ToolLab {
    return new ToolLab(Deno.makeTempDirSync({ prefix: "cleat-tool-" }));
  }

  /** Runs a verb, with the cache in the lab. */
  verb(verb: string, args: readonly string[] = ["toolnet", this.netns.path], env: Env = {}): Promise<Ran> {
    return this.cleat([verb, ...args, "--cache-dir", `${this.folder}/cache`], env);
  }

  /** A verb that must succeed; answers its stdout. */
  async must(verb: string, args?: readonly string[], env?: Env): Promise<string> {
    const { code, stdout, stderr } = await this.verb(verb, args, env);
    assert.deepEqual([code, stderr], [0, ""], verb);
    return stdout;
  }

  /** The calls since the last time. */
  calls(): readonly Call[] {
    const path = `${this.plugins}/calls`;
    const text = Deno.readTextFileSync(path).trim();
    Deno.removeSync(path);
    return text.split("\n").map((line) => {
      const [command = "", containerId = "", netns = "", ifName = "", args = "", ...config] = line.split("|");
      return { command, containerId, netns, ifName, args, config: JSON.parse(config.join("|")) };
    });
  }

  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    Deno.removeSync(this.plugins, { recursive: true });
  }
}

const PRINTED = `{
    "cniVersion": "1.1.0",
    "interfaces": [
        {
            "name": "eth0",
            "sandbox": "x"
        }
    ],
    "ips": [
        {
            "address": "10.7.0.2/24",
            "interface": 0
        }
    ]
}`;

Deno.test({
  ...live(
    "[G1, G11, G13, E16] add prints the result as cnitool does, to the byte; check, del, gc and status print nothing",
  ),
  async fn() {
    using lab = ToolLab.make();
    assert.equal(await lab.must("add"), PRINTED);
    for (const verb of ["check", "status", "del", "gc"]) assert.equal(await lab.must(verb), "", verb);
    const commands = lab.calls().map(({ command }) => command);
    assert.deepEqual(commands, ["ADD", "CHECK", "STATUS", "DEL", "GC"]);
    await lab.isClean();
  },
});

Deno.test({
  ...live("[G1] each verb wants a network and a namespace, and passes over what follows them"),
  async fn() {
    using lab = ToolLab.make();
    for (const verb of ["add", "check", "del", "gc", "status"]) {
      for (const args of [[], ["toolnet"]]) {
        if (verb === "gc" && args.length === 0) continue; // Cleat's own: it decides by itself, for the whole node
        const { code, stdout, stderr } = await lab.verb(verb, args);
        assert.deepEqual([code, stdout], [2, ""], verb);
        assert.match(stderr, /Cannot go on without (a network name|the path of a network namespace)/);
      }
    }
    for (const verb of ["add", "del", "status"]) await lab.must(verb, ["toolnet", lab.netns.path, "and", "more"]);
    await lab.isClean();
  },
});

Deno.test({
  ...live(
    "[G2, G3, H45] the interface is named by --ifname or -i, else by CNI_IFNAME unless that is empty, else it is eth0",
  ),
  async fn() {
    using lab = ToolLab.make();
    const target = ["toolnet", lab.netns.path];
    const cases: readonly (readonly [readonly string[], Env, string])[] = [
      [["--ifname", "flag0"], { CNI_IFNAME: "env0" }, "flag0"],
      [["-i", "flag1"], {}, "flag1"],
      [[], { CNI_IFNAME: "env0" }, "env0"],
      [[], { CNI_IFNAME: "" }, "eth0"],
      [[], {}, "eth0"],
    ];
    for (const [options, env, expected] of cases) {
      await lab.must("add", [...target, ...options], env);
      await lab.must("del", [...target, ...options], env);
      assert.deepEqual(lab.calls().map(({ ifName }) => ifName), [expected, expected]);
    }
  },
});

Deno.test({
  ...live("[G8, G9] the namespace is made absolute without detours, need not exist for del, and names the container"),
  async fn() {
    using lab = ToolLab.make();
    const expected = lab.netns.path;
    for (const path of [expected, `${expected.slice(1)}`, `//proc/./x/..${expected.slice("/proc".length)}/`]) {
      await lab.must("add", ["toolnet", path]);
      await lab.must("del", ["toolnet", path]);
      const id = await cnitoolContainerId(expected);
      for (const { netns, containerId } of lab.calls()) assert.deepEqual([netns, containerId], [expected, id], path);
    }
    await lab.must("del", ["toolnet", "/nowhere/at/all"]);
  },
});

Deno.test({
  ...live("[G5, G6, G7] CNI_ARGS and CAP_ARGS reach the plugin, and are refused when they cannot be read"),
  async fn() {
    using lab = ToolLab.make();
    const target = ["toolnet", lab.netns.path];
    const env = { CNI_ARGS: "A=1;B=2", CAP_ARGS: '{"mac":"02:00:00:00:00:09","ips":["10.0.0.1"]}' };
    await lab.must("add", target, env);
    const [call] = lab.calls();
    assert.equal(call?.args, "A=1;B=2");
    assert.deepEqual(call?.config.runtimeConfig, { mac: "02:00:00:00:00:09" });
    await lab.must("del", target, env);
    const wrong: readonly Env[] = [
      ...["A", "A=1;", "=1", "A=", "A=1=2", ";"].map((CNI_ARGS) => ({ CNI_ARGS })),
      ...["{", "[]", "7"].map((CAP_ARGS) => ({ CAP_ARGS })),
    ];
    for (const [index, env] of wrong.entries()) {
      const verb = ["add", "check", "del", "gc", "status"][index % 5] ?? "add";
      const { code, stdout, stderr } = await lab.verb(verb, target, env);
      assert.ok(code !== 0 && stdout === "", `${verb} ${JSON.stringify(env)}`);
      assert.match(stderr, /^Cannot use (CNI_ARGS|CAP_ARGS)/);
    }
    await lab.isClean();
  },
});

Deno.test({
  ...live("[G4, G11] a network that is not there, and a plugin that fails, end with status 1 and words on stderr"),
  async fn() {
    using lab = ToolLab.make();
    for (const verb of ["add", "check", "del", "gc", "status"]) {
      const { code, stdout, stderr } = await lab.verb(verb, ["nonet", lab.netns.path]);
      assert.deepEqual([code, stdout], [1, ""], verb);
      assert.match(stderr, new RegExp(`"nonet".*${lab.folder}`), verb);
    }
    assert.deepEqual(await lab.verb("status", ["failnet", lab.netns.path]), {
      code: 1,
      stdout: "",
      stderr: "not now; later\n",
    });
    const json = await lab.verb("status", ["failnet", lab.netns.path, "--json"]);
    assert.deepEqual(JSON.parse(json.stdout), { code: 50, msg: "not now", details: "later" });
  },
});

Deno.test({
  ...live("[G12] gc removes every attachment of the network but those that --valid names, and no other network's"),
  async fn() {
    using lab = ToolLab.make();
    const add = (network: string, id: string, ...options: readonly string[]) =>
      lab.must("add", [network, lab.netns.path, "--container-id", id, ...options]);
    await add("toolnet", "c1");
    await add("toolnet", "c1", "-i", "net1");
    await add("toolnet", "c2");
    await add("failnet", "c1");
    lab.calls();
    await lab.must("gc", ["toolnet", lab.netns.path, "--valid", "c1/net1", "--valid", "c9/eth0"]);
    const named = [{ containerID: "c1", ifname: "net1" }, { containerID: "c9", ifname: "eth0" }];
    const calls = lab.calls();
    assert.deepEqual(calls.map(({ command, containerId, ifName }) => `${command} ${containerId} ${ifName}`.trim()), [
      "DEL c1 eth0",
      "DEL c2 eth0",
      "GC",
    ]);
    assert.deepEqual(calls[2]?.config["cni.dev/valid-attachments"], named);
    for (const valid of ["c1", "c1/", "/eth0", "a/b/c"]) {
      const { code, stderr } = await lab.verb("gc", ["toolnet", lab.netns.path, "--valid", valid]);
      assert.equal(code, 2);
      assert.match(stderr, /--valid.*container\/interface/);
    }
    await lab.must("gc");
    assert.deepEqual(lab.calls().map(({ command, ifName }) => `${command} ${ifName}`.trim()), ["DEL net1", "GC"]);
    assert.equal((await lab.states())["failnet/c1/eth0/@chain"], "attached");
  },
});

Deno.test({
  ...live("[C14] gc in which a DEL fails names the attachment, goes on, and prints the failure as JSON with --json"),
  async fn() {
    using lab = ToolLab.make();
    for (const id of ["c1", "c2"]) await lab.must("add", ["stucknet", lab.netns.path, "--container-id", id]);
    lab.calls();
    const { code, stdout, stderr } = await lab.verb("gc", ["stucknet", lab.netns.path, "--json"]);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^Cannot collect "stucknet\/c1\/eth0": not now; .*Cannot collect "stucknet\/c2\/eth0": not now/,
    );
    assert.equal(JSON.parse(stdout).code, 50);
    assert.deepEqual(lab.calls().map(({ command }) => command), ["DEL", "DEL", "GC"]);
  },
});
