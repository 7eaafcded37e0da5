/** Two runtimes, in two processes, on one state directory: their verbs come in order. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { fileNetworkLock } from "../../src/effects/lock/file.ts";
import { NetworkLock } from "../../src/effects/lock/network_lock.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { Lab } from "../support/lab.ts";
import type { Netns, Ran } from "../support/netns.ts";

const bin = await builtBin();
const live = (name: string) => unless(can.netns && can.ip, name, "no network namespaces, or no ip");

/** A plugin whose ADD of c1 says that it has begun, and ends when it is told to. It writes down every call. */
const SLOW = `#!/bin/sh
folder=\${0%/*}
cat >/dev/null
echo "$CNI_COMMAND $CNI_CONTAINERID" >>"$folder/calls"
if [ "$CNI_COMMAND $CNI_CONTAINERID" = "ADD c1" ]; then
  echo >"$folder/begun"
  cat "$folder/go" >/dev/null
fi
if [ "$CNI_COMMAND" = ADD ]; then echo '{"cniVersion":"1.1.0","ips":[{"address":"10.77.0.2/24"}]}'; fi
`;

/** A host with the network `slownet` of that one plugin. */
class SlowLab extends Lab {
  readonly #plugins: string;
  readonly #containers: Readonly<Record<string, Netns>>;
  constructor(plugins: string) {
    super(plugins, bin);
    this.#plugins = plugins;
    this.#containers = { c1: this.container(), c2: this.container() };
    Deno.writeTextFileSync(`${plugins}/slow`, SLOW, { mode: 0o755 });
    this.host.must(`mkfifo ${plugins}/begun ${plugins}/go`);
    const list = { cniVersion: "1.1.0", name: "slownet", plugins: [{ type: "slow" }] };
    Deno.writeTextFileSync(`${this.folder}/slownet.conflist`, JSON.stringify(list));
  }

  static make(): SlowLab {
    return new SlowLab(Deno.makeTempDirSync({ prefix: "cleat-slow-" }));
  }

  #args(verb: string, id: string): readonly string[] {
    const path = this.#containers[id]?.path ?? "";
    return [verb, "slownet", path, "--container-id", id, "--cache-dir", `${this.folder}/cache`];
  }

  /** A verb in a process of its own. */
  verb(verb: string, id: string): Promise<Ran> {
    return this.cleat(this.#args(verb, id));
  }

  /** The same as a process that can be killed. */
  start(verb: string, id: string): Deno.ChildProcess {
    return this.host.spawn(this.file("cleat"), {
      args: [...this.#args(verb, id)],
      clearEnv: true,
      env: { PATH: "/usr/bin:/bin", CLEAT_STATE_DIR: this.state, CNI_PATH: this.path, NETCONFPATH: this.folder },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
  }

  /** Resolves when the slow ADD is under way. */
  async begun(): Promise<void> {
    await Deno.readTextFile(`${this.#plugins}/begun`);
  }

  /** Lets the slow ADD end. */
  async go(): Promise<void> {
    await Deno.writeTextFile(`${this.#plugins}/go`, "");
  }

  /** Whole verbs of another container: whoever need not wait ends meanwhile. */
  async aWhile(): Promise<void> {
    for (const verb of ["add", "check", "del"]) {
      const { code, stderr } = await this.verb(verb, "c2");
      assert.deepEqual([code, stderr], [0, ""], verb);
    }
  }

  /** Resolves when a GC is waiting: a verb of an attachment that nobody knows would have to wait behind it. */
  async gcWaits(): Promise<void> {
    for (let attempt = 0;; attempt++) {
      // A new name each time: a process that is just being forked holds the last one's lock until its exec.
      const key = { network: "slownet", containerId: `nobody-${attempt}`, ifName: "eth0" };
      const turn = Effect.scoped(Effect.flatMap(NetworkLock, (lock) => lock.attachment(key, 0)));
      const isFree = Effect.match(turn, { onSuccess: () => true, onFailure: ({ reason }) => reason !== "busy" });
      if (!(await Effect.runPromise(Effect.provide(isFree, fileNetworkLock(this.state))))) return;
    }
  }

  /** The calls of the plugin for c1, and for no container. */
  get calls(): readonly string[] {
    const calls = Deno.readTextFileSync(`${this.#plugins}/calls`).trim().split("\n").map((call) => call.trim());
    return calls.filter((call) => !call.endsWith("c2"));
  }

  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    Deno.removeSync(this.#plugins, { recursive: true });
  }
}

/** Notes when a verb ends. */
const noting = (name: string, ran: Promise<Ran>, ended: string[]): Promise<Ran> =>
  ran.then((all) => {
    ended.push(name);
    return all;
  });

Deno.test({
  ...live("[C7] a second process's ADD of an attachment waits for the first's, and is then refused"),
  async fn() {
    using lab = SlowLab.make();
    const ended: string[] = [];
    const first = noting("first", lab.verb("add", "c1"), ended);
    await lab.begun();
    const second = noting("second", lab.verb("add", "c1"), ended);
    await lab.aWhile();
    assert.deepEqual(ended, []);
    await lab.go();
    assert.equal((await first).code, 0);
    const { code, stderr } = await second;
    assert.equal(code, 1);
    assert.match(stderr, /already attached/);
    assert.deepEqual([ended, lab.calls], [["first", "second"], ["ADD c1"]]);
    assert.equal((await lab.verb("del", "c1")).code, 0);
    await lab.isClean();
  },
});

Deno.test({
  ...live("[C2] another process's DEL during an ADD waits for its end, and then undoes it"),
  async fn() {
    using lab = SlowLab.make();
    const ended: string[] = [];
    const add = noting("add", lab.verb("add", "c1"), ended);
    await lab.begun();
    const del = noting("del", lab.verb("del", "c1"), ended);
    await lab.aWhile();
    assert.deepEqual(ended, []);
    await lab.go();
    assert.deepEqual([(await add).code, (await del).code], [0, 0]);
    assert.deepEqual([ended, lab.calls], [["add", "del"], ["ADD c1", "DEL c1"]]);
    await lab.isClean();
  },
});

Deno.test({
  ...live(
    "[C3] another process's GC waits for an ADD, spares what was attached meanwhile, and removes it the next time",
  ),
  async fn() {
    using lab = SlowLab.make();
    assert.equal((await lab.verb("add", "c2")).code, 0);
    const ended: string[] = [];
    const add = noting("add", lab.verb("add", "c1"), ended);
    await lab.begun();
    const gc = noting("gc", lab.verb("gc", "c1"), ended);
    await lab.gcWaits();
    await lab.go();
    assert.deepEqual([(await add).code, await gc], [0, { code: 0, stdout: "", stderr: "" }]);
    assert.deepEqual(lab.calls.slice(0, 2), ["ADD c1", "GC"]);
    assert.equal((await lab.states())["slownet/c1/eth0/@chain"], "attached");
    assert.equal((await lab.states())["slownet/c2/eth0/@chain"], "detached");
    assert.equal((await lab.verb("check", "c1")).code, 0);
    assert.equal((await lab.verb("gc", "c1")).code, 0);
    assert.deepEqual(lab.calls.slice(2), ["CHECK c1", "DEL c1", "GC"]);
    await lab.isClean();
  },
});

Deno.test({
  ...live("a process that is killed in the middle of an ADD holds nobody up: the next DEL undoes what it did"),
  async fn() {
    using lab = SlowLab.make();
    const add = lab.start("add", "c1");
    await lab.begun();
    add.kill("SIGKILL");
    await add.status;
    const { code, stderr } = await lab.verb("del", "c1");
    assert.deepEqual([code, stderr], [0, ""]);
    await lab.go(); // its plugin lives on
    assert.deepEqual(lab.calls, ["ADD c1", "DEL c1"]);
    await lab.isClean();
  },
});

Deno.test({
  ...live("locks are empty files for their owner alone, one for each network"),
  async fn() {
    using lab = SlowLab.make();
    await lab.aWhile();
    const folder = `${lab.state}/locks`;
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["slownet.lock"]);
    const { mode, size } = Deno.statSync(`${folder}/slownet.lock`);
    assert.deepEqual([(mode ?? 0) & 0o777, size, (Deno.statSync(folder).mode ?? 0) & 0o777], [0o600, 0, 0o700]);
  },
});
