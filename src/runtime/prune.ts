/** How long history is kept. */
import * as Effect from "effect/Effect";
import { NetworkLock } from "../effects/lock/network_lock.ts";
import { EventStore } from "../effects/log/store.ts";
import { Origin } from "../effects/origin.ts";
import { CommandFailed, toCniFailure } from "../engine/failure.ts";
import type { AttachmentKey } from "../spec/key.ts";
import type { Services } from "./services.ts";

/** What is kept of attachments that are over. */
export interface PruneOptions {
  /** How long, in milliseconds; 30 days by default. */
  readonly olderThan?: number;
  /** Of each network how many, the newest; 1 000 by default. */
  readonly keep?: number;
  /** Only counts. */
  readonly dryRun?: boolean;
}

/** Long enough for questions about last month. */
export const HISTORY_MS = 30 * 24 * 3600 * 1000;
/** An attachment of a bridge with ports takes about 40 KiB on disk, so a network stays below 40 MiB or so. */
export const HISTORY_ATTACHMENTS = 1000;

/** One DEL in so many prunes what is around it. */
const ONE_IN = 32;
/** More than the DELs in between can leave behind, and still a matter of milliseconds. */
const AT_MOST = 64;

const before = (age: number) => Effect.map(Origin, ({ now }) => new Date(Date.parse(now()) - age).toISOString());

/**
 * Removes the history of attachments that were detached long ago, or that are too many; also the locks of networks of
 * which nothing is left. What lives, what is owed and what is damaged stays. Answers the number of streams.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { layer, prune } from "@cleat/cleat";
 * const stateDir = Deno.makeTempDirSync();
 * const removed = await Effect.runPromise(Effect.provide(prune({ keep: 100 }), layer({ stateDir })));
 * Deno.removeSync(stateDir, { recursive: true });
 * if (removed !== 0) throw new Error("there was no history");
 * ```
 */
export const prune = (
  { olderThan = HISTORY_MS, keep = HISTORY_ATTACHMENTS, dryRun = false }: PruneOptions = {},
): Effect.Effect<number, CommandFailed, Services> =>
  Effect.gen(function* () {
    const store = yield* EventStore;
    const lock = yield* NetworkLock;
    const removed = yield* store.prune(yield* before(olderThan), { keep, dryRun });
    if (!dryRun) yield* lock.tidy(new Set((yield* store.list({})).map(({ network }) => network)));
    return removed;
  }).pipe(Effect.mapError((error) => new CommandFailed({ failure: toCniFailure(error) })));

/** FNV-1a of 32 bits: cheap, and the same in every process. */
const hashOf = (text: string): number => {
  let hash = 0x811c_9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x0100_0193);
  return hash >>> 0;
};

/**
 * What a DEL does for the log now and then, since many runtimes never call GC: it prunes a bounded part of its network's
 * history. `who` runs the DEL, so that the plugins of a chain do not all do it at once. To fail is harmless.
 */
export const pruneNowAndThen = (
  { network, containerId, ifName }: AttachmentKey,
  who: string,
): Effect.Effect<void, never, EventStore | Origin> =>
  Effect.gen(function* () {
    const hash = hashOf(`${containerId}/${ifName}/${who}`);
    if (hash % ONE_IN !== 0) return;
    const store = yield* EventStore;
    const start = (hash / ONE_IN % 997) / 997;
    yield* store.prune(yield* before(HISTORY_MS), { network, keep: HISTORY_ATTACHMENTS, atMost: AT_MOST, start });
  }).pipe(Effect.ignore);
