/** What a verb for one attachment needs, whatever the verb. */
import * as Effect from "effect/Effect";
import type { Kernel } from "../effects/kernel/host.ts";
import type { Dhcp } from "../effects/dhcp/dhcp.ts";
import type { Leases } from "../effects/leases/leases.ts";
import type { EventStore } from "../effects/log/store.ts";
import type { Origin } from "../effects/origin.ts";
import type { Files } from "../effects/files.ts";
import { parseArgs } from "../spec/args.ts";
import { decodeConfig } from "../spec/decode_config.ts";
import type { Refused } from "../spec/failure.ts";
import type { JsonObject } from "../spec/json.ts";
import type { AttachmentKey, Slot } from "../spec/key.ts";
import { parsePrevResult } from "../spec/parse_result.ts";
import type { Plugins } from "./delegate.ts";
import type { Plugin, Request } from "./plugin.ts";

/** One verb for one attachment, as the execution protocol carries it; names are checked, JSON is parsed. */
export interface Command {
  readonly verb: "ADD" | "CHECK" | "DEL";
  readonly key: AttachmentKey;
  /** CNI_NETNS, verbatim; empty when there is none. */
  readonly netns: string;
  /** CNI_NETNS_OVERRIDE: the host's own namespace is allowed. */
  readonly allowOwnNetns: boolean;
  /** CNI_ARGS, verbatim. */
  readonly args: string;
  /** CNI_PATH, verbatim. */
  readonly path: string;
  /** The request config, with `cniVersion` agreed on. */
  readonly raw: JsonObject;
  readonly cniVersion: string;
  /**
   * For a DEL that was decided from the log: the number of the last record of each stream of the attachment, as it was
   * then. A stream that has another one by now, or has come since, has a later life, and is left as it is.
   */
  readonly asOf?: ReadonlyMap<Slot, number>;
}

/** The services the engine runs on. */
export type Services = EventStore | Kernel | Leases | Dhcp | Plugins | Origin | Files;

/** Decodes and validates everything a plugin is told; nothing is touched. The netns is filled in once it is open. */
export const decodeRequest = <C>(plugin: Plugin<C>, command: Command): Effect.Effect<Request<C>, Refused> =>
  Effect.gen(function* () {
    const { key, raw, cniVersion } = command;
    const prevResult = raw.prevResult === undefined || raw.prevResult === null
      ? null
      : yield* parsePrevResult(raw.prevResult, cniVersion);
    const args = yield* parseArgs(command.args);
    const envelope = { key, netns: null, raw, cniVersion, args, prevResult };
    const config = yield* decodeConfig(plugin.config, raw);
    if (plugin.validate !== undefined) yield* plugin.validate(config, envelope);
    return { ...envelope, config };
  });
