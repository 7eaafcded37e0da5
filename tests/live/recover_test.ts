/** Recovery and collection on the real kernel, by processes, and how long much of it takes. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { Cleat } from "../../mod.ts";
import { writeErr } from "../../src/cli/stdio.ts";
import { Kernel } from "../../src/effects/kernel/host.ts";
import { linuxKernel } from "../../src/effects/kernel/linux/kernel.ts";
import { emptyTail, encodeEvents, verifyLines } from "../../src/effects/log/format.ts";
import type { StreamId } from "../../src/spec/key.ts";
import { builtBin } from "../support/built.ts";
import { can, unless } from "../support/capabilities.ts";
import { gatewayDbnet } from "../support/dbnet.ts";
import { hasKind } from "../support/kinds.ts";
import { Lab, leasesIn, tree } from "../support/lab.ts";
import { type Netns, newNetns } from "../support/netns.ts";
import { origin } from "../support/stores.ts";

const bin = await builtBin();
const works = can.netns && can.bridge && can.veth && can.nft && can.ip;
const live = (name: string) => unless(works, name, "no bridge, veth, nft or ip");

/** A host with dbnet, whose `cleat` uses the lab's cache. */
class Node extends Lab {
  constructor() {
    super(bin);
    Deno.writeTextFileSync(`${this.folder}/dbnet.conflist`, gatewayDbnet(this, "1.1.0"));
  }

  get cache(): string {
    return `${this.folder}/cache`;
  }

  verb(verb: string, netns: Netns, id: string, port = 8000) {
    const CAP_ARGS = JSON.stringify({ portMappings: [{ hostPort: port, containerPort: 80, protocol: "tcp" }] });
    return this.cleat([verb, "dbnet", netns.path, "--container-id", id, "--cache-dir", this.cache], { CAP_ARGS });
  }

  async must(verb: string, netns: Netns, id: string, port?: number): Promise<void> {
    const { code, stderr } = await this.verb(verb, netns, id, port);
    assert.equal(code, 0, `${verb} ${id}: ${stderr}`);
  }

  /** Runs a command over the whole node; answers its exit code and what it printed. */
  async node(...args: readonly string[]): Promise<{ readonly code: number; readonly stdout: string }> {
    const { code, stdout, stderr } = await this.cleat([...args, "--cache-dir", this.cache]);
    assert.equal(stderr, "");
    return { code, stdout };
  }

  /** As if everything in the log had been written before the last boot, whose kernel state is gone. */
  async reboot(): Promise<void> {
    await using cleat = new Cleat({ stateDir: this.state });
    for (const id of await cleat.streams()) await this.#rewrite(id);
    const { links } = this.remains();
    for (const link of links) this.host.sh(`ip link delete ${link}`);
    this.host.must("nft flush ruleset");
  }

  async #rewrite(id: StreamId): Promise<void> {
    const path = `${this.state}/streams/${id.network}/${id.containerId}/${id.ifName}/${id.slot}.jsonl`;
    const { records } = await verifyLines(Deno.readFileSync(path), id);
    const { bytes } = await encodeEvents(emptyTail(id), records.map(({ event }) => event), origin({ boot: "before" }));
    Deno.writeFileSync(path, bytes);
  }
}

Deno.test({
  ...live("cleat recover after a reboot releases all leases, says what and why, and then has nothing to do"),
  async fn() {
    using lab = new Node();
    await lab.must("add", lab.container(), "c1", 8001);
    await lab.must("add", lab.container(), "c2", 8002);
    await lab.reboot();
    const dry = await lab.node("recover", "--dry-run");
    assert.equal(dry.code, 0);
    assert.match(
      dry.stdout,
      /^dbnet\/c1\/eth0: dead: the host has been rebooted since\n {4}would release what c1\/eth0/m,
    );
    assert.equal(Object.keys(leasesIn(lab.leases)).length, 2);
    const { code, stdout } = await lab.node("recover");
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^ {4}undone: release what c2\/eth0 holds in /m);
    assert.match(stdout, /^2 attachments reclaimed, 0 with something still owed, 0 alive$/m);
    assert.deepEqual([leasesIn(lab.leases), tree(lab.cache)], [{}, {}]);
    await lab.isClean();
    assert.match((await lab.node("recover")).stdout, /^0 attachments reclaimed/);
    await lab.must("add", lab.container(), "c1");
  },
});

Deno.test({
  ...live("cleat gc by itself removes what belongs to namespaces that are gone, and explains what stays"),
  async fn() {
    using lab = new Node();
    const stays = lab.container();
    const goes = newNetns({ lo: true });
    await lab.must("add", stays, "stays", 8001);
    await lab.must("add", goes, "goes", 8002);
    const all = await lab.node("gc", "--dry-run", "--json");
    const verdicts = JSON.parse(all.stdout).map(({ verdict }: { verdict: string }) => verdict);
    assert.deepEqual(verdicts, ["alive", "alive"]);
    goes[Symbol.dispose]();
    // The kernel ends a namespace in its own time.
    while (lab.remains().links.length > 2) await new Promise((done) => setTimeout(done, 1));
    const dry = await lab.node("gc", "--dry-run");
    assert.match(dry.stdout, /^dbnet\/stays\/eth0: alive: its network namespace "[^"]+" is there$/m);
    assert.match(dry.stdout, /^dbnet\/goes\/eth0: dead: its network namespace is gone, and "veth[0-9a-f]+" with it$/m);
    const { code, stdout } = await lab.node("gc");
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^1 attachment reclaimed, 0 with something still owed, 1 alive$/m);
    await lab.must("check", stays, "stays", 8001);
    assert.deepEqual(Object.keys(tree(lab.cache)), ["results/dbnet-stays-eth0"]);
    await lab.must("del", stays, "stays", 8001);
    await lab.isClean("cni0");
  },
});

Deno.test({
  ...live("a namespace whose path is gone, but which a process holds, keeps its attachment"),
  async fn() {
    using lab = new Node();
    const netns = lab.container();
    const path = `${lab.folder}/netns`;
    Deno.symlinkSync(netns.path, path);
    const args = ["dbnet", path, "--container-id", "c1", "--cache-dir", lab.cache];
    assert.equal((await lab.cleat(["add", ...args])).code, 0);
    Deno.removeSync(path);
    const { stdout } = await lab.node("gc");
    assert.match(stdout, /^0 attachments reclaimed, 0 with something still owed, 1 alive$/m);
    const dry = await lab.node("gc", "--dry-run");
    assert.match(dry.stdout, /alive: its link "veth[0-9a-f]+" is there, so somebody holds its network namespace$/m);
    assert.equal((await lab.cleat(["del", ...args])).code, 0);
    await lab.isClean("cni0");
  },
});

Deno.test({
  ...live("processes that attach and detach while others collect: what lives is whole, what ended is gone"),
  async fn() {
    using lab = new Node();
    const containers = Array.from({ length: 6 }, (_, i) => ({ id: `c${i}`, netns: lab.container(), port: 8100 + i }));
    let busy = true;
    const collecting = (async () => {
      while (busy) assert.equal((await lab.node("gc")).code, 0);
    })();
    await Promise.all([0, 1].map(async (lane) => {
      for (const { id, netns, port } of containers.filter((_, i) => i % 2 === lane)) {
        await lab.must("add", netns, id, port);
        if (port % 3 === 0) await lab.must("del", netns, id, port);
      }
    }));
    busy = false;
    await collecting;
    for (const { id, netns, port } of containers) {
      if (port % 3 === 0) assert.equal((await lab.states())[`dbnet/${id}/eth0/@chain`], "detached");
      else await lab.must("check", netns, id, port);
    }
    for (const { id, netns, port } of containers) await lab.must("del", netns, id, port);
    await lab.isClean("cni0");
  },
});

/** Deletes a link of the namespace the thread is in. */
const deleteAlone = (name: string) =>
  Effect.gen(function* () {
    const host = yield* (yield* Kernel).open(null);
    yield* host.apply({ op: "link.delete", on: "host", name });
  });

Deno.test({
  ...live("400 veth pairs are deleted together in less time than 40 one by one, and nothing else with them"),
  async fn() {
    using ns = newNetns();
    using far = newNetns();
    const names = Array.from({ length: 440 }, (_, i) => `v${i}`);
    const lines = names.map((name, i) => `link add ${name} type veth peer name p${i} netns ${far.path}`);
    const hasIfb = hasKind("ifb");
    ns.must(`${hasIfb ? "ip link add bwp0 type ifb" : ""}
      ip link add br0 type bridge; ip link add v999 type veth peer name p999
      ip -batch - <<END\n${lines.join("\n")}\nEND`);
    const timed = <E>(effect: Effect.Effect<unknown, E, Kernel | Scope.Scope>) =>
      ns.stay(async () => {
        const start = performance.now();
        await Effect.runPromise(Effect.scoped(effect).pipe(Effect.provide(linuxKernel)));
        return performance.now() - start;
      });
    const alone = await timed(Effect.forEach(names.slice(400), deleteAlone));
    const there = ["lo", "br0", "nothing", "bwp0", ...names.slice(0, 400)];
    const together = await timed(Effect.flatMap(Kernel, (kernel) => kernel.removeLinks(there)));
    assert.ok(together < alone, `${together} ms together, ${alone} ms one by one`);
    const left = ns.must("ip -br link").trim().split("\n").map((line) => line.split(/[ @]/)[0]).sort();
    assert.deepEqual(left, ["br0", "lo", "p999", "v999"]);
    assert.equal(far.must("ip -br link").trim().split("\n").length, 1, "the other ends have gone as well");
  },
});

/** How many attachments are measured; none unless said, for it takes a minute. */
const MANY = Number(Deno.env.get("CLEAT_MANY") ?? 0);

/** How long so many attachments may take at most, in milliseconds, on a machine that has other things to do as well. */
const LIMIT = 30 * MANY;

Deno.test({
  ...unless(
    works && MANY > 0,
    `${MANY || 1000} attachments of containers that still exist are removed by one GC in seconds`,
    "it takes a minute; CLEAT_MANY=1000 measures it",
  ),
  async fn() {
    using lab = new Node();
    using stack = new DisposableStack();
    await lab.host.stay(async () => {
      await using cleat = new Cleat({ stateDir: lab.state });
      const dbnet = await cleat.loadFile(`${lab.folder}/dbnet.conflist`);
      for (let i = 0; i < MANY; i++) {
        const netns = stack.use(newNetns());
        await cleat.attach(dbnet, { containerId: `c${i}`, netns: netns.path, ifName: "eth0", cacheDir: lab.cache });
      }
      assert.equal(lab.remains().links.length, MANY + 1);
      const start = performance.now();
      await cleat.gc(dbnet, null, { cacheDir: lab.cache });
      const took = performance.now() - start;
      assert.deepEqual(lab.remains().links, ["cni0"]);
      writeErr(`${MANY} attachments removed in ${Math.round(took)} ms`);
      assert.ok(took < LIMIT, `${took} ms`);
    });
    await lab.isClean("cni0");
  },
});
