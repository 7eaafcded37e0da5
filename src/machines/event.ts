/**
 * What happens to one stream, in the order it happens. Persisted as the log: frozen once released.
 */
import type { NetnsIdentity } from "../effects/kernel/host.ts";
import type { Op } from "../effects/kernel/op.ts";
import type { CniFailure } from "../spec/failure.ts";
import type { JsonObject } from "../spec/json.ts";
import type { CniResult } from "../spec/result.ts";

/** ADD was accepted: all that CHECK, DEL and undo will need later. */
export interface AddEvent {
  /** The verb, as all events of that name are called. */
  readonly type: "ADD";
  /** The container's network namespace. */
  readonly netns: NetnsIdentity;
  /** The request config, as it came. */
  readonly config: JsonObject;
  /** The result of the plugin before in the chain; null for the first. */
  readonly prevResult: CniResult | null;
  /** CNI_ARGS, verbatim. */
  readonly args?: string;
  /** CNI_PATH, verbatim. */
  readonly path?: string;
  /** CNI_NETNS_OVERRIDE was set: the host's own namespace was allowed. */
  readonly allowOwnNetns?: boolean;
}

/** One entry of a stream. `id` counts the effects of a stream from 1. */
export type AttachmentEvent =
  | AddEvent
  | { readonly type: "CHECK" }
  | { readonly type: "DEL" }
  /** About to change the host. The undo is decided here; null where nothing must be undone (covered and shared ops). */
  | { readonly type: "effect.intended"; readonly id: number; readonly op: Op; readonly undo: Op | null }
  | { readonly type: "effect.applied"; readonly id: number; readonly value?: unknown }
  /** `nothing`: another plugin's ADD that changed nothing, so that no DEL is owed. */
  | { readonly type: "effect.failed"; readonly id: number; readonly error: CniFailure; readonly nothing?: true }
  | { readonly type: "undo.applied"; readonly id: number }
  | { readonly type: "undo.failed"; readonly id: number; readonly error: CniFailure }
  | { readonly type: "add.succeeded"; readonly result: CniResult }
  | { readonly type: "add.failed"; readonly error: CniFailure }
  | { readonly type: "check.passed" }
  | { readonly type: "check.drifted"; readonly findings: readonly string[] }
  | { readonly type: "del.succeeded" }
  | { readonly type: "del.failed"; readonly error: CniFailure }
  /** The process that wrote the last record is gone; `pid` was its id. */
  | { readonly type: "command.abandoned"; readonly pid: number }
  /** The host has booted since: kernel state of the stream is void. */
  | { readonly type: "host.rebooted"; readonly from: string; readonly to: string };

/** One line of a log: an event, and who wrote it down when. */
export interface Recorded {
  /** Version of the format. */
  readonly v: 1;
  /** Counts the records of a stream from 1. */
  readonly seq: number;
  /** Time of writing: ISO 8601 in UTC, with milliseconds. */
  readonly at: string;
  /** The kernel's boot id (random(4)): kernel state of another boot is void. */
  readonly boot: string;
  /** Process that wrote it. */
  readonly pid: number;
  /** Program and version that wrote it. */
  readonly by: string;
  /** SHA-256 in lower-case hex of the line before; of the stream's name for the first. */
  readonly prev: string;
  /** What happened. */
  readonly event: AttachmentEvent;
}
