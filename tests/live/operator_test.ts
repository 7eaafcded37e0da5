/** The operator command: its verbs, options, environment, exit codes, and what it tells of the log. */
import assert from "node:assert/strict";
import { emptyTail, encodeEvents } from "../../src/effects/log/format.ts";
import { bootId } from "../../src/effects/system.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { ipamIn, Lab, tree } from "../support/lab.ts";
import type { Netns } from "../support/netns.ts";
import { type Env, execIn } from "../support/plugin_exec.ts";

const bin = await builtBin();
const works = can.netns && can.bridge && can.veth && can.nft && can.ip;
const live = (name: string) => unless(works, name, "no bridge, veth, nft or ip");

/** Options of setpriv that make it nobody. */
const NOBODY = ["--reuid=65534", "--regid=65534", "--clear-groups"];

const canBecomeNobody = ((): boolean => {
  try {
    const args = [...NOBODY, "true"];
    return new Deno.Command("setpriv", { args, stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
})();

const COMMANDS = ["add", "check", "del", "gc", "status", "recover", "log", "replay", "verify", "prune"];

/** A lab with two networks in its folder, one in another folder. */
class Operator extends Lab {
  readonly netns: Netns;
  readonly confDir: string;
  constructor() {
    super(bin);
    this.netns = this.container();
    this.confDir = `${this.folder}/conf`;
    Deno.mkdirSync(`${this.confDir}/other`, { recursive: true });
    const list = (name: string, subnet: string) => ({
      cniVersion: "1.0.0",
      name,
      plugins: [
        { type: "bridge", bridge: "brop", ipam: ipamIn(this, subnet) },
        { type: "tuning", capabilities: { mac: true }, mtu: 1400 },
      ],
    });
    const write = (path: string, value: unknown) => Deno.writeTextFileSync(path, JSON.stringify(value));
    write(`${this.confDir}/10-opnet.conflist`, list("opnet", "10.15.0.0/24"));
    write(`${this.confDir}/other/opnet.conflist`, list("opnet", "10.16.0.0/24"));
  }

  /** Runs a verb for the container; answers exit code and streams. */
  verb(verb: string, options: readonly string[] = [], env: Env = {}) {
    const args = [verb, "opnet", this.netns.path, "--cache-dir", `${this.folder}/cache`, ...options];
    return this.cleat(args, { NETCONFPATH: this.confDir, ...env });
  }

  /** A verb that must succeed; answers its stdout. */
  async must(verb: string, options: readonly string[] = [], env: Env = {}): Promise<string> {
    const { code, stdout, stderr } = await this.verb(verb, options, env);
    assert.deepEqual([code, stderr], [0, ""], `${verb} ${options.join(" ")}`);
    return stdout;
  }

  /** Any command with its exit code checked. */
  async exits(expected: number, ...args: readonly string[]) {
    const ran = await this.cleat(args, { NETCONFPATH: this.confDir });
    assert.equal(ran.code, expected, `${args.join(" ")}: ${ran.stdout} ${ran.stderr}`);
    return ran;
  }
}

Deno.test({
  ...live("[G1, G2, H45] cleat --help names all commands and exits 0; a command's --help names its options"),
  async fn() {
    using lab = new Operator();
    const { stdout } = await lab.exits(0, "--help");
    for (const command of COMMANDS) {
      assert.match(stdout, new RegExp(`^  ${command} `, "m"));
      const help = await lab.exits(0, command, "--help");
      assert.match(help.stdout, new RegExp(`^Usage: cleat ${command} `));
      assert.match(help.stdout, /--json/);
      assert.equal(help.stderr, "");
    }
    assert.match((await lab.exits(0, "add", "--help")).stdout, /--ifname.*\n.*--container-id.*\n.*--cap/);
    assert.deepEqual(tree(lab.state), {});
  },
});

Deno.test({
  ...live("cleat exits 2 for a command line it does not understand, saying on stderr what would be right"),
  async fn() {
    using lab = new Operator();
    const wrong: readonly (readonly [readonly string[], RegExp])[] = [
      [["attach"], /"attach".*add, check, del/],
      [["add"], /network name/],
      [["add", "opnet"], /path of a network namespace/],
      [["add", "opnet", "/x", "--color", "red"], /--color.*--ifname/],
      [["add", "opnet", "/x", "--cap", "mac"], /--cap "mac".*name=json/],
      [["add", "opnet", "/x", "--cap", "mac={"], /--cap mac/],
      [["add", "opnet", "/x", "--args", "K"], /"K".*name=value/],
      [["replay"], /stream or a file/],
      [["replay", "opnet", "--to", "x"], /--to "x"/],
    ];
    for (const [args, says] of wrong) {
      const { stdout, stderr } = await lab.exits(2, ...args);
      assert.match(stderr, says, args.join(" "));
      assert.equal(stdout, "");
    }
    const env = { CAP_ARGS: "[]" };
    assert.equal((await lab.verb("add", [], env)).code, 2);
    assert.deepEqual(tree(lab.state), {});
  },
});

Deno.test({
  ...live("cleat exits 1 when a verb fails, with the failure as text, or as JSON with --json"),
  async fn() {
    using lab = new Operator();
    const missing = await lab.exits(1, "add", "nonet", lab.netns.path);
    assert.match(missing.stderr, /"nonet".*conf/);
    assert.equal(missing.stdout, "");
    const json = await lab.exits(1, "add", "opnet", "/nowhere/at/all", "--json");
    assert.equal(JSON.parse(json.stdout).code, 4);
    assert.match(json.stderr, /"\/nowhere\/at\/all"/);
    await lab.exits(1, "replay", "no/such/stream");
    await lab.isClean();
  },
});

Deno.test({
  ...live("cleat add, check and del take cnitool's environment, and options beat it"),
  async fn() {
    using lab = new Operator();
    const sandbox = (text: string) => JSON.parse(text).interfaces[2];
    const env = { CNI_IFNAME: "net1", CAP_ARGS: '{"mac":"02:00:00:00:00:05"}', CNI_ARGS: "IgnoreUnknown=1;K=V" };
    assert.deepEqual(sandbox(await lab.must("add", [], env)), {
      name: "net1",
      mac: "02:00:00:00:00:05",
      sandbox: lab.netns.path,
    });
    await lab.must("check", [], env);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-512", new TextEncoder().encode(lab.netns.path)));
    const id = `cnitool-${digest.slice(0, 10).toHex()}`;
    assert.ok(Object.keys(await lab.states()).includes(`opnet/${id}/net1/bridge`), "cnitool's container id");
    await lab.must("del", [], env);
    await lab.isClean("brop");

    const options = ["--ifname", "net2", "--cap", 'mac="02:00:00:00:00:06"', "--container-id", "c2"];
    options.push("--conf-dir", `${lab.confDir}/other`, "--args", "IgnoreUnknown=1");
    const added = await lab.must("add", [...options, "--json"], env);
    assert.equal(JSON.parse(added).ips[0].address, "10.16.0.2/24");
    assert.deepEqual(sandbox(added), { name: "net2", mac: "02:00:00:00:00:06", sandbox: lab.netns.path });
    assert.deepEqual(JSON.parse(await lab.must("check", [...options, "--json"], env)), {});
    lab.netns.must("ip link set net2 mtu 1300");
    const drifted = await lab.verb("check", [...options, "--json"], env);
    assert.equal(drifted.code, 1);
    assert.match(JSON.parse(drifted.stdout).msg, /1300/);
    await lab.must("del", options, env);
    await lab.isClean("brop");
  },
});

Deno.test({
  ...live("cleat log tells all streams by time, filtered by attachment, as text and as JSON"),
  async fn() {
    using lab = new Operator();
    for (const id of ["c1", "c2"]) {
      await lab.must("add", ["--container-id", id, "--ifname", id]);
      await lab.must("del", ["--container-id", id, "--ifname", id]);
    }
    const { stdout } = await lab.exits(0, "log", "opnet", "c1");
    const times = stdout.trim().split("\n").map((line) => line.split("  ")[0] ?? "");
    assert.deepEqual(times, times.toSorted());
    for (const slot of ["@chain", "bridge", "host-local", "tuning"]) assert.match(stdout, new RegExp(`c1/${slot} `));
    assert.doesNotMatch(stdout, /opnet\/c2/);
    assert.match(stdout, /about to create veth .*to undo: delete link/);
    const records = JSON.parse((await lab.exits(0, "log", "opnet/c2", "--json")).stdout);
    assert.ok(records.length > 20);
    assert.ok(
      records.every(({ stream, seq, prev }: Record<string, unknown>) =>
        String(stream).startsWith("opnet/c2/c2/") && Number.isInteger(seq) && /^[0-9a-f]{64}$/.test(String(prev))
      ),
    );
    assert.equal((await lab.exits(0, "log", "othernet")).stdout, "");
  },
});

Deno.test({
  ...live("cleat replay shows each step up to --to, of a stream or of a file, and refuses an illegal history"),
  async fn() {
    using lab = new Operator();
    await lab.must("add", ["--container-id", "c1"]);
    const [all] = JSON.parse((await lab.exits(0, "replay", "opnet/c1/eth0/bridge", "--json")).stdout);
    assert.equal(all.stream, "opnet/c1/eth0/bridge");
    assert.deepEqual([all.steps[0].before, all.steps[0].after, all.steps.at(-1).after], [
      "absent",
      "attaching",
      "attached",
    ]);
    assert.ok(all.steps.at(-1).host.some((line: string) => /create veth/.test(line)));
    const path = `${lab.state}/streams/opnet/c1/eth0/bridge.jsonl`;
    const [some] = JSON.parse((await lab.exits(0, "replay", path, "--to", "3", "--json")).stdout);
    assert.deepEqual(some.steps, all.steps.slice(0, 3));
    assert.match((await lab.exits(0, "replay", "opnet/c1/eth0")).stdout, /^opnet\/c1\/eth0\/tuning$/m);

    await lab.must("del", ["--container-id", "c1"]);
    // A history that cannot have happened, under a chain of hashes that is whole.
    const id = { network: "opnet", containerId: "c1", ifName: "eth0", slot: "bridge" };
    const origin = { boot: bootId(), pid: 1, by: "cleat test", now: () => "2026-01-01T00:00:00.000Z" };
    const { bytes } = await encodeEvents(emptyTail(id), [{ type: "DEL" }, { type: "CHECK" }], origin);
    Deno.writeFileSync(path, bytes);
    const refused = await lab.exits(1, "replay", "opnet/c1/eth0/bridge");
    assert.match(refused.stderr, /"opnet\/c1\/eth0\/bridge": record 2: .*"CHECK" in state "detaching"/);
    assert.equal(refused.stdout, "");
    assert.match((await lab.exits(1, "verify")).stdout, /^opnet\/c1\/eth0\/bridge: .*record 2/m);
    await lab.exits(0, "replay", path, "--to", "1");
  },
});

Deno.test({
  ...unless(
    works && canBecomeNobody,
    "who is not root has the state in the XDG folder, or below HOME",
    "no setpriv as root",
  ),
  async fn() {
    using lab = new Operator();
    await lab.must("add", ["--container-id", "c1"]);
    await lab.must("del", ["--container-id", "c1"]);
    const told = (await lab.exits(0, "log")).stdout;
    for (const [name, folder] of [["XDG_STATE_HOME", "xdg"], ["HOME", "home/.local/state"]] as const) {
      const home = `${lab.folder}/${folder.split("/")[0]}`;
      lab.host.must(`mkdir -p ${lab.folder}/${folder}; cp -r ${lab.state} ${lab.folder}/${folder}/cleat
        chown -R 65534 ${home}; chmod 755 ${lab.folder}`);
      const args = [...NOBODY, lab.file("cleat"), "log"];
      const { code, stdout, stderr } = await execIn(lab.host, "/usr/bin/setpriv", { [name]: home }, "", args);
      assert.deepEqual([code, stderr], [0, ""]);
      assert.equal(stdout, told, name);
    }
  },
});

Deno.test({
  ...live("cleat verify is silent about whole logs and names the line of an edited, cut or reordered one"),
  async fn() {
    using lab = new Operator();
    await lab.must("add", ["--container-id", "c1"]);
    assert.match((await lab.exits(0, "verify")).stdout, /^4 streams, \d+ records, 0 damaged$/m);
    const path = `${lab.state}/streams/opnet/c1/eth0/bridge.jsonl`;
    const text = Deno.readTextFileSync(path);
    const lines = text.split("\n");
    const edits: readonly (readonly [string, string])[] = [
      ["edited", text.replace("10.15.0.2", "10.15.0.9")],
      ["a record removed", lines.toSpliced(2, 1).join("\n")],
      ["two exchanged", lines.toSpliced(2, 2, lines[3] ?? "", lines[2] ?? "").join("\n")],
      ["of another stream", Deno.readTextFileSync(path.replace("bridge", "tuning"))],
    ];
    for (const [what, edited] of edits) {
      Deno.writeTextFileSync(path, edited);
      const { stdout } = await lab.exits(1, "verify");
      assert.match(stdout, /^opnet\/c1\/eth0\/bridge: line \d+/m, what);
      const verdicts = JSON.parse((await lab.exits(1, "verify", "opnet", "--json")).stdout);
      const bad = verdicts.filter(({ fault }: { fault: unknown }) => fault !== null);
      assert.deepEqual(bad.map(({ stream }: { stream: string }) => stream), ["opnet/c1/eth0/bridge"], what);
    }
    Deno.writeTextFileSync(path, text);
    await lab.exits(0, "verify");
    await lab.must("del", ["--container-id", "c1"]);
    await lab.isClean("brop");
  },
});
