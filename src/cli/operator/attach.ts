/** `cleat add`, `check`, `del`, `status`: cnitool's verbs, arguments and environment. */
import * as Effect from "effect/Effect";
import { attach, check, detach, status } from "../../runtime/attach.ts";
import { printResult, renderResult } from "../../spec/render_result.ts";
import { type Answer, ExitCode, failed, type Subcommand } from "./command.ts";
import { recordedNetwork, target, targetOptions as options } from "./target.ts";

const silent: Answer = { text: "", json: {}, exitCode: ExitCode.OK };

/** `cleat add`. */
export const addCommand: Subcommand = {
  name: "add",
  arguments: "<network> <netns>",
  summary: "attach a container to a network",
  description: "Runs ADD of every plugin of the network and prints the result. A failed ADD leaves nothing behind.",
  options,
  run: (parsed, env) =>
    Effect.gen(function* () {
      const { list, attachment } = yield* target(parsed, env);
      const result = yield* Effect.mapError(attach(list, attachment), failed);
      const text = yield* Effect.orDie(printResult(result, result.cniVersion)); // no final newline, as cnitool prints it
      const json = yield* Effect.orDie(renderResult(result, result.cniVersion));
      return { text, json, exitCode: ExitCode.OK };
    }),
};

/** Runs a verb that has nothing to say when it succeeds. */
const silently = (verb: typeof check, otherwise?: typeof recordedNetwork): Subcommand["run"] => (parsed, env) =>
  Effect.gen(function* () {
    const { list, attachment } = yield* target(parsed, env, otherwise);
    yield* Effect.mapError(verb(list, attachment), failed);
    return silent;
  });

/** `cleat check`. */
export const checkCommand: Subcommand = {
  name: "check",
  arguments: "<network> <netns>",
  summary: "verify that an attachment is as ADD made it",
  description: "Runs CHECK of every plugin of the network; names everything that differs.",
  options,
  run: silently(check),
};

/** `cleat del`. */
export const delCommand: Subcommand = {
  name: "del",
  arguments: "<network> <netns>",
  summary: "detach a container from a network",
  description:
    "Undoes everything the log knows of the attachment. The namespace may be gone, and so may the network's\n" +
    "configuration. Repeating it is fine.",
  options,
  run: silently(detach, recordedNetwork),
};

/** `cleat status`. */
export const statusCommand: Subcommand = {
  name: "status",
  arguments: "<network> <netns>",
  summary: "ask whether containers could be attached now",
  description: "Runs STATUS of every plugin of the network; prints nothing when all are ready.\n" +
    "The namespace is not used; it is asked for because cnitool asks for it.",
  options,
  run: silently((list, { cniPath }) => status(list, cniPath)),
};
