/** The only place where an error becomes a CNI code (CNI spec 1.1.0, section 5, "Error"). */
import * as Cause from "effect/Cause";
import * as Data from "effect/Data";
import * as Option from "effect/Option";
import type { NetnsError } from "../effects/kernel/host.ts";
import type { LockError } from "../effects/lock/network_lock.ts";
import { CniCode, type CniFailure, failureText, oneLine, type Refused } from "../spec/failure.ts";
import type { EffectError } from "./plugin.ts";

/** A verb ended in failure. */
export class CommandFailed extends Data.TaggedError("CommandFailed")<{
  /** The error object the plugin prints. */
  readonly failure: CniFailure;
  /** An ADD that was refused before it changed anything: what is there is another's, and no DEL may follow. */
  readonly didNothing?: boolean;
}> {
  /** The failure's `msg`, followed by its `details` where it has any. */
  override get message(): string {
    return failureText(this.failure);
  }
}

const withDetails = (code: number, msg: string, details: string | undefined): CniFailure =>
  details === undefined ? { code, msg } : { code, msg, details };

/** Turns every error of the engine and its effects into what CNI prints. */
export function toCniFailure(error: EffectError | Refused | NetnsError | LockError | CommandFailed): CniFailure {
  switch (error._tag) {
    case "CommandFailed":
      return error.failure;
    case "DelegateError":
      return error.failure;
    case "Refused":
      return withDetails(error.code, error.msg, error.details);
    case "NetnsError":
      return {
        code: error.reason === "own" ? CniCode.INVALID_NETNS : CniCode.INVALID_ENVIRONMENT,
        msg: oneLine(error.message),
      };
    case "HostError":
      return {
        code: error.errno === "EBUSY" ? CniCode.TRY_AGAIN_LATER : CniCode.IO_FAILURE,
        msg: oneLine(error.message),
      };
    case "LeaseError":
      return { code: error.reason === "io" ? CniCode.IO_FAILURE : CniCode.RESOURCE_TAKEN, msg: oneLine(error.message) };
    case "DhcpError":
      return {
        code: error.reason === "unreachable" || error.reason === "no lease"
          ? CniCode.TRY_AGAIN_LATER
          : CniCode.IO_FAILURE,
        msg: oneLine(error.message),
      };
    case "LogError":
      return {
        code: error.reason === "busy" || error.reason === "raced" ? CniCode.TRY_AGAIN_LATER : CniCode.IO_FAILURE,
        msg: oneLine(error.message),
      };
    case "LockError":
      return {
        code: error.reason === "busy" ? CniCode.TRY_AGAIN_LATER : CniCode.IO_FAILURE,
        msg: oneLine(error.message),
      };
  }
}

/** One failure out of several: the first is the message, the others are the details. */
export const combine = (failures: readonly [CniFailure, ...CniFailure[]]): CniFailure => {
  const [first, ...others] = failures;
  return others.length === 0 ? first : { ...first, details: others.map(({ msg }) => msg).join("; ") };
};

/** Whether the cause is the refusal of another plugin, or of a daemon, before it changed anything. */
export const didNothing = (cause: Cause.Cause<EffectError>): boolean => {
  const error = Cause.findErrorOption(cause);
  if (Option.isNone(error)) return false;
  // A daemon that has answered, or cannot be reached, has no lease.
  if (error.value._tag === "DhcpError") return error.value.reason !== "io";
  return error.value._tag === "DelegateError" && error.value.didNothing === true;
};

/** The typed error of a cause as CNI prints it, or null when the cause is a defect or an interruption. */
export const failureOf = (cause: Cause.Cause<EffectError | Refused>): CniFailure | null => {
  const error = Cause.findErrorOption(cause);
  return Option.isSome(error) ? toCniFailure(error.value) : null;
};
