/** libcni's role: attach, check and detach a container to and from a network, through the engine. */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { EventStore } from "../effects/log/store.ts";
import type { Command, Services as EngineServices } from "../engine/command.ts";
import { combine, type CommandFailed, toCniFailure } from "../engine/failure.ts";
import { notice } from "../engine/notice.ts";
import { runCommand } from "../engine/run_command.ts";
import { runStatus } from "../engine/run_status.ts";
import { foldLegal } from "../machines/evolve.ts";
import { hasCommand } from "../spec/check_version.ts";
import { CniCode } from "../spec/failure.ts";
import { CHAIN_SLOT } from "../spec/key.ts";
import { checkNetworkName } from "../spec/names.ts";
import type { NetworkList } from "../spec/network_list.ts";
import type { CniResult } from "../spec/result.ts";
import { familyOfVersion } from "../spec/result_families.ts";
import { type Attachment, cacheDirOf, commandFor, keyOf, refuse, withResult } from "./attachment.ts";
import { chain, chainConfig } from "./chain.ts";
import { pruneNowAndThen } from "./prune.ts";
import { readCachedResult, readResult, removeCache, writeCache } from "./result_cache.ts";
import type { Services } from "./services.ts";
import { inTurn } from "./turn.ts";

export type { Attachment } from "./attachment.ts";

/**
 * ADD of every plugin of the list. A failed or interrupted ADD leaves nothing behind. While another verb of the same
 * attachment is under way it waits, and so do CHECK and DEL; a GC of the network is waited for as well.
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
  Effect.flatMap(
    commandFor("ADD", list, attachment),
    (command) => inTurn(command, addAndCache(list, attachment, command)),
  );

/** Who interrupts after the last plugin has succeeded gets no result, so nothing may stay. */
const addAndCache = (list: NetworkList, attachment: Attachment, command: Command) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const result = (yield* restore(runCommand(chain, command))) ?? { cniVersion: command.cniVersion };
      const { netns, args = [], capabilityArgs = {} } = attachment;
      const cached = { key: command.key, netns, args, capabilityArgs, config: list.raw };
      const written = Effect.mapError(writeCache(cacheDirOf(attachment), cached, result), unwritten);
      const kept = yield* Effect.exit(Effect.as(Effect.andThen(written, restore(Effect.void)), result));
      if (Exit.isSuccess(kept)) return result;
      const undone = yield* Effect.result(removeNow(list, attachment));
      if (undone._tag === "Success") return yield* kept;
      const { failure: owed } = undone.failure;
      return yield* Effect.mapError(kept, ({ failure }) => refuse(combine([failure, owed])));
    })
  );

const unwritten = ({ message }: Error): CommandFailed => refuse({ code: CniCode.IO_FAILURE, msg: message });

/** What the log says ADD answered; null where it does not know. */
const loggedResult = (list: NetworkList, attachment: Attachment) =>
  Effect.gen(function* () {
    const store = yield* EventStore;
    const read = yield* Effect.option(store.read({ ...keyOf(list, attachment), slot: CHAIN_SLOT }));
    return read._tag === "Some" ? foldLegal(read.value.records).snapshot.context.result : null;
  });

/**
 * The final result of ADD: what the log says, or `cached` for an attachment that the log does not know. In the version
 * of the list, which may have changed since, as libcni converts it; null where that has no such results.
 */
const finalResult = <E, R>(list: NetworkList, attachment: Attachment, cached: Effect.Effect<CniResult | null, E, R>) =>
  Effect.gen(function* () {
    if (!hasCommand(list.cniVersion, "CHECK")) return null; // the same versions hand it to DEL
    const result = (yield* loggedResult(list, attachment)) ?? (yield* cached);
    if (result === null || familyOfVersion(list.cniVersion) === null) return null;
    return { ...result, cniVersion: list.cniVersion };
  });

/**
 * CHECK of every plugin of the list; fails with everything that was found. A list with `disableCheck` passes; one below
 * version 0.4.0, which has no CHECK, fails with code 1, and a damaged cache, where the log does not know the attachment,
 * with code 6. An example is at `attach`.
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
    const command = yield* commandFor("CHECK", list, attachment);
    const cached = Effect.mapError(
      readResult(cacheDirOf(attachment), command.key, list.cniVersion),
      (refused) => refuse(toCniFailure(refused)),
    );
    const checking = Effect.gen(function* () {
      const checked = yield* withResult(command, yield* finalResult(list, attachment, cached));
      yield* runCommand(chain, checked);
    });
    yield* inTurn(command, checking);
  });

/**
 * DEL of every plugin of the list, backwards. One that fails does not keep the others from undoing what they did; the
 * next DEL or GC asks it again. Succeeds when nothing is left, also where there never was anything. An example is at
 * `attach`.
 */
export const detach = (
  list: NetworkList,
  attachment: Attachment,
): Effect.Effect<void, CommandFailed, Services> =>
  Effect.gen(function* () {
    const command = yield* commandFor("DEL", list, attachment);
    yield* inTurn(command, removeNow(list, attachment));
    yield* pruneNowAndThen(command.key, CHAIN_SLOT);
  });

/** As `detach`, for who has the turn already. */
export const removeNow = (
  list: NetworkList,
  attachment: Attachment,
): Effect.Effect<void, CommandFailed, EngineServices> =>
  Effect.gen(function* () {
    const command = yield* commandFor("DEL", list, attachment);
    const cached = readCachedResult(cacheDirOf(attachment), command.key, list.cniVersion);
    yield* runCommand(chain, yield* withResult(command, yield* finalResult(list, attachment, cached)));
    yield* Effect.catch(removeCache(cacheDirOf(attachment), command.key), (error) => notice(error.message));
  });

/**
 * STATUS of every plugin of the list: could an ADD succeed now? `cniPath` is as in `Attachment`. Fails as the first plugin
 * that is not ready does. A list below version 1.1.0, which has no STATUS, passes.
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
export const status = (list: NetworkList, cniPath = ""): Effect.Effect<void, CommandFailed, EngineServices> =>
  Effect.suspend(() => {
    if (!hasCommand(list.cniVersion, "STATUS")) return Effect.void;
    const fault = checkNetworkName(list.name);
    if (fault !== null) return refuse(fault);
    return runStatus(chain, { raw: chainConfig(list, {}), cniVersion: list.cniVersion, path: cniPath });
  });
