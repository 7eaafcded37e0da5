/** Runs parts of recipes on a host without the engine: shows what they perform, and that it can be undone. */
import * as Effect from "effect/Effect";
import * as Scope from "effect/Scope";
import { type HostShape, Kernel } from "../../src/effects/kernel/host.ts";
import type { KernelOp, Op } from "../../src/effects/kernel/op.ts";
import { simulatedKernel } from "../../src/effects/kernel/simulated.ts";
import { undoFor } from "../../src/effects/kernel/undo.ts";
import { Act } from "../../src/engine/act.ts";
import { View } from "../../src/engine/view.ts";

/** The container's namespace on simulated machines. */
export const NETNS = "/run/netns/recipe";

/** Text files a recipe may see: path to content. */
type Files = Readonly<Record<string, string>>;

/** Whether the kernel carries it out. */
export const isKernelOp = (op: Op): op is KernelOp =>
  !op.op.startsWith("dhcp.") && !op.op.startsWith("lease.") && op.op !== "plugin.invoke" && op.op !== "backup.delete";

const kernelOnly = (op: Op): KernelOp => {
  if (!isKernelOp(op)) throw new Error(`Cannot perform "${op.op}": recipes here only have a kernel`);
  return op;
};

const noOther = () => Effect.die(new Error("Cannot ask: recipes here only have a kernel"));

/** Recipes on this host. */
export const recipesOn = (host: HostShape, files: Files = {}) => {
  const asked: KernelOp[] = [];
  const performed: KernelOp[] = [];
  const undos: Op[] = [];
  const act = Act.of({
    perform: Effect.fnUntraced(function* (asking: Op) {
      const op = kernelOnly(asking);
      asked.push(op);
      const undo = yield* undoFor(op, { view: host, created: new Set() });
      const answer = yield* host.apply(op);
      performed.push(op);
      if (undo !== null) undos.push(undo);
      return answer;
    }),
  });
  const view = View.of({
    host,
    dhcp: { reach: noOther, leases: noOther },
    leases: { held: noOther, holds: noOther, owners: noOther, available: noOther },
    ask: noOther,
    holds: noOther,
    file: (path) => Effect.succeed(files[path] ?? null),
  });
  return {
    /** All that was asked for, refused or not, oldest first. */
    asked,
    /** What was carried out, oldest first. */
    performed,
    run: <A, E>(recipe: Effect.Effect<A, E, View | Act>): Promise<A> =>
      Effect.runPromise(recipe.pipe(Effect.provideService(Act, act), Effect.provideService(View, view))),
    /** The undo stack since it was last taken. */
    takeUndo: (): readonly Op[] => undos.splice(0),
    /** Pops a stack: last in, first out. */
    undo: (stack: readonly Op[]): Promise<void> =>
      Effect.runPromise(Effect.forEach(stack.toReversed(), (op) => host.apply(kernelOnly(op)), { discard: true })),
  };
};

/** Recipes on a simulated machine with one container. */
export const recipeMachine = (files: Files = {}) => {
  const machine = simulatedKernel();
  machine.addNetns(NETNS);
  const host = Effect.runSync(
    Effect.flatMap(Kernel, (kernel) => kernel.open({ path: NETNS, allowOwn: false })).pipe(
      Scope.provide(Effect.runSync(Scope.make())),
      Effect.provide(machine.layer),
    ),
  );
  return { ...machine, ...recipesOn(host, files) };
};
