/** Folding facts into state. */
import { type AnyActorScope, createActor, getNextTransitions } from "xstate";
import { attachmentName, type StreamId } from "../spec/key.ts";
import { attachment, type AttachmentState, type Instruction, type Snapshot } from "./attachment.ts";
import type { AttachmentEvent, Recorded } from "./event.ts";

/** An event that cannot happen in this state: the history is not one of this machine. */
export class IllegalEvent extends Error {
  /** Tells it from other errors. */
  override readonly name = "IllegalEvent";
  /** What cannot happen. */
  readonly event: AttachmentEvent;
  /** Name of the state in which it cannot. */
  readonly state: string;
  /** The message lists what could happen in that state instead. */
  constructor(event: AttachmentEvent, snapshot: Snapshot) {
    const possible = [...new Set(getNextTransitions(snapshot).map(({ eventType }) => eventType))].join(", ");
    super(`Cannot apply "${event.type}" in state "${snapshot.value}": possible there: ${possible || "nothing"}`);
    this.event = event;
    this.state = snapshot.value;
  }
}

/**
 * Never started. xstate's `transition` makes such an actor for every event, which costs more than the transition itself;
 * one serves them all, since entering a state only collects its actions.
 */
const inert = createActor(attachment);

/** The state before anything has happened. */
export const initialSnapshot: Snapshot = inert.getSnapshot();

/** Computes one transition; what it would execute is returned instead. */
function transition(snapshot: Snapshot, event: AttachmentEvent): readonly [Snapshot, readonly string[]] {
  const actions: string[] = [];
  const scope: AnyActorScope = {
    self: inert,
    id: inert.id,
    sessionId: inert.sessionId,
    system: inert.system,
    logger: () => {},
    defer: () => {},
    emit: () => {},
    stopChild: () => {},
    actionExecutor: ({ type }) => void actions.push(type),
  };
  return [attachment.transition(snapshot, event, scope), actions];
}

const INSTRUCTIONS: ReadonlySet<string> = new Set<Instruction>(["runAdd", "runCheck", "runDel", "runUndo"]);
const isInstruction = (type: string): type is Instruction => INSTRUCTIONS.has(type);

/** The next state, and what the engine must carry out there. Throws `IllegalEvent`. */
export function step(snapshot: Snapshot, event: AttachmentEvent): readonly [Snapshot, readonly Instruction[]] {
  const [next, actions] = transition(snapshot, event);
  if (next === snapshot) throw new IllegalEvent(event, snapshot); // xstate changes nothing where no transition is enabled
  return [next, actions.filter(isInstruction)];
}

/** The next state. Throws `IllegalEvent`. */
export const evolve = (snapshot: Snapshot, event: AttachmentEvent): Snapshot => step(snapshot, event)[0];

/** One record with the states around it. */
export interface ReplayStep<S extends AttachmentState = AttachmentState> {
  /** What was written down. */
  readonly record: Recorded;
  /** The state in which it happened. */
  readonly before: S;
  /** The state it led to. */
  readonly after: S;
}

/** A log whose events do not follow from each other. */
export class IllegalHistory extends Error {
  /** Tells it from other errors, also where the class is another copy. */
  override readonly name = "IllegalHistory";
  /** Number of the first record that cannot have happened. */
  readonly seq: number;
  /** What is wrong with that record, without the name of the log. */
  readonly why: string;
  /** `id` names the log in the message; null for a log that has no name. */
  constructor(id: StreamId | null, seq: number, cause: IllegalEvent) {
    const which = id === null ? "the log" : `"${attachmentName(id)}/${id.slot}"`;
    super(`Cannot replay ${which}: record ${seq}: ${cause.message}`);
    this.seq = seq;
    this.why = cause.message;
  }
}

/** Re-folds a log record by record. Throws `IllegalHistory` at the first record that cannot have happened. */
export function replay(records: readonly Recorded[], id: StreamId | null = null): readonly ReplayStep<Snapshot>[] {
  let before = initialSnapshot;
  return records.map((record) => {
    try {
      const after = evolve(before, record.event);
      const step = { record, before, after };
      before = after;
      return step;
    } catch (error) {
      throw error instanceof IllegalEvent ? new IllegalHistory(id, record.seq, error) : error;
    }
  });
}

/** The state a log ends in. Throws `IllegalHistory`. */
export const fold = (records: readonly Recorded[], id: StreamId | null = null): Snapshot =>
  replay(records, id).at(-1)?.after ?? initialSnapshot;

/** The beginning of a log that can have happened, and what cannot have happened after it. */
export interface LegalBeginning {
  readonly records: readonly Recorded[];
  /** The state these records end in. */
  readonly snapshot: Snapshot;
  /** The first record that cannot have happened, or null when the whole log is legal. */
  readonly illegal: IllegalHistory | null;
}

/** Folds as much of a log as can have happened: for those who must go on whatever stands in it. */
export function foldLegal(records: readonly Recorded[], id: StreamId | null = null): LegalBeginning {
  try {
    return { records, snapshot: fold(records, id), illegal: null };
  } catch (error) {
    if (!(error instanceof IllegalHistory)) throw error;
    const legal = records.filter(({ seq }) => seq < error.seq);
    return { records: legal, snapshot: fold(legal, id), illegal: error };
  }
}
