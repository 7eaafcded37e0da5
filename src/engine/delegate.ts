/** Running another plugin for the same attachment, as a service. Implementation: `invoke.ts`. */
import * as Context from "effect/Context";
import * as Data from "effect/Data";
import type * as Effect from "effect/Effect";
import type { Found } from "../effects/exec.ts";
import { type CniFailure, failureText } from "../spec/failure.ts";
import type { JsonObject } from "../spec/json.ts";
import type { AttachmentKey, Slot } from "../spec/key.ts";
import { DEFAULT_VERSION } from "../spec/released_versions.ts";
import type { CniResult } from "../spec/result.ts";

/** A plugin that was run by another one, or by the runtime, failed. */
export class DelegateError extends Data.TaggedError("DelegateError")<{
  /** Its type. */
  readonly plugin: string;
  /** The verb it was run for. */
  readonly command: string;
  /** The error object it printed. */
  readonly failure: CniFailure;
  /** It has changed nothing: there was no executable, it could not be started, or ours refused before it did anything. */
  readonly didNothing?: boolean;
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
  /**
   * For a DEL that was decided from the log: the number of the last record of each stream of the attachment, as it was
   * then. A stream that has another one by now, or has come since, has a later life, and is left as it is.
   */
  readonly asOf?: ReadonlyMap<Slot, number>;
}

/** The version an invocation is made in. */
export const versionOf = ({ config }: Invocation): string =>
  typeof config.cniVersion === "string" && config.cniVersion !== "" ? config.cniVersion : DEFAULT_VERSION;

/** An invocation without what is asked of whom: the attachment, as the execution protocol carries it. */
export type Call = Omit<Invocation, "plugin" | "command" | "config">;

/** Runs plugins: ours in this process, foreign ones as executables. `path` is a CNI_PATH, as in `Invocation`. */
export class Plugins extends Context.Service<Plugins, {
  /** The result of ADD; null for the other verbs. */
  readonly invoke: (invocation: Invocation) => Effect.Effect<CniResult | null, DelegateError>;
  /** Where a plugin type leads. */
  readonly find: (plugin: string, path: string) => Effect.Effect<Found, DelegateError>;
  /** The spec versions that a plugin says it speaks when it is asked for VERSION, in its order. */
  readonly versions: (plugin: string, path: string) => Effect.Effect<readonly string[], DelegateError>;
}>()("cleat/Plugins") {}
