/**
 * What happens to one stream, in the order it happens. Persisted as the log: frozen once released.
 */
import type { NetnsIdentity } from "../effects/kernel/host.ts";
import type { Op } from "../effects/kernel/op.ts";
import type { CniFailure } from "../spec/failure.ts";
import type { JsonObject } from "../spec/json.ts";
import type { CniResult } from "../spec/result.ts";

/** ADD was accepted: all that CHECK, DEL and undo will need later. `args` is CNI_ARGS, `path` CNI_PATH. */
export interface AddEvent {
  readonly type: "ADD";
  readonly netns: NetnsIdentity;
  readonly config: JsonObject;
  readonly prevResult: CniResult | null;
  readonly args?: string;
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
  | { readonly type: "effect.failed"; readonly id: number; readonly error: CniFailure }
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

/**
 * One line of a log. `seq` counts from 1, `at` is ISO 8601 in UTC, `boot` the kernel's boot id, `by` the program and
 * version that wrote it, `prev` the SHA-256 (hex) of the line before, of the stream's name for the first.
 */
export interface Recorded {
  readonly v: 1;
  readonly seq: number;
  readonly at: string;
  readonly boot: string;
  readonly pid: number;
  readonly by: string;
  readonly prev: string;
  readonly event: AttachmentEvent;
}
