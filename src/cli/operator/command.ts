/** What a subcommand of `cleat` is. */
import type * as Effect from "effect/Effect";
import type { CommandFailed } from "../../engine/failure.ts";
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

/** The failure of a verb, whose error object is what --json prints. */
export const failed = ({ failure, message }: CommandFailed): Failure => new Failure(message, failure);

/** Options as they were parsed: strings by name, flags by name, positionals. */
export interface Parsed {
  readonly strings: Readonly<Record<string, string | undefined>>;
  readonly lists: Readonly<Record<string, readonly string[]>>;
  /** Names of the flags that were given. */
  readonly flags: ReadonlySet<string>;
  readonly json: boolean;
  readonly positionals: readonly string[];
}

/** What a subcommand answers: text for people, and the same as a value for --json. */
export interface Answer {
  readonly text: string;
  readonly json: unknown;
  readonly exitCode: number;
}

/** An option as --help shows it: with a value, or, where `value` is empty, a flag. */
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
