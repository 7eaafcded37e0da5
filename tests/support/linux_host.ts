/** A real kernel's `HostShape` for live tests, whose host side is a namespace of the test's own. */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Layer from "effect/Layer";
import * as Scope from "effect/Scope";
import {
  type CreatedLink,
  HostError,
  type HostShape,
  Kernel,
  NetnsError,
  type NetnsWanted,
} from "../../src/effects/kernel/host.ts";
import { linuxKernel } from "../../src/effects/kernel/linux/kernel.ts";
import type { KernelOp } from "../../src/effects/kernel/op.ts";
import type { Netns } from "./netns.ts";

/** An open host; closes its sockets with the test. */
export interface OpenHost extends Disposable {
  readonly host: HostShape;
  /** Carries out an op that must succeed. */
  readonly apply: (op: KernelOp) => CreatedLink | undefined;
  /** Carries out an op that must be refused. */
  readonly refused: (op: KernelOp) => HostError;
}

/** The layer lives as long as the scope, as it does in a process. */
const openKernel = (wanted: NetnsWanted) =>
  Effect.flatMap(Layer.build(linuxKernel), (services) => Context.get(services, Kernel).open(wanted));

/** Opens `wanted` as a process in `host` would. */
export function openHost(host: Netns, wanted: NetnsWanted): OpenHost {
  const scope = Effect.runSync(Scope.make());
  const shape = host.run(() => Effect.runSync(openKernel(wanted).pipe(Scope.provide(scope))));
  return {
    host: shape,
    apply: (op) => Effect.runSync(shape.apply(op)),
    refused: (op) => {
      const error = Effect.runSync(Effect.flip(shape.apply(op)));
      if (!(error instanceof HostError)) throw new Error(`Cannot use the error of ${op.op}: ${error}`);
      return error;
    },
    [Symbol.dispose]: () => Effect.runSync(Scope.close(scope, Exit.void)),
  };
}

/** Why `wanted` cannot be opened by a process in `host`. */
export function refusedNetns(host: Netns, wanted: NetnsWanted): NetnsError {
  const error = host.run(() => Effect.runSync(Effect.flip(Effect.scoped(openKernel(wanted)))));
  if (!(error instanceof NetnsError)) throw error;
  return error;
}
