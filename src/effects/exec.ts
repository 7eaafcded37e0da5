/** Foreign plugin executables: finding and running them (CNI spec 1.1.0, section 2). */
import * as Context from "effect/Context";
import * as Data from "effect/Data";
import type * as Effect from "effect/Effect";

/** An executable could not be found or started. */
export class ExecError extends Data.TaggedError("ExecError")<{
  readonly plugin: string;
  readonly reason: "not found" | "not startable";
  readonly detail: string;
}> {
  override get message(): string {
    const doing = this.reason === "not found" ? "find" : "start";
    return `Cannot ${doing} plugin "${this.plugin}": ${this.detail}`;
  }
}

/** Where a plugin type leads: to our own recipe, or to somebody else's executable. */
export type Found = { readonly ours: true } | { readonly ours: false; readonly file: string };

/** What an execution left behind. `signal` is set when it was killed. */
export interface Finished {
  readonly code: number;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Finds and runs executables. Implementations: `exec_system.ts`, and an in-memory one in tests. */
export class Executables extends Context.Service<Executables, {
  /**
   * Looks a plugin type up in the folders of CNI_PATH (joined by ":"); the first regular file wins. An empty path, and
   * a file that is this very version of Cleat, answer "ours" where `known` says that there is such a recipe.
   */
  readonly find: (plugin: string, path: string, known: boolean) => Effect.Effect<Found, ExecError>;
  /** Runs a file with this environment on top of the process's own, and this text on stdin. Interruption kills it. */
  readonly run: (
    file: string,
    environment: Readonly<Record<string, string>>,
    stdin: string,
  ) => Effect.Effect<Finished, ExecError>;
}>()("cleat/Executables") {}
