/** Collection while containers come and go: whatever lives is left alone, whatever is dead is collected in the end. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { runCommand } from "../../src/engine/run_command.ts";
import { registry } from "../../src/plugins/registry.ts";
import { attach, detach } from "../../src/runtime/attach.ts";
import { collect, type Reclaimed, recover } from "../../src/runtime/recover.ts";
import type { Services } from "../../src/runtime/services.ts";
import { container, dbnet } from "../support/dbnet.ts";
import { commandOf, Machine } from "../support/engine.ts";
import { LEASE, toy, toys, VETH } from "../support/toy_plugins.ts";
import { ok, streamOf } from "../support/outcomes.ts";
import { random } from "./spec_random.ts";

const SEEDS = [1, 2, 3, 4];

const OPTIONS = { cacheDir: "/cache" };
const attachment = (id: number) => ({ ...container(`c${id}`, 8000 + 2 * id), ...OPTIONS });

/** Lets others go on, a few times. */
const yielding = (times: number) => Effect.forEach(Array.from({ length: times }), () => Effect.yieldNow);

/** A container's life, with pauses: it is attached, and perhaps detached, ends without DEL, or comes again. */
const lifeOf = (machine: Machine, id: number, next: () => number): Effect.Effect<"lives" | "over", unknown, Services> =>
  Effect.gen(function* () {
    const pause = () => yielding(Math.floor(next() * 400));
    machine.kernel.addNetns(`/ns/c${id}`);
    yield* pause();
    yield* attach(dbnet, attachment(id));
    yield* pause();
    const fate = next();
    if (fate < 0.4) return "lives";
    if (fate < 0.6) yield* detach(dbnet, attachment(id));
    machine.kernel.removeNetns(`/ns/c${id}`);
    if (fate < 0.8) return "over";
    yield* pause();
    // The same name again: the id may be used once the first is detached, by whoever did it.
    machine.kernel.addNetns(`/ns/c${id}`);
    yield* detach(dbnet, attachment(id));
    yield* attach(dbnet, attachment(id));
    return "lives";
  });

const collecting = (next: () => number): Effect.Effect<readonly Reclaimed[], unknown, Services> =>
  Effect.gen(function* () {
    const found: Reclaimed[] = [];
    for (let round = 0; round < 4; round++) {
      yield* yielding(Math.floor(next() * 300));
      found.push(...(yield* (next() < 0.7 ? collect : recover)(OPTIONS)));
    }
    return found;
  });

for (const seed of SEEDS) {
  Deno.test(`ADDs and DELs of a runtime racing collection, seed ${seed}: none that lives is touched`, async () => {
    const { below } = random(seed);
    const next = () => below(1000) / 1000;
    const machine = new Machine(registry);
    const ids = Array.from({ length: 8 }, (_, id) => id);
    const all = Effect.all([
      Effect.all(ids.map((id) => lifeOf(machine, id, next)), { concurrency: "unbounded" }),
      collecting(next),
    ], { concurrency: "unbounded" });
    const exit = await machine.run(all);
    assert.ok(Exit.isSuccess(exit), String(exit));
    const [fates, found] = exit.value;
    for (const { failure } of found) assert.equal(failure, null);
    const last = await machine.run(collect(OPTIONS));
    assert.ok(Exit.isSuccess(last));
    for (const [id, fate] of fates.entries()) {
      if (fate === "lives") ok(await machine.network("CHECK", dbnet, attachment(id)), `seed ${seed}, c${id}`);
      else assert.equal(await machine.stateOf(streamOf("@chain", `c${id}`, "dbnet")), "detached", `c${id}`);
    }
  });
}

/** A runtime that executes plugins, which take no turn: its ADD may come at any moment of a DEL that was decided before. */
for (let seed = 1; seed <= 24; seed++) {
  Deno.test(`an executable's ADD in the middle of a collection, seed ${seed}, stays whole`, async () => {
    const { below } = random(seed);
    const next = () => below(1000) / 1000;
    const owned = (id: number) => ({ ...LEASE, owner: { containerId: `c${id}`, ifName: "eth0" } });
    const machine = new Machine(toys({ ops: [VETH, LEASE] }));
    const ids = Array.from({ length: 6 }, (_, id) => id);
    const plugin = (id: number) => toy({ ops: [{ ...VETH, name: `v${id}` }, owned(id)] });
    const command = (verb: "ADD" | "CHECK" | "DEL", id: number) =>
      commandOf(verb, { cniVersion: "1.1.0", name: "net", type: "toy" }, {
        key: { network: "net", containerId: `c${id}`, ifName: "eth0" },
        netns: `/ns/c${id}`,
      });
    for (const id of ids) {
      machine.kernel.addNetns(`/ns/c${id}`);
      ok(await machine.command(plugin(id), command("ADD", id)));
      if (next() < 0.5) machine.kernel.removeNetns(`/ns/c${id}`);
    }
    if (next() < 0.5) machine.reboot();
    const again = (id: number) =>
      Effect.gen(function* () {
        yield* yielding(Math.floor(next() * 60));
        yield* runCommand(plugin(id), command("DEL", id));
        yield* Effect.sync(() => {
          try {
            machine.kernel.addNetns(`/ns/c${id}`);
          } catch {
            // it is there, and it is the same one
          }
        });
        yield* yielding(Math.floor(next() * 10));
        yield* runCommand(plugin(id), command("ADD", id));
      });
    const exit = await machine.run(
      Effect.all([...ids.map(again), Effect.andThen(yielding(Math.floor(next() * 40)), collect(OPTIONS))], {
        concurrency: "unbounded",
      }),
    );
    assert.ok(Exit.isSuccess(exit), String(exit));
    for (const id of ids) ok(await machine.command(plugin(id), command("CHECK", id)), `seed ${seed}, c${id}`);
  });
}
