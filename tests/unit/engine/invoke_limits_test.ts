import assert from "node:assert/strict";
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Fiber from "effect/Fiber";
import { type DelegateError, Plugins } from "../../../src/engine/delegate.ts";
import type { CommandFailed } from "../../../src/engine/failure.ts";
import { InvocationLimits } from "../../../src/engine/limits.ts";
import { registry } from "../../../src/plugins/registry.ts";
import { attach, type Attachment, check, detach, status } from "../../../src/runtime/attach.ts";
import type { Services } from "../../../src/runtime/services.ts";
import { parseNetworkList } from "../../../src/spec/network_list.ts";
import { Machine } from "../../support/engine.ts";
import { type Answer, foreign, printing, type Run } from "../../support/foreign.ts";
import { ok, streamOf } from "../../support/outcomes.ts";
import { SYSCTL, toys } from "../../support/toy_plugins.ts";

const C1: Attachment = { containerId: "c1", netns: "/ns/c1", ifName: "eth0", cniPath: "/opt/foreign" };

const LIST = Effect.runSync(
  parseNetworkList('{"cniVersion":"1.1.0","name":"net","plugins":[{"type":"ours"},{"type":"them"}]}', "a test"),
);

function machineOf(answers: Readonly<Record<string, Answer>>) {
  const { layer, runs, killed } = foreign(answers);
  const machine = new Machine(toys({ type: "ours", ops: [SYSCTL] }), {}, layer);
  machine.kernel.addNetns("/ns/c1");
  return { machine, runs, killed };
}

const answers = printing({ cniVersion: "1.1.0", ips: [{ address: "10.1.0.5/24" }] });
const hangsOn = (...verbs: readonly string[]): Answer => (run) =>
  verbs.includes(run.environment.CNI_COMMAND ?? "") ? "hangs" : answers(run);
const verbsOf = (runs: readonly Run[]) => runs.map(({ environment }) => environment.CNI_COMMAND);

const within = (each: number | null, cleanUp: number) => Effect.provideService(InvocationLimits, { each, cleanUp });

const failureOf = <A>(exit: Exit.Exit<A, unknown>): string => {
  assert.ok(Exit.isFailure(exit));
  return Cause.pretty(exit.cause);
};

/** Lets everything that is ready happen, then interrupts. */
const interrupted = <A, E, R>(effect: Effect.Effect<A, E, R>, when: () => boolean) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect);
    while (!when()) yield* Effect.yieldNow;
    yield* Fiber.interrupt(fiber);
    return yield* Fiber.await(fiber);
  });

Deno.test("[B57, J60] an ADD whose plugin hangs ends at its limit, is rolled back, and says which plugin it was", async () => {
  const { machine, runs, killed } = machineOf({ them: hangsOn("ADD") });
  const before = machine.dump();
  const exit = await machine.run(within(5, 1_000)(attach(LIST, C1)));
  assert.match(failureOf(exit), /Cannot run ADD of plugin "them": it did not end within 5 ms/);
  assert.deepEqual([verbsOf(runs), verbsOf(killed)], [["ADD", "DEL"], ["ADD"]]);
  assert.deepEqual(machine.dump(), before);
});

Deno.test("[B57, J60] CHECK, DEL, STATUS and VERSION of a plugin that hangs end at their limit as well", async () => {
  const { machine, runs, killed } = machineOf({ them: hangsOn("CHECK", "DEL", "STATUS", "VERSION") });
  ok(await machine.network("ADD", LIST, C1));
  const limited = within(5, 1_000);
  const versions = Effect.flatMap(Plugins, (plugins) => plugins.versions("them", "/opt/foreign"));
  for (const verb of [check(LIST, C1), status(LIST, "/opt/foreign"), detach(LIST, C1), Effect.asVoid(versions)]) {
    const end: Effect.Effect<void, CommandFailed | DelegateError, Services> = verb;
    assert.match(failureOf(await machine.run(limited(end))), /of plugin "them": it did not end within 5 ms/);
  }
  assert.deepEqual(verbsOf(killed), ["CHECK", "STATUS", "DEL", "VERSION"]);
  assert.equal(await machine.stateOf(streamOf("ours")), "detached", "ours was undone, though theirs was not");
  assert.equal(await machine.stateOf(streamOf("@chain")), "failed", "and what theirs owes is not forgotten");
  assert.equal(runs.length, 5);
});

Deno.test("an ADD that is interrupted while another's plugin runs kills it, runs its DEL, and leaves nothing", async () => {
  const { machine, runs, killed } = machineOf({ them: hangsOn("ADD") });
  const before = machine.dump();
  const exit = await machine.run(interrupted(attach(LIST, C1), () => runs.length === 1));
  assert.ok(Exit.isSuccess(exit) && Exit.isFailure(exit.value));
  assert.deepEqual([verbsOf(runs), verbsOf(killed)], [["ADD", "DEL"], ["ADD"]]);
  assert.deepEqual(machine.dump(), before);
  assert.equal(await machine.stateOf(streamOf("@chain")), "failed");
});

Deno.test("an interrupted ADD whose plugin hangs in its DEL too waits no longer than for cleaning up", async () => {
  const { machine, runs, killed } = machineOf({ them: hangsOn("ADD", "DEL") });
  const { kernel } = machine;
  const before = kernel.dump();
  await machine.run(interrupted(within(null, 5)(attach(LIST, C1)), () => runs.length === 1));
  assert.deepEqual([verbsOf(runs), verbsOf(killed)], [["ADD", "DEL"], ["ADD", "DEL"]]);
  assert.deepEqual(kernel.dump(), before, "ours was undone all the same");
});

Deno.test("a DEL that is interrupted while another's plugin runs kills it, undoes ours, and the next DEL finishes", async () => {
  let hangs = true;
  const { machine, runs, killed } = machineOf({
    them: (run) => hangs && run.environment.CNI_COMMAND === "DEL" ? "hangs" : answers(run),
  });
  const before = machine.kernel.dump();
  ok(await machine.network("ADD", LIST, C1));
  await machine.run(interrupted(detach(LIST, C1), () => runs.length === 2));
  assert.deepEqual([verbsOf(runs), verbsOf(killed)], [["ADD", "DEL"], ["DEL"]]);
  assert.deepEqual(machine.kernel.dump(), before);
  hangs = false;
  ok(await machine.network("DEL", LIST, C1));
  assert.deepEqual(verbsOf(runs), ["ADD", "DEL", "DEL"]);
  assert.equal(await machine.stateOf(streamOf("@chain")), "detached");
});

const bridgeOf = (ipam: string) => ({ cniVersion: "1.1.0", name: "net", type: "bridge", ipam: { type: ipam } });

const invoke = (command: "ADD" | "CHECK" | "DEL" | "GC" | "STATUS", ipam: string) =>
  Effect.flatMap(Plugins, (plugins) =>
    plugins.invoke({
      plugin: "bridge",
      command,
      key: { network: "net", containerId: "c1", ifName: "eth0" },
      netns: "/ns/c1",
      allowOwnNetns: false,
      args: "",
      path: "/opt/foreign",
      config: bridgeOf(ipam),
    }));

Deno.test("a plugin that hands work on to itself is refused at once, whatever the verb, and does not wait for itself", async () => {
  for (const command of ["ADD", "STATUS", "GC"] as const) {
    const machine = new Machine(registry);
    machine.kernel.addNetns("/ns/c1");
    const failure = failureOf(await machine.run(invoke(command, "bridge")));
    assert.match(failure, new RegExp(`Cannot run ${command} of plugin "bridge": it is part of a run of "bridge"`));
    assert.doesNotMatch(JSON.stringify(machine.kernel.dump()), /veth/, "what was begun is undone");
  }
});

Deno.test("[C46, C55, D8, D10, H30, J83, J132] STATUS and GC of bridge ask its delegate, with the whole request, and fail as it fails", async () => {
  for (const command of ["STATUS", "GC"] as const) {
    let fails = false;
    const { layer, runs } = foreign({ ipam: () => fails ? { code: 1, stdout: '{"code":50,"msg":"no server"}' } : {} });
    const machine = new Machine(registry, {}, layer);
    assert.ok(Exit.isSuccess(await machine.run(invoke(command, "ipam"))));
    assert.deepEqual(runs.map(({ environment, stdin }) => [environment.CNI_COMMAND, stdin]), [
      [command, bridgeOf("ipam")],
    ]);
    fails = true;
    assert.match(failureOf(await machine.run(invoke(command, "ipam"))), /no server/);
  }
});
