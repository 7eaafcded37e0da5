/** Acting: the one door for every change. It writes ahead. */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import type { CreatedLink } from "../effects/kernel/host.ts";
import type { DhcpGrant } from "../effects/dhcp/rpc.ts";
import type { BackupOp, DhcpOp, InvokeOp, KernelOp, LeaseOp, Op } from "../effects/kernel/op.ts";
import { createdLinks, undoFor } from "../effects/kernel/undo.ts";
import type { Lease } from "../effects/leases/leases.ts";
import type { CniResult } from "../spec/result.ts";
import type { Call } from "./delegate.ts";
import { execute, hands } from "./execute.ts";
import { didNothing, failureOf } from "./failure.ts";
import type { Journal } from "./journal.ts";
import type { EffectError } from "./plugin.ts";

/** What an op answers. */
export type Answer<O extends Op> = O extends { readonly op: "lease.reserve" } ? Lease
  : O extends { readonly op: "dhcp.acquire" } ? DhcpGrant
  : O extends { readonly op: "link.create" } ? CreatedLink
  : O extends InvokeOp ? CniResult | null
  : O extends KernelOp | LeaseOp | DhcpOp | BackupOp ? void
  : never;

/** The acting half of ADD. */
export class Act extends Context.Service<Act, {
  readonly perform: (op: Op) => Effect.Effect<unknown, EffectError>;
}>()("cleat/Act") {}

/**
 * Changes the host: writes the op and its undo to the log, acts, notes the outcome. Uninterruptible.
 * Ends with the typed error of the room the op belongs to.
 */
export const perform = <const O extends Op>(op: O): Effect.Effect<Answer<O>, EffectError, Act> =>
  Effect.flatMap(Act, (act) => act.perform(op)) as Effect.Effect<Answer<O>, EffectError, Act>;

/** The acting half for one open stream; `undoOf` decides what takes an op back. */
export const actFor = (call: Call, journal: Journal, undoOf: typeof undoFor = undoFor) =>
  Effect.gen(function* () {
    const services = yield* hands;
    const act = Effect.fnUntraced(function* (op: Op) {
      const { stack, lastId } = journal.snapshot.context;
      const undo = yield* undoOf(op, { view: services.host, created: createdLinks(stack.map((entry) => entry.op)) });
      const id = lastId + 1;
      yield* journal.record({ type: "effect.intended", id, op, undo });
      const exit = yield* Effect.exit(execute(services, call, journal.snapshot, op));
      if (Exit.isSuccess(exit)) {
        journal.note({ type: "effect.applied", id, ...(exit.value === undefined ? {} : { value: exit.value }) });
      } else {
        const error = failureOf(exit.cause); // null for a defect, which leaves the op in doubt
        const nothing = didNothing(exit.cause) ? { nothing: true as const } : {};
        if (error !== null) journal.note({ type: "effect.failed", id, error, ...nothing });
      }
      return yield* exit;
    }, Effect.uninterruptible);
    return Act.of({ perform: act });
  });
