/** A simulated machine with one container, opened for both sides: what tests of the kernel's room start from. */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import { type HostError, type HostShape, Kernel, type NetnsWanted } from "../../src/effects/kernel/host.ts";
import type { KernelOp, Side } from "../../src/effects/kernel/op.ts";
import { type SimulatedKernel, simulatedKernel, type SimulatedOptions } from "../../src/effects/kernel/simulated.ts";

/** The container's namespace in simulated machines. */
export const NETNS = "/run/netns/c1";

/** Opens namespaces in a simulated machine; the simulation holds nothing that would have to be closed. */
export const openHost = (kernel: SimulatedKernel, wanted: NetnsWanted): HostShape => {
  const opened = Effect.gen(function* () {
    return yield* (yield* Kernel).open(wanted);
  });
  const scope = Effect.runSync(Scope.make());
  const host = Effect.runSync(opened.pipe(Scope.provide(scope), Effect.provide(kernel.layer)));
  Effect.runSync(Scope.close(scope, Exit.void));
  return host;
};

/** What an op ended with: "ok", or the errno. */
export const outcome = <A>(effect: Effect.Effect<A, HostError>): string =>
  Effect.runSync(Effect.match(effect, { onSuccess: () => "ok", onFailure: ({ errno }) => errno }));

/** A machine, its two sides, and `run`, which answers "ok" or an errno for each op. */
export const newMachine = (options: SimulatedOptions = {}) => {
  const kernel = simulatedKernel(options);
  kernel.addNetns(NETNS);
  const host = openHost(kernel, { path: NETNS, allowOwn: false });
  const run = (...ops: readonly KernelOp[]): readonly string[] => ops.map((op) => outcome(host.apply(op)));
  return { kernel, host, run };
};

/** A veth pair as the bridge plugin makes it: the near end on the host, the far end `eth0` in the container. */
export const pair = (near = "veth1", far = "eth0"): KernelOp => ({
  op: "link.create",
  on: "host",
  name: near,
  link: { kind: "veth", peer: { on: "container", name: far } },
});

/** Sets a link up. */
export const up = (on: Side, name: string): KernelOp => ({ op: "link.set", on, name, set: { up: true } });
