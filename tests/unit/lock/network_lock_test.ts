/** Whose turn it is: the same rules in files and in memory. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import type * as Layer from "effect/Layer";
import * as Scope from "effect/Scope";
import { files } from "../../../src/effects/libc/files.ts";
import { fileNetworkLock } from "../../../src/effects/lock/file.ts";
import { memoryNetworkLock } from "../../../src/effects/lock/memory.ts";
import { type LockError, NetworkLock } from "../../../src/effects/lock/network_lock.ts";
import { newFolder } from "../../support/stores.ts";
import { replacing } from "../../support/syscalls.ts";

/** Runs a test on each implementation. */
const onBoth = (name: string, test: (turns: Turns) => Promise<void>): void => {
  Deno.test(`[lock] ${name}, in files`, async () => {
    using folder = newFolder();
    await test(new Turns(fileNetworkLock(`${folder.path}/state`)));
  });
  Deno.test(`[lock] ${name}, in memory`, async () => {
    await test(new Turns(memoryNetworkLock()));
  });
};

/** A turn that a test has taken. */
interface Turn {
  readonly end: () => void;
}

/** Takes turns as verbs do. */
class Turns {
  readonly #layer: Layer.Layer<NetworkLock>;
  constructor(layer: Layer.Layer<NetworkLock>) {
    this.#layer = layer;
  }

  async #take(
    hold: (lock: NetworkLock["Service"]) => Effect.Effect<void, LockError, Scope.Scope>,
    signal?: AbortSignal,
  ): Promise<Turn | LockError["reason"]> {
    const scope = Effect.runSync(Scope.make());
    const taking = Effect.flatMap(NetworkLock, hold).pipe(Scope.provide(scope), Effect.provide(this.#layer));
    const exit = await Effect.runPromiseExit(Effect.result(taking), signal === undefined ? {} : { signal });
    const end = () => Effect.runSync(Scope.close(scope, Exit.void));
    if (Exit.isSuccess(exit) && exit.value._tag === "Success") return { end };
    end();
    return Exit.isSuccess(exit) && exit.value._tag === "Failure" ? exit.value.failure.reason : "busy";
  }

  /** A turn of an attachment `container/interface`. */
  attachment(name: string, { network = "net", waitMs = 60_000, signal }: Options = {}) {
    const [containerId = "", ifName = ""] = name.split("/");
    return this.#take((lock) => lock.attachment({ network, containerId, ifName }, waitMs), signal);
  }

  /** A turn of GC. */
  network(network = "net", { waitMs = 60_000, signal }: Options = {}) {
    return this.#take((lock) => lock.network(network, waitMs), signal);
  }
}

interface Options {
  readonly network?: string;
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

const NOW = { waitMs: 0 };

/** A turn that came. */
const came = (turn: Turn | string): Turn => {
  assert.ok(typeof turn !== "string", `no turn came: ${turn}`);
  return turn;
};

onBoth("attachments of a network go on side by side, also two interfaces of one container", async (turns) => {
  const all = await Promise.all(
    ["c1/eth0", "c1/eth1", "c2/eth0", "c1e/th0"].map((name) => turns.attachment(name, NOW)),
  );
  for (const turn of all) came(turn).end();
});

onBoth("a verb waits for the one before it of the same attachment", async (turns) => {
  const first = came(await turns.attachment("c1/eth0"));
  assert.equal(await turns.attachment("c1/eth0", NOW), "busy");
  const order: string[] = [];
  const second = turns.attachment("c1/eth0").then((turn) => {
    order.push("second");
    return turn;
  });
  assert.equal(await turns.attachment("c1/eth0", { waitMs: 20 }), "busy");
  order.push("first ends");
  first.end();
  came(await second).end();
  assert.deepEqual(order, ["first ends", "second"]);
  came(await turns.attachment("c1/eth0", NOW)).end();
});

onBoth("GC waits for all verbs, and goes alone", async (turns) => {
  const verbs = await Promise.all(["c1/eth0", "c2/eth0"].map((name) => turns.attachment(name)));
  assert.equal(await turns.network("net", NOW), "busy");
  came(verbs[0] ?? "").end();
  assert.equal(await turns.network("net", { waitMs: 5 }), "busy", "one verb is enough");
  came(verbs[1] ?? "").end();
  const gc = came(await turns.network("net", NOW));
  for (const late of [turns.attachment("c3/eth0", NOW), turns.network("net", NOW)]) assert.equal(await late, "busy");
  gc.end();
  came(await turns.attachment("c3/eth0", NOW)).end();
});

onBoth("verbs that come while GC waits come after it: it does not starve", async (turns) => {
  const verb = came(await turns.attachment("c1/eth0"));
  const order: string[] = [];
  const gc = turns.network().then((turn) => {
    order.push("gc");
    came(turn).end();
  });
  while (await turns.attachment("c2/eth0", NOW).then((turn) => typeof turn === "string" ? false : (turn.end(), true)));
  const late = turns.attachment("c3/eth0").then((turn) => {
    order.push("late");
    came(turn).end();
  });
  order.push("verb ends");
  verb.end();
  await Promise.all([gc, late]);
  assert.deepEqual(order, ["verb ends", "gc", "late"]);
});

onBoth("a GC that gives up, or is interrupted, lets the others pass again", async (turns) => {
  const verb = came(await turns.attachment("c1/eth0"));
  assert.equal(await turns.network("net", { waitMs: 5 }), "busy");
  came(await turns.attachment("c2/eth0", NOW)).end();
  const controller = new AbortController();
  const gc = turns.network("net", { signal: controller.signal });
  controller.abort();
  assert.equal(await gc, "busy");
  came(await turns.attachment("c2/eth0", NOW)).end();
  verb.end();
  came(await turns.network("net", NOW)).end();
});

onBoth("networks have nothing to do with each other", async (turns) => {
  const gc = came(await turns.network("one"));
  came(await turns.attachment("c1/eth0", { ...NOW, network: "two" })).end();
  came(await turns.network("two", NOW)).end();
  gc.end();
});

onBoth("a network that would lead into another folder has no lock", async (turns) => {
  for (const network of ["..", "a/b", ""]) {
    assert.equal(await turns.network(network, NOW), "io", network);
    assert.equal(await turns.attachment("c1/eth0", { ...NOW, network }), "io", network);
  }
});

Deno.test("[lock] names may be as long as file names, and the files are their owner's alone, whatever the umask", async () => {
  using folder = newFolder();
  const state = `${folder.path}/not/there/yet`;
  const turns = new Turns(fileNetworkLock(state));
  const umask = Deno.umask(0o277);
  try {
    for (const length of [1, 250, 251, 255]) {
      came(await turns.attachment("c1/eth0", { network: "n".repeat(length) })).end();
    }
  } finally {
    Deno.umask(umask);
  }
  const mode = (path: string) => (Deno.statSync(path).mode ?? 0) & 0o777;
  assert.equal(mode(`${state}/locks`), 0o700);
  const names = [...Deno.readDirSync(`${state}/locks`)].map(({ name }) => name).sort();
  assert.deepEqual(names, [`${"n".repeat(250)}.lock`, "n.lock"].sort());
  for (const name of names) assert.equal(mode(`${state}/locks/${name}`), 0o600);
  assert.equal(Deno.statSync(`${state}/locks/n.lock`).size, 0);
});

Deno.test("[lock] a turn costs one opening and one closing of a file, and leaves no descriptor", async () => {
  using folder = newFolder();
  const turns = new Turns(fileNetworkLock(folder.path));
  came(await turns.attachment("c1/eth0")).end();
  const calls: string[] = [];
  const real = { ...files };
  const watched = Object.fromEntries(
    Object.entries(real).map(([name, call]) => [name, (...args: readonly unknown[]): unknown => {
      calls.push(name);
      return Reflect.apply(call, real, args);
    }]),
  );
  await replacing(watched, async () => {
    came(await turns.attachment("c1/eth0")).end();
    assert.deepEqual(calls.splice(0), ["open", "status", "close"]);
    const held = came(await turns.attachment("c1/eth0"));
    assert.equal(await turns.attachment("c1/eth0", { waitMs: 10 }), "busy");
    assert.equal(await turns.network("net", { waitMs: 5 }), "busy");
    held.end();
  });
  assert.equal(calls.filter((name) => name === "open").length, calls.filter((name) => name === "close").length);
});

Deno.test("[lock] a state directory that cannot be written is an error that names the network and the file", async () => {
  using folder = newFolder();
  Deno.writeTextFileSync(`${folder.path}/state`, "a file");
  const layer = fileNetworkLock(`${folder.path}/state`);
  const error = await Effect.runPromise(
    Effect.flip(Effect.scoped(Effect.flatMap(NetworkLock, (lock) => lock.network("net")))).pipe(Effect.provide(layer)),
  );
  assert.equal(error.reason, "io");
  assert.match(error.message, /^Cannot lock network "net": .*state/);
});
