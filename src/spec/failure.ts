/**
 * CNI error objects and their codes (CNI spec 1.1.0, section 5, "Error").
 *
 * @module
 */
import * as Data from "effect/Data";

/** The codes of CNI spec 1.1.0, section 5; `INVALID_NETNS` and `INTERNAL` are Go libcni's (`pkg/types/types.go`). */
export const CniCode = {
  INCOMPATIBLE_VERSION: 1,
  UNSUPPORTED_FIELD: 2,
  UNKNOWN_CONTAINER: 3,
  INVALID_ENVIRONMENT: 4,
  IO_FAILURE: 5,
  DECODING_FAILURE: 6,
  INVALID_NETWORK_CONFIG: 7,
  INVALID_NETNS: 8,
  TRY_AGAIN_LATER: 11,
  PLUGIN_NOT_AVAILABLE: 50,
  LIMITED_CONNECTIVITY: 51,
  /** First code of the plugin's own range: the attachment is not in a state that allows the verb. */
  WRONG_STATE: 100,
  /** CHECK found that the host differs from what ADD made. */
  DRIFTED: 101,
  /** An address or a port is taken, or a pool is exhausted. */
  RESOURCE_TAKEN: 102,
  INTERNAL: 999,
} as const;

/** What is printed on stdout when a verb fails (CNI spec 1.1.0, section 5, "Error"). */
export interface CniFailure {
  /** One of `CniCode`, or a foreign plugin's own: 100 and above. */
  readonly code: number;
  /** One sentence: what could not be done to what, and why. */
  readonly msg: string;
  /** What would be right, or more failures of the same verb. */
  readonly details?: string;
}

/** A failure as people read it: its `msg`, followed by its `details` where it has any. */
export const failureText = ({ msg, details }: CniFailure): string => details ? `${msg}; ${details}` : msg;

/** Longest `msg` of a refusal, and longest `details`, in characters: what they quote may be anything. */
const MAX_MSG = 1_000;
const MAX_DETAILS = 10_000;

/** One line of at most so many characters: a line break in what a message quotes must not look like another message. */
export function oneLine(text: string, longest: number = MAX_MSG): string {
  const cut = text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
  return cut.replaceAll(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1));
}

/**
 * A verb was refused before anything was changed: bad input, a wrong state, or a resource somebody else holds.
 *
 * @example
 * ```ts
 * import { CniCode, Refused } from "./failure.ts";
 * const refused = new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg: 'Cannot use "mtu": -1 is below 0' });
 * if (refused.message !== 'Cannot use "mtu": -1 is below 0') throw new Error(refused.message);
 * ```
 */
export class Refused extends Data.TaggedError("Refused")<CniFailure> {
  /** What it quotes is kept to one line, and cut where it is very long. */
  constructor({ code, msg, details }: CniFailure) {
    const told = details === undefined ? {} : { details: oneLine(details, MAX_DETAILS) };
    super({ code, msg: oneLine(msg), ...told });
  }

  /** The failure's `msg`, followed by its `details` where it has any. */
  override get message(): string {
    return failureText(this);
  }
}
