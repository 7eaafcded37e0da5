/** Ending an ADD of a mixed chain at every step: whatever it has done by then is taken back. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Fiber from "effect/Fiber";
import { registry } from "../../../src/plugins/registry.ts";
import { attach, type Attachment } from "../../../src/runtime/attach.ts";
import { type NetworkList, parseNetworkList } from "../../../src/spec/network_list.ts";
import { container, dbnet, dbnetText } from "../../support/dbnet.ts";
import { Machine } from "../../support/engine.ts";
import { type Answer, foreign } from "../../support/foreign.ts";
import { ok } from "../../support/outcomes.ts";

const neighbour: Attachment = { ...container("neighbour", 9090), cacheDir: "/cache" };
const blue: Attachment = { ...container("blue", 8080), cniPath: "/opt/foreign", cacheDir: "/cache" };

/** dbnet with somebody else's plugin before, between and after ours. */
const mixed: NetworkList = (() => {
  const { plugins: [bridge, ...others], ...list } = JSON.parse(dbnetText);
  const plugins = [{ type: "first" }, bridge, { type: "between" }, ...others, { type: "last" }];
  return Effect.runSync(parseNetworkList(JSON.stringify({ ...list, plugins }), "a test"));
})();

/** A machine with a neighbour, on which foreign plugins hold something from ADD to DEL; the `hang`th of blue's never ends. */
async function scene(hang = Infinity) {
  const held = new Set<string>();
  const seen: string[] = [];
  const hanging = { tell: () => {} };
  const plugin = (name: string): Answer => ({ environment, stdin }) => {
    seen.push(`${environment.CNI_COMMAND} ${name}`);
    if (environment.CNI_COMMAND === "DEL") held.delete(name);
    if (environment.CNI_COMMAND !== "ADD") return {};
    held.add(name);
    if (seen.length === hang) {
      queueMicrotask(() => hanging.tell());
      return "hangs";
    }
    return { stdout: JSON.stringify(stdin.prevResult ?? { cniVersion: stdin.cniVersion }) };
  };
  const { layer, killed } = foreign({ first: plugin("first"), between: plugin("between"), last: plugin("last") });
  const machine = new Machine(registry, {}, layer);
  for (const { netns } of [neighbour, blue]) machine.kernel.addNetns(netns);
  ok(await machine.network("ADD", dbnet, neighbour));
  /** Only the pointer to the last address that was given out may move. */
  const left = () => ({
    host: JSON.parse(
      JSON.stringify(machine.dump(), (key, value) => key.startsWith("last_reserved_ip") ? undefined : value),
    ),
    held: [...held],
    files: [...machine.files.keys()],
  });
  /** Attaches blue, and interrupts when `abort` is called. */
  const attachUntil = (arrange: (abort: () => void) => void) =>
    machine.run(Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(attach(mixed, blue));
      arrange(() => fiber.interruptUnsafe());
      return yield* Fiber.await(fiber);
    }));
  return { machine, seen, killed, hanging, left, attachUntil };
}

Deno.test("[C31] an ADD of our plugins and others' that is interrupted at any step leaves nothing, nor do the others", async () => {
  const probe = await scene();
  ok(await probe.machine.network("ADD", mixed, blue));
  const { points } = probe.machine;
  assert.ok(points > 40, `an ADD passes ${points} points`);
  for (let at = 1; at <= points; at++) {
    const { machine, left, seen } = await scene();
    const before = left();
    const outcome = await machine.network("ADD", mixed, blue, { at, interrupt: true });
    assert.notEqual(outcome.ended, "ok", `point ${at}: the caller has gone`);
    assert.deepEqual(left(), before, `interrupted at point ${at}, after ${seen}`);
    if (at % 9 === 0) ok(await machine.network("ADD", mixed, blue), `ADD after point ${at}`);
  }
});

Deno.test("[B57, C31] an ADD that is interrupted while another's plugin runs leaves nothing, whichever it is", async () => {
  const order = ["first", "between", "last"];
  for (let hang = 1; hang <= order.length; hang++) {
    const { machine, left, seen, killed, hanging, attachUntil } = await scene(hang);
    const before = left();
    const ended = await attachUntil((abort) => void (hanging.tell = abort));
    assert.ok(Exit.isSuccess(ended) && Exit.isFailure(ended.value), `${order[hang - 1]}: the caller has gone`);
    assert.equal(killed.length, 1);
    const added = order.slice(0, hang);
    assert.deepEqual(seen, [...added.map((name) => `ADD ${name}`), ...added.toReversed().map((name) => `DEL ${name}`)]);
    assert.deepEqual(left(), before, `interrupted in ${order[hang - 1]}`);
    ok(await machine.network("ADD", mixed, blue), "the next ADD is not in the way of what was interrupted");
  }
});

Deno.test("[C30, C31] an ADD that is interrupted while its result is cached leaves neither the entry nor the network", async () => {
  const { machine, left, attachUntil } = await scene();
  const before = left();
  const ended = await attachUntil((abort) => {
    machine.files.set = (path, text) => {
      abort();
      return Map.prototype.set.call(machine.files, path, text);
    };
  });
  assert.ok(Exit.isSuccess(ended) && Exit.isFailure(ended.value), "the caller has gone");
  assert.deepEqual(left(), before);
});

Deno.test("[C33] an ADD that is interrupted while it waits for its turn has done nothing, and is in nobody's way", async () => {
  const { machine, left, seen, attachUntil } = await scene(1);
  const before = left();
  const both = machine.run(Effect.gen(function* () {
    const running = yield* Effect.forkChild(attach(mixed, blue));
    while (seen.length === 0) yield* Effect.yieldNow;
    const waiting = yield* Effect.forkChild(attach(mixed, blue));
    for (let turns = 0; turns < 10; turns++) yield* Effect.yieldNow;
    yield* Fiber.interrupt(waiting);
    const soFar = [...seen];
    yield* Fiber.interrupt(running);
    return soFar;
  }));
  assert.deepEqual(await both, Exit.succeed(["ADD first"]), "the second has asked no plugin");
  assert.deepEqual(left(), before);
  const ended = await attachUntil(() => {});
  assert.ok(Exit.isSuccess(ended) && Exit.isSuccess(ended.value), "a third finds the way free");
});
