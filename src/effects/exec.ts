/** Foreign plugin executables: finding and running them (CNI spec 1.1.0, section 2). */
import * as Context from "effect/Context";
import * as Data from "effect/Data";
import type * as Effect from "effect/Effect";
import { quote } from "../spec/conf_fault.ts";

/** An executable could not be found or started. */
export class ExecError extends Data.TaggedError("ExecError")<{
  readonly plugin: string;
  readonly reason: "not found" | "not startable";
  readonly detail: string;
}> {
  override get message(): string {
    const doing = this.reason === "not found" ? "find" : "start";
    return `Cannot ${doing} plugin ${quote(this.plugin)}: ${this.detail}`;
  }
}

/** Where a plugin type leads: to our own recipe, or to somebody else's executable. */
export type Found = { readonly ours: true } | { readonly ours: false; readonly file: string };

/**
 * How much an execution may print on stdout, and as much on stderr, in bytes: far above any result, far below what
 * would hurt the runtime.
 */
export const MAX_OUTPUT_BYTES: number = 16 * 2 ** 20;

/** What an execution left behind. */
export interface Finished {
  readonly code: number;
  /** Set when it was killed. */
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  /** It was killed because it printed more than `MAX_OUTPUT_BYTES` there. */
  readonly flooded?: "stdout" | "stderr";
}

/** Finds and runs executables. Implementations: `exec_system.ts`, and an in-memory one in tests. */
export class Executables extends Context.Service<Executables, {
  /**
   * Looks a plugin type up in the folders of CNI_PATH (joined by ":"); the first regular file wins. An empty path, and
   * a file that is this very version of Cleat, answer "ours" where `known` says that there is such a recipe.
   */
  readonly find: (plugin: string, path: string, known: boolean) => Effect.Effect<Found, ExecError>;
  /**
   * Runs a file to its end, and to the end of all that hold its output open, with this environment on top of the
   * process's own, and this text on stdin. Interruption kills it with everything it has started.
   */
  readonly run: (
    file: string,
    environment: Readonly<Record<string, string>>,
    stdin: string,
  ) => Effect.Effect<Finished, ExecError>;
}>()("cleat/Executables") {}
