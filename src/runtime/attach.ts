/** libcni's role: attach, check and detach a container to and from a network, through the engine. */
import * as Effect from "effect/Effect";
import { EventStore } from "../effects/log/store.ts";
import type { Command, Services } from "../engine/command.ts";
import { CommandFailed } from "../engine/failure.ts";
import { notice } from "../engine/notice.ts";
import { runCommand } from "../engine/run_command.ts";
import { runStatus } from "../engine/run_status.ts";
import { foldLegal } from "../machines/evolve.ts";
import { hasCommand } from "../spec/check_version.ts";
import { CniCode, type CniFailure } from "../spec/failure.ts";
import type { JsonObject } from "../spec/json.ts";
import { type AttachmentKey, CHAIN_SLOT } from "../spec/key.ts";
import { checkCacheFileName, checkContainerId, checkIfName, checkNetworkName } from "../spec/names.ts";
import type { NetworkList } from "../spec/network_list.ts";
import { renderResult } from "../spec/render_result.ts";
import type { CniResult } from "../spec/result.ts";
import { familyOfVersion } from "../spec/result_families.ts";
import { chain, chainConfig } from "./chain.ts";
import { DEFAULT_CACHE_DIR, readCachedResult, removeCache, writeCache } from "./result_cache.ts";

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

const keyOf = (list: NetworkList, { containerId, ifName }: Attachment): AttachmentKey => ({
  network: list.name,
  containerId,
  ifName,
});

/** As the result says its version is: it was parsed in that version. */
const rendered = (result: CniResult) => Effect.orDie(renderResult(result, result.cniVersion));

const refuse = (failure: CniFailure) => new CommandFailed({ failure });

/** The engine's command for a verb of the runtime; refused when a name is not usable. */
const commandFor = (verb: Command["verb"], list: NetworkList, attachment: Attachment, prevResult: CniResult | null) =>
  Effect.gen(function* () {
    const key = keyOf(list, attachment);
    const fault = checkNetworkName(key.network) ?? checkContainerId(key.containerId) ?? checkIfName(key.ifName) ??
      checkCacheFileName(key.network, key.containerId, key.ifName);
    if (fault !== null) return yield* refuse(fault);
    const raw = chainConfig(list, attachment.capabilityArgs ?? {});
    const cniVersion = String(raw.cniVersion);
    const command: Command = {
      verb,
      key,
      netns: attachment.netns,
      allowOwnNetns: false,
      args: (attachment.args ?? []).map(([name, value]) => `${name}=${value}`).join(";"),
      path: attachment.cniPath ?? "",
      raw: prevResult === null ? raw : { ...raw, prevResult: yield* rendered(prevResult) },
      cniVersion,
    };
    return command;
  });

const cacheDirOf = ({ cacheDir }: Attachment): string => cacheDir ?? DEFAULT_CACHE_DIR;

/**
 * ADD of every plugin of the list. A failed or interrupted ADD leaves nothing behind.
 *
 * @example
 * ```ts ignore
 * import * as Effect from "effect/Effect";
 * import { attach, check, detach, layer, loadNetwork } from "@cleat/cleat";
 *
 * const blue = { containerId: "blue", netns: "/run/netns/blue", ifName: "eth0" };
 * const program = Effect.gen(function* () {
 *   const dbnet = yield* loadNetwork("/etc/cni/net.d", "dbnet");
 *   const result = yield* attach(dbnet, blue);
 *   yield* check(dbnet, blue);
 *   yield* detach(dbnet, blue);
 *   return result;
 * });
 * await Effect.runPromise(Effect.provide(program, layer()));
 * ```
 */
export const attach = (
  list: NetworkList,
  attachment: Attachment,
): Effect.Effect<CniResult, CommandFailed, Services> =>
  Effect.gen(function* () {
    const command = yield* commandFor("ADD", list, attachment, null);
    const result = yield* runCommand(chain, command);
    if (result === null) return { cniVersion: command.cniVersion };
    const { netns, args = [], capabilityArgs = {} } = attachment;
    const cached = { key: command.key, netns, args, capabilityArgs, config: list.raw };
    yield* Effect.catch(
      writeCache(cacheDirOf(attachment), cached, result),
      (error) =>
        Effect.andThen(
          Effect.ignore(runCommand(chain, { ...command, verb: "DEL" })),
          refuse({ code: CniCode.IO_FAILURE, msg: error.message }),
        ),
    );
    return result;
  });

/**
 * The final result of ADD: what the log says, or libcni's cache for an attachment that the log does not know. In the
 * version of the list, which may have changed since, as libcni converts it; null where that has no such results.
 */
const finalResult = (list: NetworkList, attachment: Attachment) =>
  Effect.gen(function* () {
    if (!hasCommand(list.cniVersion, "CHECK")) return null; // the same versions hand it to DEL
    const key = keyOf(list, attachment);
    const store = yield* EventStore;
    const read = yield* Effect.option(store.read({ ...key, slot: CHAIN_SLOT }));
    const logged = read._tag === "Some" ? foldLegal(read.value.records).snapshot.context.result : null;
    const result = logged ?? (yield* readCachedResult(cacheDirOf(attachment), key, list.cniVersion));
    if (result === null || familyOfVersion(list.cniVersion) === null) return null;
    return { ...result, cniVersion: list.cniVersion };
  });

/**
 * CHECK of every plugin of the list; fails with everything that was found. A list with `disableCheck` passes; one below
 * version 0.4.0, which has no CHECK, fails with code 1. An example is at `attach`.
 */
export const check = (
  list: NetworkList,
  attachment: Attachment,
): Effect.Effect<void, CommandFailed, Services> =>
  Effect.gen(function* () {
    if (!hasCommand(list.cniVersion, "CHECK")) {
      return yield* refuse({
        code: CniCode.INCOMPATIBLE_VERSION,
        msg:
          `Cannot check network "${list.name}": configuration version "${list.cniVersion}" does not support the CHECK command`,
      });
    }
    if (list.disableCheck) return;
    const previous = yield* finalResult(list, attachment);
    yield* runCommand(chain, yield* commandFor("CHECK", list, attachment, previous));
  });

/**
 * DEL of every plugin of the list, backwards. Succeeds when nothing is left, also where there never was anything. An
 * example is at `attach`.
 */
export const detach = (
  list: NetworkList,
  attachment: Attachment,
): Effect.Effect<void, CommandFailed, Services> =>
  Effect.gen(function* () {
    const previous = yield* finalResult(list, attachment);
    const command = yield* commandFor("DEL", list, attachment, previous);
    yield* runCommand(chain, command);
    yield* Effect.catch(removeCache(cacheDirOf(attachment), command.key), (error) => notice(error.message));
  });

/**
 * STATUS of every plugin of the list: could an ADD succeed now? `cniPath` is as in `Attachment`. A list below version
 * 1.1.0, which has no STATUS, passes.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { layer, parseNetworkList, status } from "@cleat/cleat";
 * const text = '{"name":"lab","cniVersion":"1.1.0","plugins":[{"type":"tuning"}]}';
 * const program = Effect.flatMap(parseNetworkList(text, "lab.conflist"), (lab) => status(lab));
 * await Effect.runPromise(Effect.provide(program, layer()));
 * ```
 */
export const status = (list: NetworkList, cniPath = ""): Effect.Effect<void, CommandFailed, Services> =>
  hasCommand(list.cniVersion, "STATUS")
    ? runStatus(chain, { raw: chainConfig(list, {}), cniVersion: list.cniVersion, path: cniPath })
    : Effect.void;
