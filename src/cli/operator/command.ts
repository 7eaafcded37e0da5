/** What a subcommand of `cleat` is. */
import type * as Effect from "effect/Effect";
import type { Services } from "../../runtime/services.ts";

/** Exit codes of `cleat`. */
export const ExitCode = {
  OK: 0,
  /** The verb failed, or what was asked about is not in order. */
  FAILED: 1,
  /** The command line could not be understood. */
  USAGE: 2,
} as const;

/** The command line is wrong; `message` says how and what would be right. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A failure in a sentence, for stderr. */
export class Failure extends Error {
  override readonly name = "Failure";
  /** What --json prints instead of the sentence. */
  readonly json: unknown;
  constructor(message: string, json: unknown = { error: message }) {
    super(message);
    this.json = json;
  }
}

/** Options as they were parsed: strings by name, booleans by name, positionals. */
export interface Parsed {
  readonly strings: Readonly<Record<string, string | undefined>>;
  readonly lists: Readonly<Record<string, readonly string[]>>;
  readonly json: boolean;
  readonly positionals: readonly string[];
}

/** What a subcommand answers: text for people, and the same as a value for --json. */
export interface Answer {
  readonly text: string;
  readonly json: unknown;
  readonly exitCode: number;
}

/** An option with a value, as --help shows it. */
export interface Option {
  readonly name: string;
  readonly value: string;
  readonly help: string;
  readonly repeatable?: boolean;
}

/** One subcommand. */
export interface Subcommand {
  readonly name: string;
  readonly arguments: string;
  readonly summary: string;
  readonly description: string;
  readonly options: readonly Option[];
  /** Fails with `UsageError` or `Failure`; other failures are defects. */
  readonly run: (
    parsed: Parsed,
    env: (name: string) => string | undefined,
  ) => Effect.Effect<Answer, UsageError | Failure, Services>;
}
