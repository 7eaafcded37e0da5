/**
 * The undo stack of a stream as a pure value: one entry for each op that was intended and not yet undone.
 */
import type { Op } from "../effects/kernel/op.ts";
import type { CniFailure } from "../spec/failure.ts";

/** An op the stream has performed, oldest first in the stack. */
export interface Entry {
  /** The effect's number in its stream, from 1. */
  readonly id: number;
  /** What was intended. */
  readonly op: Op;
  /** Null where nothing must be undone: covered and shared ops. */
  readonly undo: Op | null;
  /** "in doubt": intended, and no outcome was written. It may have happened, so it is undone like an applied one. */
  readonly outcome: "in doubt" | "applied" | "failed";
  /** What the op answered, for example the lease. */
  readonly value?: unknown;
  /** Why the last attempt to undo it failed. */
  readonly undoError?: CniFailure;
}

/**
 * Whether a failure of the op means that nothing changed. Not so for the ADD of another plugin, which must be followed
 * by its DEL (CNI spec 1.1.0, section 2, "ADD"), not for a lease whose daemon may have it by now, and not for several settings of a link in one request, which the kernel
 * applies one by one (do_setlink in net/core/rtnetlink.c).
 */
const isAllOrNothing = (op: Op): boolean =>
  op.op === "link.set" ? Object.keys(op.set).length === 1 : op.op !== "plugin.invoke" && op.op !== "dhcp.acquire";

/** Puts an intended op on the stack. */
export const intended = (stack: readonly Entry[], id: number, op: Op, undo: Op | null): readonly Entry[] => [
  ...stack,
  { id, op, undo, outcome: "in doubt" },
];

/** Notes that the op with this id has happened. */
export const applied = (stack: readonly Entry[], id: number, value: unknown): readonly Entry[] =>
  stack.map((entry) =>
    entry.id !== id ? entry : { ...entry, outcome: "applied" as const, ...(value === undefined ? {} : { value }) }
  );

/** Notes that the op with this id has failed: where that means, or `nothing` says, that nothing changed, the entry goes. */
export const failed = (stack: readonly Entry[], id: number, nothing = false): readonly Entry[] =>
  stack.flatMap((entry) => {
    if (entry.id !== id) return [entry];
    return entry.undo !== null && !nothing && !isAllOrNothing(entry.op)
      ? [{ ...entry, outcome: "failed" as const }]
      : [];
  });

/** Takes an undone op off the stack. With the last of them goes what needed no undo: it went with them, or is everybody's. */
export const undone = (stack: readonly Entry[], id: number): readonly Entry[] => {
  const rest = stack.filter((entry) => entry.id !== id);
  return residue(rest).length === 0 ? [] : rest;
};

/** Notes that undoing failed; the entry stays and is owed. */
export const owed = (stack: readonly Entry[], id: number, error: CniFailure): readonly Entry[] =>
  stack.map((entry) => (entry.id === id ? { ...entry, undoError: error } : entry));

/** What is still to undo, last in, first out. */
export const residue = (stack: readonly Entry[]): readonly (Entry & { readonly undo: Op })[] =>
  stack.filter((entry): entry is Entry & { readonly undo: Op } => entry.undo !== null).toReversed();

/** Ops that put a value back: of two for the same thing, the older must be the last. */
const RESTORING: ReadonlySet<Op["op"]> = new Set(["link.set", "port.set", "sysctl.write"]);

/** Whether something that is still to undo puts a value back, so that what was done before it cannot be undone yet. */
export const owesValues = (stack: readonly Entry[]): boolean =>
  residue(stack).some(({ undo }) => RESTORING.has(undo.op));

/** Whether a change outlives the boot it was made in: leases and what other plugins did; kernel state does not. */
export const outlivesBoot = (op: Op): boolean => op.op.startsWith("lease.") || op.op === "plugin.invoke";

/** What a reboot leaves of the stack. */
export const afterReboot = (stack: readonly Entry[]): readonly Entry[] => stack.filter(({ op }) => outlivesBoot(op));
