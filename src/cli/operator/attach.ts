/** `cleat add`, `check`, `del`, `gc`, `status`: cnitool's verbs, arguments and environment. */
import * as Effect from "effect/Effect";
import type { CommandFailed } from "../../engine/failure.ts";
import { attach, check, detach, status } from "../../runtime/attach.ts";
import { gc, type ValidAttachment } from "../../runtime/gc.ts";
import { printResult, renderResult } from "../../spec/render_result.ts";
import { type Answer, ExitCode, Failure, type Option, type Parsed, type Subcommand, UsageError } from "./command.ts";
import { target, targetOptions as options, usage } from "./target.ts";

const failed = ({ failure, message }: CommandFailed): Failure => new Failure(message, failure);

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
const silently = (verb: typeof check): Subcommand["run"] => (parsed, env) =>
  Effect.gen(function* () {
    const { list, attachment } = yield* target(parsed, env);
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
  description: "Undoes everything the log knows of the attachment. The namespace may be gone. Repeating it is fine.",
  options,
  run: silently(detach),
};

const validOption: Option = {
  name: "valid",
  value: "ID/IFNAME",
  help: "an attachment that stays, repeatable",
  repeatable: true,
};

/** What --valid names; null without it, which means that nothing stays. */
const validAttachments = ({ lists }: Parsed): readonly ValidAttachment[] | null => {
  const given = lists.valid ?? [];
  return given.length === 0 ? null : given.map((text) => {
    const [containerId = "", ifName = "", ...more] = text.split("/");
    if (containerId === "" || ifName === "" || more.length > 0) {
      throw new UsageError(`Cannot use --valid ${JSON.stringify(text)}: write it as container/interface`);
    }
    return { containerId, ifName };
  });
};

/** `cleat gc`. */
export const gcCommand: Subcommand = {
  name: "gc",
  arguments: "<network> <netns>",
  summary: "remove what is left of attachments that are not valid",
  description: "Runs DEL for EVERY attachment of the network but those that --valid names, then GC of every plugin.\n" +
    "The namespace is not used; it is asked for because cnitool asks for it.",
  options: [...options, validOption],
  run: (parsed, env) =>
    Effect.gen(function* () {
      const valid = yield* usage(() => validAttachments(parsed));
      const { list, attachment: { cniPath = "", cacheDir } } = yield* target(parsed, env);
      const places = { cniPath, ...(cacheDir === undefined ? {} : { cacheDir }) };
      yield* Effect.mapError(gc(list, valid, places), failed);
      return silent;
    }),
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
