/** Removing old streams from their folders. */
import * as Effect from "effect/Effect";
import { attachmentName, type StreamId, streamName } from "../../spec/key.ts";
import { type Hash, settled } from "../../spec/hash.ts";
import { files } from "../libc/files.ts";
import { lockExisting, readAll, readUnlocked, removeFile } from "./file_handle.ts";
import { namesIn, placeOf, streamsFolder } from "./file_paths.ts";
import { attempt } from "./file_stream.ts";
import { verifyLines } from "./format.ts";
import { deadlines, type Ending, endOf, isPrunable } from "./prune.ts";
import type { EventStoreShape, LogError, PruneLimits } from "./store.ts";

/** What pruning works with. */
export interface PruneBase {
  readonly stateDir: string;
  readonly sha256: Hash;
  /** The streams that agree with a filter. */
  readonly list: EventStoreShape["list"];
}

/** Removes the stream if it may go; a stream that somebody has open stays. */
const pruneOne = (
  { stateDir, sha256 }: PruneBase,
  id: StreamId,
  before: string,
  isDry: boolean,
): Effect.Effect<boolean, LogError> =>
  Effect.acquireUseRelease(
    attempt(streamName(id), () => lockExisting(placeOf(stateDir, id))),
    (locked) =>
      Effect.gen(function* () {
        if (locked === null || locked === "absent") return false;
        const bytes = yield* attempt(streamName(id), () => readAll(locked.fd));
        if (!isPrunable(yield* settled(() => verifyLines(bytes, id, sha256)), before)) return false;
        if (!isDry) yield* attempt(streamName(id), () => removeFile(placeOf(stateDir, id)));
        return true;
      }),
    (locked) =>
      Effect.sync(() => {
        if (locked !== null && locked !== "absent") files.close(locked.fd);
      }),
  );

/** An attachment with its streams. */
interface Found extends Ending {
  readonly ids: readonly StreamId[];
}

/** The attachments among these streams, with how their logs end. One that cannot be read is not over. */
const endingsOf = ({ stateDir }: PruneBase, ids: readonly StreamId[]): readonly Found[] =>
  [...Map.groupBy(ids, attachmentName).values()].flatMap((ids) => {
    const [key] = ids;
    if (key === undefined) return [];
    const ends = ids.map((id) => {
      try {
        return endOf(readUnlocked(placeOf(stateDir, id)) ?? new Uint8Array());
      } catch {
        return { at: "", isOver: false };
      }
    });
    return [{ key, ids, ends }];
  });

/** A container that may go, and whether it is one too many: otherwise it is only old. */
interface Candidate {
  readonly containerId: string;
  readonly isBeyond: boolean;
}

/**
 * Containers that are beyond the newest `keep`, or old, by the time at which their folders were made: no log is read for
 * it. At most `atMost` of them; which of many, `start` says, so that those which live long are not always in the way.
 */
const candidates = (base: PruneBase, before: string, network: string, limits: PruneLimits): readonly Candidate[] => {
  const { keep = Infinity, atMost = Infinity, start = 0 } = limits;
  const folder = `${streamsFolder(base.stateDir)}/${network}`;
  const names = namesIn(folder, ({ isDirectory }) => isDirectory);
  const limit = Date.parse(before);
  const made = names.map((name) => ({ name, at: files.statusAt(`${folder}/${name}`)?.mtime ?? 0 }));
  const old = made.sort((a, b) => b.at - a.at).flatMap(({ name, at }, rank) =>
    rank >= keep || at < limit ? [{ containerId: name, isBeyond: rank >= keep }] : []
  );
  const first = Math.floor(start * old.length);
  return [...old.slice(first), ...old.slice(0, first)].slice(0, atMost);
};

/** The attachments that are looked at, and before when their streams must have been detached. */
const chosen = (base: PruneBase, before: string, limits: PruneLimits) =>
  Effect.gen(function* () {
    const { network, atMost } = limits;
    if (network === undefined || atMost === undefined) {
      const ids = yield* base.list(network === undefined ? {} : { network });
      return deadlines(yield* attempt(network ?? "*", () => endingsOf(base, ids)), before, limits);
    }
    const all: (readonly [Found, string])[] = [];
    for (const { containerId, isBeyond } of yield* attempt(network, () => candidates(base, before, network, limits))) {
      const ids = yield* base.list({ network, containerId });
      const found = yield* attempt(network, () => endingsOf(base, ids));
      all.push(...deadlines(found, before, isBeyond ? { keep: 0 } : {}));
    }
    return new Map(all);
  });

/** `prune` of the event store in files. */
export const pruneFiles = (base: PruneBase): EventStoreShape["prune"] => (before, limits = {}) =>
  Effect.gen(function* () {
    let removed = 0;
    for (const [{ ids }, until] of yield* chosen(base, before, limits)) {
      for (const id of ids) if (yield* pruneOne(base, id, until, limits.dryRun ?? false)) removed++;
    }
    return removed;
  });
