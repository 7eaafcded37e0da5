/** Running another plugin for the same attachment, as a service. Implementation: `invoke.ts`. */
import * as Context from "effect/Context";
import * as Data from "effect/Data";
import type * as Effect from "effect/Effect";
import { type CniFailure, failureText } from "../spec/failure.ts";
import type { JsonObject } from "../spec/json.ts";
import type { AttachmentKey } from "../spec/key.ts";
import type { CniResult } from "../spec/result.ts";

/** A plugin that was run by another one, or by the runtime, failed. */
export class DelegateError extends Data.TaggedError("DelegateError")<{
  /** Its type. */
  readonly plugin: string;
  /** The verb it was run for. */
  readonly command: string;
  /** The error object it printed. */
  readonly failure: CniFailure;
  /** There was no executable, or it could not be started: the plugin has done nothing. */
  readonly notStarted?: boolean;
}> {
  /** The failure's `msg`, followed by its `details` where it has any. */
  override get message(): string {
    return failureText(this.failure);
  }
}

/** One execution of a plugin, with what the execution protocol carries (CNI spec 1.1.0, section 2). */
export interface Invocation {
  /** Type of the plugin, which is the name of its executable. */
  readonly plugin: string;
  /** CNI_COMMAND. */
  readonly command: "ADD" | "DEL" | "CHECK" | "GC" | "STATUS";
  /** The attachment: CNI_CONTAINERID and CNI_IFNAME, and the network's name out of the config. */
  readonly key: AttachmentKey;
  /** CNI_NETNS; empty when there is none. */
  readonly netns: string;
  /** CNI_NETNS_OVERRIDE: the host's own namespace is allowed. */
  readonly allowOwnNetns: boolean;
  /** CNI_ARGS, verbatim. */
  readonly args: string;
  /** CNI_PATH, verbatim. */
  readonly path: string;
  /** What the plugin reads on stdin. */
  readonly config: JsonObject;
}

/** An invocation without what is asked of whom: the attachment, as the execution protocol carries it. */
export type Call = Omit<Invocation, "plugin" | "command" | "config">;

/** Runs plugins: ours in this process, foreign ones as executables. */
export class Plugins extends Context.Service<Plugins, {
  /** The result of ADD; null for the other verbs. */
  readonly invoke: (invocation: Invocation) => Effect.Effect<CniResult | null, DelegateError>;
}>()("cleat/Plugins") {}
