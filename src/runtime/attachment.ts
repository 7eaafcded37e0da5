/** What a runtime says of one container on one network, and the engine's commands that come of it. */
import * as Effect from "effect/Effect";
import type { Command } from "../engine/command.ts";
import { CommandFailed } from "../engine/failure.ts";
import type { CniFailure } from "../spec/failure.ts";
import type { JsonObject } from "../spec/json.ts";
import type { AttachmentKey } from "../spec/key.ts";
import type { NetworkList } from "../spec/network_list.ts";
import { renderResult } from "../spec/render_result.ts";
import type { CniResult } from "../spec/result.ts";
import { keyFault } from "./cache_entry.ts";
import { chainConfig } from "./chain.ts";
import { DEFAULT_CACHE_DIR } from "./result_cache.ts";

/** One container on one network, and what it asks for (CNI spec 1.1.0, section 3, "Attachment Parameters"). */
export interface Attachment {
  /** The runtime's id of the container: a letter or digit, then letters, digits, `_`, `.`, `-`. */
  readonly containerId: string;
  /** Path of the container's network namespace; may be empty for DEL. */
  readonly netns: string;
  /** Name the interface gets in the container, at most 15 bytes. */
  readonly ifName: string;
  /** CNI_ARGS as pairs, in order. */
  readonly args?: readonly (readonly [string, string])[];
  /** Capability arguments: `mac`, `portMappings`, `ips`, … (the conventions document). */
  readonly capabilityArgs?: JsonObject;
  /** Where plugins are searched, joined by ":"; empty or absent means Cleat's own, in this process. */
  readonly cniPath?: string;
  /** Where libcni's result cache is; `/var/lib/cni` by default. */
  readonly cacheDir?: string;
}

/** What names the attachment in the log, in the cache and in locks. */
export const keyOf = (list: Pick<NetworkList, "name">, { containerId, ifName }: Attachment): AttachmentKey => ({
  network: list.name,
  containerId,
  ifName,
});

/** Where its result is cached. */
export const cacheDirOf = ({ cacheDir }: Attachment): string => cacheDir ?? DEFAULT_CACHE_DIR;

/** The error of a verb that is refused. */
export const refuse = (failure: CniFailure): CommandFailed => new CommandFailed({ failure });

/** The engine's command for a verb of the runtime; refused when a name is not usable. */
export const commandFor = (
  verb: Command["verb"],
  list: NetworkList,
  attachment: Attachment,
): Effect.Effect<Command, CommandFailed> =>
  Effect.suspend(() => {
    const key = keyOf(list, attachment);
    const fault = keyFault(key);
    if (fault !== null) return refuse(fault);
    const raw = chainConfig(list, attachment.capabilityArgs ?? {});
    return Effect.succeed({
      verb,
      key,
      netns: attachment.netns,
      allowOwnNetns: false,
      args: (attachment.args ?? []).map(([name, value]) => `${name}=${value}`).join(";"),
      path: attachment.cniPath ?? "",
      raw,
      cniVersion: String(raw.cniVersion),
    });
  });

/** The command with the final result of ADD, as its version says it is rendered: it was parsed in that version. */
export const withResult = (command: Command, result: CniResult | null): Effect.Effect<Command> =>
  result === null
    ? Effect.succeed(command)
    : Effect.map(Effect.orDie(renderResult(result, result.cniVersion)), (prevResult) => ({
      ...command,
      raw: { ...command.raw, prevResult },
    }));
