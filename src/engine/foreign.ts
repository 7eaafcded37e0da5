/** Running somebody else's executable: its environment, its limits, and what its end means (CNI spec 1.1.0, sections 2 and 5). */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { type ExecError, Executables, type Finished, MAX_OUTPUT_BYTES } from "../effects/exec.ts";
import { CniCode, type CniFailure, type Refused } from "../spec/failure.ts";
import { isJsonObject, jsonOf } from "../spec/json.ts";
import { parseResult } from "../spec/parse_result.ts";
import { readFailure } from "../spec/read_failure.ts";
import type { CniResult } from "../spec/result.ts";
import { traceVariables } from "../spec/trace.ts";
import { DelegateError, type Invocation, versionOf } from "./delegate.ts";
import { InvocationLimits } from "./limits.ts";
import { notice } from "./notice.ts";
import { TraceContext } from "./trace_context.ts";

/** One execution, for people: which verb of which plugin. */
type Ran = Pick<Invocation, "plugin"> & { readonly command: string };

/** All six variables are always there: what a verb does not use is empty, so that nothing inherited shows through. */
function environmentOf(invocation: Invocation): Readonly<Record<string, string>> {
  const { command, key, netns, args, path, allowOwnNetns } = invocation;
  const isOfAttachment = command !== "GC" && command !== "STATUS";
  return {
    CNI_COMMAND: command,
    CNI_CONTAINERID: isOfAttachment ? key.containerId : "",
    CNI_NETNS: isOfAttachment ? netns : "",
    CNI_IFNAME: isOfAttachment ? key.ifName : "",
    CNI_ARGS: isOfAttachment ? args : "",
    CNI_PATH: path,
    ...(allowOwnNetns ? { CNI_NETNS_OVERRIDE: "1" } : {}),
  };
}

const stopped = ({ plugin, command }: Ran, why: string): DelegateError =>
  new DelegateError({
    plugin,
    command,
    failure: { code: CniCode.TRY_AGAIN_LATER, msg: `Cannot run ${command} of plugin "${plugin}": ${why}` },
  });

/**
 * Runs an executable within the limits. Also where its caller cannot be interrupted, since the log must hear of the
 * outcome, the executable itself can: it is killed and has failed. One that begins when the caller has already gone
 * takes back what was done: it runs, but not for long.
 */
const runWithin = Effect.fnUntraced(function* (
  ran: Ran,
  file: string,
  environment: Readonly<Record<string, string>>,
  stdin: string,
) {
  const executables = yield* Executables;
  const { each, cleanUp } = yield* InvocationLimits;
  const variables = { ...environment, ...traceVariables(yield* TraceContext) };
  const hasGone = Exit.isFailure(yield* Effect.exit(Effect.interruptible(Effect.void)));
  const limit = hasGone ? Math.min(each ?? cleanUp, cleanUp) : each;
  const run: Effect.Effect<Finished, ExecError | DelegateError> = executables.run(file, variables, stdin);
  const limited = limit === null ? run : Effect.timeoutOrElse(run, {
    duration: limit,
    orElse: () => Effect.fail(stopped(ran, `it did not end within ${limit} ms`)),
  });
  if (hasGone) return yield* limited;
  const exit = yield* Effect.exit(Effect.interruptible(limited));
  if (Exit.hasInterrupts(exit)) return yield* stopped(ran, "it was interrupted");
  return yield* exit;
});

/** Runs an executable as a verb asks and answers what it printed; fails as it failed. What it says on stderr is passed on. */
export const runExecutable = Effect.fnUntraced(function* (
  ran: Ran,
  file: string,
  environment: Readonly<Record<string, string>>,
  stdin: string,
) {
  const finished = yield* runWithin(ran, file, environment, stdin);
  if (finished.stderr !== "") yield* notice(finished.stderr.trimEnd());
  if (finished.code === 0 && finished.flooded === undefined) return finished.stdout;
  const { plugin, command } = ran;
  return yield* new DelegateError({ plugin, command, failure: failureOfEnd(ran, finished) });
});

/** Runs a foreign plugin. Answers the result of ADD; null for the other verbs, whatever they print. */
export const runForeign = (
  file: string,
  invocation: Invocation,
): Effect.Effect<CniResult | null, ExecError | DelegateError | Refused, Executables> =>
  Effect.gen(function* () {
    const { plugin, command, config } = invocation;
    const stdout = yield* runExecutable(invocation, file, environmentOf(invocation), JSON.stringify(config));
    if (command !== "ADD") return null;
    const printed = jsonOf(stdout);
    if (printed === undefined) {
      const msg = `Cannot read the result of plugin "${plugin}": it is not JSON: ${excerpt(stdout)}`;
      return yield* new DelegateError({ plugin, command, failure: { code: CniCode.DECODING_FAILURE, msg } });
    }
    const failure = isJsonObject(printed) ? readFailure(printed) : null;
    if (failure?.code !== undefined && failure.msg !== undefined) {
      // The exit code alone says whether a plugin has succeeded; but who printed this may have meant something else.
      yield* notice(`Plugin "${plugin}" ended ADD with success, and with an error object: ${failure.msg}`);
    }
    return yield* parseResult(printed, versionOf(invocation));
  });

/** The first 200 characters: enough to recognise what a foreign plugin printed. */
const excerpt = (text: string): string => JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);

/** The error object that a failed plugin printed; where it printed none, or half of one, what is known of its end. */
function failureOfEnd({ plugin, command }: Ran, finished: Finished): CniFailure {
  const { code, signal, stdout, stderr, flooded } = finished;
  const began = `Cannot run ${command} of plugin "${plugin}"`;
  if (flooded !== undefined) {
    const msg = `${began}: it was killed, as it printed more than ${MAX_OUTPUT_BYTES} bytes on ${flooded}`;
    return { code: CniCode.INTERNAL, msg };
  }
  const end = `it ended with ${signal === null ? `exit code ${code}` : `signal ${signal}`}`;
  const printed = jsonOf(stdout);
  const told = isJsonObject(printed) ? readFailure(printed) : null;
  if (told?.code !== undefined || told?.msg !== undefined) {
    const { code = CniCode.INTERNAL, msg = `${began}: ${end}, and without a message`, details } = told;
    return { code, msg, ...(details === undefined ? {} : { details }) };
  }
  const said = stdout || stderr ? `: ${excerpt(stdout || stderr)}` : ", and it printed nothing";
  const more = stdout && stderr ? { details: `on stderr: ${excerpt(stderr.trimEnd())}` } : {};
  return { code: CniCode.INTERNAL, msg: `${began}: ${end}${said}`, ...more };
}
