/**
 * The life of one stream as a statechart. Events are facts (what the log holds); entry actions are instructions, data
 * that `transition` returns for the engine to carry out and that replay ignores.
 */
import { assign, setup, type SnapshotFrom } from "xstate";
import { CniCode, type CniFailure } from "../spec/failure.ts";
import type { CniResult } from "../spec/result.ts";
import { afterReboot, applied, type Entry, failed, intended, owed, residue, undone } from "./entry.ts";
import type { AddEvent, AttachmentEvent } from "./event.ts";

/** What a stream knows besides its state. */
export interface AttachmentContext {
  /** The last accepted ADD; null before the first, and while DEL adopts what another program made. */
  readonly add: AddEvent | null;
  /** What ADD answered. */
  readonly result: CniResult | null;
  /** Oldest first; see `entry.ts`. */
  readonly stack: readonly Entry[];
  /** The highest effect id used. */
  readonly lastId: number;
  /** Why the last command failed. */
  readonly error: CniFailure | null;
  /** What the last CHECK found. */
  readonly findings: readonly string[];
}

/** What the engine must carry out on entering a state. */
export type Instruction = "runAdd" | "runCheck" | "runDel" | "runUndo";

const fresh: AttachmentContext = { add: null, result: null, stack: [], lastId: 0, error: null, findings: [] };

const machine = setup({
  types: {
    context: {} as AttachmentContext,
    events: {} as AttachmentEvent,
    tags: {} as "busy",
  },
  guards: {
    clean: ({ context }) => residue(context.stack).length === 0,
  },
  actions: {
    runAdd: () => {},
    runCheck: () => {},
    runDel: () => {},
    runUndo: () => {},
    begin: assign(({ context, event }) =>
      event.type === "ADD" ? { ...fresh, add: event, lastId: context.lastId } : context
    ),
    intend: assign(({ context, event }) =>
      event.type === "effect.intended"
        ? { stack: intended(context.stack, event.id, event.op, event.undo), lastId: Math.max(context.lastId, event.id) }
        : {}
    ),
    apply: assign(({ context, event }) =>
      event.type === "effect.applied" ? { stack: applied(context.stack, event.id, event.value) } : {}
    ),
    fail: assign(({ context, event }) =>
      event.type === "effect.failed" ? { stack: failed(context.stack, event.id, event.nothing) } : {}
    ),
    undo: assign(({ context, event }) =>
      event.type === "undo.applied" ? { stack: undone(context.stack, event.id) } : {}
    ),
    owe: assign(({ context, event }) =>
      event.type === "undo.failed" ? { stack: owed(context.stack, event.id, event.error) } : {}
    ),
    conclude: assign(({ event }) => event.type === "add.succeeded" ? { result: event.result } : {}),
    blame: assign(({ event }) =>
      event.type === "add.failed" || event.type === "del.failed"
        ? { error: event.error }
        : event.type === "command.abandoned"
        ? { error: { code: CniCode.INTERNAL, msg: `process ${event.pid} ended before it had finished` } }
        : {}
    ),
    find: assign(({ event }) => ({ findings: event.type === "check.drifted" ? event.findings : [] })),
    reboot: assign(({ context }) => ({
      stack: afterReboot(context.stack),
      error: { code: CniCode.INTERNAL, msg: "the host has been rebooted since" },
    })),
    forget: assign(({ context }) => ({ ...fresh, lastId: context.lastId })),
  },
});

const effects = {
  "effect.intended": { actions: "intend" },
  "effect.applied": { actions: "apply" },
  "effect.failed": { actions: "fail" },
} as const;

const undos = {
  "undo.applied": { actions: "undo" },
  "undo.failed": { actions: "owe" },
} as const;

const rebooted = { "host.rebooted": { target: "failed", actions: "reboot" } } as const;

/** The machine of a stream. `can` tells legal events; illegal ones are never applied (see `evolve`). */
export const attachment = machine.createMachine({
  id: "attachment",
  context: fresh,
  initial: "absent",
  states: {
    absent: { on: { ADD: { target: "attaching", actions: "begin" }, DEL: "detaching" } },
    attaching: {
      tags: "busy",
      entry: "runAdd",
      on: {
        ...effects,
        "add.succeeded": { target: "attached", actions: "conclude" },
        "add.failed": { target: "failed", actions: "blame" },
        "command.abandoned": { target: "failed", actions: "blame" },
        ...rebooted,
      },
    },
    attached: { on: { CHECK: "checking", DEL: "detaching", ...rebooted } },
    checking: {
      tags: "busy",
      entry: "runCheck",
      on: {
        "check.passed": { target: "attached", actions: "find" },
        "check.drifted": { target: "drifted", actions: "find" },
        "command.abandoned": "attached",
        ...rebooted,
      },
    },
    drifted: { on: { CHECK: "checking", DEL: "detaching", ...rebooted } },
    detaching: {
      tags: "busy",
      entry: "runDel",
      on: {
        ...effects,
        ...undos,
        "del.succeeded": { guard: "clean", target: "detached", actions: "forget" },
        "del.failed": { target: "failed", actions: "blame" },
        "command.abandoned": { target: "failed", actions: "blame" },
        ...rebooted,
      },
    },
    detached: { on: { ADD: { target: "attaching", actions: "begin" }, DEL: "detaching" } },
    failed: {
      entry: "runUndo",
      on: {
        ...undos,
        ADD: { guard: "clean", target: "attaching", actions: "begin" },
        DEL: "detaching",
        "host.rebooted": { actions: "reboot" },
      },
    },
  },
});

/** A state of the machine with its context. */
export type Snapshot = SnapshotFrom<typeof attachment>;

/** The names of the states. */
export type StateName =
  | "absent"
  | "attaching"
  | "attached"
  | "checking"
  | "drifted"
  | "detaching"
  | "detached"
  | "failed";

/** A snapshot as far as it is told to others: data, without the machine that computed it. */
export interface AttachmentState {
  /** Name of the state. */
  readonly value: StateName;
  /** What the stream knows besides. */
  readonly context: AttachmentContext;
}
