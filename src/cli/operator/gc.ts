/** `cleat gc`: in cnitool's manner for one network, and by itself for the whole node. */
import * as Effect from "effect/Effect";
import { gc, type ValidAttachment } from "../../runtime/gc.ts";
import { collect } from "../../runtime/recover.ts";
import { ExitCode, failed, type Option, type Parsed, type Subcommand, UsageError } from "./command.ts";
import { dryRunOption, reclaimAll } from "./recover.ts";
import { type Env, target, targetOptions as options, usage } from "./target.ts";

const validOption: Option = {
  name: "valid",
  value: "ID/IFNAME",
  help: "an attachment of the network that stays, repeatable",
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

/** The network's GC, as cnitool would run it: nothing is printed where it succeeds. */
const ofNetwork = (parsed: Parsed, env: Env) =>
  Effect.gen(function* () {
    if (parsed.flags.has("dry-run")) {
      const message = "Cannot use --dry-run for one network: its GC asks plugins, who cannot tell what they would do";
      return yield* Effect.fail(new UsageError(message));
    }
    const valid = yield* usage(() => validAttachments(parsed));
    const { list, attachment: { cniPath = "", cacheDir } } = yield* target(parsed, env);
    const places = { cniPath, ...(cacheDir === undefined ? {} : { cacheDir }) };
    yield* Effect.mapError(gc(list, valid, places), failed);
    return { text: "", json: {}, exitCode: ExitCode.OK };
  });

/** `cleat gc`. */
export const gcCommand: Subcommand = {
  name: "gc",
  arguments: "[<network> <netns>]",
  summary: "remove what is left of attachments that are not valid",
  description:
    "Without arguments: undoes every attachment of the node whose network namespace is gone, and all that recover\n" +
    "would undo. It decides by namespaces, links and the log; --dry-run tells of each attachment why it would stay or go.\n" +
    "With a network: runs DEL for EVERY attachment of it but those that --valid names, then GC of every plugin. The\n" +
    "namespace is not used; it is asked for because cnitool asks for it.",
  options: [...options, validOption, dryRunOption],
  run: (parsed, env) => parsed.positionals.length === 0 ? reclaimAll(collect, parsed, env) : ofNetwork(parsed, env),
};
