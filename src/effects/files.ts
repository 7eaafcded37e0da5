/** Small text files outside the log and the pools: configurations, resolv.conf, libcni's result cache. */
import * as Context from "effect/Context";
import * as Data from "effect/Data";
import type * as Effect from "effect/Effect";

/** The file system refused. */
export class FileError extends Data.TaggedError("FileError")<{
  /** What could not be done: with a file, or, for "list", with a folder. */
  readonly doing: "read" | "list" | "write";
  /** The file or folder. */
  readonly path: string;
  /** The system's words. */
  readonly detail: string;
}> {
  /** What could not be done with which file, and why. */
  override get message(): string {
    return `Cannot ${this.doing} "${this.path}": ${this.detail}`;
  }
}

/** Reads and writes them. Implementations: `files_system.ts`, and an in-memory one in tests. */
export class Files extends Context.Service<Files, {
  /**
   * The content, or null when there is no such file. With `noLinks`, for files that programs like this one write: what is a
   * link, or has a second name, is refused.
   */
  readonly read: (path: string, how?: { readonly noLinks: boolean }) => Effect.Effect<string | null, FileError>;
  /**
   * Names of the entries of a folder that are not folders, sorted by bytes; null when nothing is there. What is no folder
   * is an error.
   */
  readonly list: (folder: string) => Effect.Effect<readonly string[] | null, FileError>;
  /** Replaces the file at once (temporary file and rename); makes its folder with mode 0700, the file with mode 0600. */
  readonly write: (path: string, content: string) => Effect.Effect<void, FileError>;
  /** Removes the file; absent is fine. */
  readonly remove: (path: string) => Effect.Effect<void, FileError>;
}>()("cleat/Files") {}
