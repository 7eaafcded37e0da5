/**
 * libcni's result cache: one file per attachment, readable by Go's libcni and readable from it, so that either side can
 * CHECK and DEL what the other added. Whatever is wrong with a file, DEL does without it.
 */
import * as Effect from "effect/Effect";
import { type FileError, Files } from "../effects/files.ts";
import { notice } from "../engine/notice.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import { isJsonObject, type Json, jsonOf } from "../spec/json.ts";
import type { AttachmentKey } from "../spec/key.ts";
import { cacheFileName } from "../spec/names.ts";
import { parseResult } from "../spec/parse_result.ts";
import { renderResult } from "../spec/render_result.ts";
import type { CniResult } from "../spec/result.ts";
import {
  type CachedAttachment,
  type CacheEntry,
  isAnothers,
  keyFault,
  parseCacheEntry,
  renderCacheEntry,
} from "./cache_entry.ts";

export type { CachedAttachment } from "./cache_entry.ts";

/** Where libcni keeps its cache unless told otherwise (libcni's `CacheDir`). */
export const DEFAULT_CACHE_DIR = "/var/lib/cni";

/** Links in the cache are nobody's results. */
const OWN = { noLinks: true } as const;

const resultsFolder = (cacheDir: string): string => `${cacheDir}/results`;

/** `<cacheDir>/results/<network>-<containerId>-<ifName>`. */
export const cachePath = (cacheDir: string, { network, containerId, ifName }: AttachmentKey): string =>
  `${resultsFolder(cacheDir)}/${cacheFileName(network, containerId, ifName)}`;

/** Writes the cache entry of a successful ADD, at once: a reader finds all of it or none. */
export const writeCache = (
  cacheDir: string,
  attachment: Omit<CacheEntry, "result">,
  result: CniResult,
): Effect.Effect<void, FileError, Files> =>
  Effect.gen(function* () {
    const files = yield* Files;
    const rendered = yield* Effect.orDie(renderResult(result, result.cniVersion));
    yield* files.write(cachePath(cacheDir, attachment.key), renderCacheEntry({ ...attachment, result: rendered }));
  });

/** The text of the entry; null where there is none, it cannot be read, or it is another attachment's. */
export const readOwnEntry = (cacheDir: string, key: AttachmentKey): Effect.Effect<string | null, never, Files> =>
  Effect.gen(function* () {
    if (keyFault(key) !== null) return null;
    const files = yield* Files;
    const text = yield* Effect.orElseSucceed(files.read(cachePath(cacheDir, key), OWN), () => null);
    const entry = text === null ? null : parseCacheEntry(text);
    return entry !== null && isAnothers(entry, key) ? null : text;
  });

/** The refusal of a file of the cache. */
export const refuseEntry = (path: string, why: string): Refused =>
  new Refused({ code: CniCode.DECODING_FAILURE, msg: `Cannot use the cached result "${path}": ${why}` });

/**
 * The cached result, in the version that is asked for, as libcni converts it; null where there is none or it cannot be
 * read. Refused (code 6) when the file is damaged, code 1 when that version has no such results. CHECK wants to know.
 */
export const readResult = (
  cacheDir: string,
  key: AttachmentKey,
  cniVersion: string,
): Effect.Effect<CniResult | null, Refused, Files> =>
  Effect.gen(function* () {
    const text = yield* readOwnEntry(cacheDir, key);
    if (text === null) return null;
    const path = cachePath(cacheDir, key);
    const whole = jsonOf(text);
    if (!isJsonObject(whole)) return yield* refuseEntry(path, "it is damaged: it holds no JSON object");
    const entry = parseCacheEntry(text);
    if (entry !== null && entry.result === null) return null;
    const result = yield* Effect.mapError(
      parseResult(entry === null ? whole : entry.result, cniVersion),
      (error) => refuseEntry(path, error.msg),
    );
    if (result.cniVersion === cniVersion) return result;
    return yield* parseResult(yield* renderResult(result, cniVersion), cniVersion);
  });

/** The cached result; null also where the file is damaged: a cache never stands in the way of DEL. */
export const readCachedResult = (
  cacheDir: string,
  key: AttachmentKey,
  cniVersion: string,
): Effect.Effect<CniResult | null, never, Files> =>
  Effect.orElseSucceed(readResult(cacheDir, key, cniVersion), () => null);

/** Removes the entry; absent is fine, and another attachment's entry of the same file name stays. */
export const removeCache = (cacheDir: string, key: AttachmentKey): Effect.Effect<void, FileError, Files> =>
  Effect.gen(function* () {
    if (keyFault(key) !== null) return;
    const files = yield* Files;
    const path = cachePath(cacheDir, key);
    const text = yield* Effect.orElseSucceed(files.read(path, OWN), () => null);
    const entry = text === null ? null : parseCacheEntry(text);
    if (entry === null || !isAnothers(entry, key)) yield* files.remove(path);
  });

const cachedAttachment = ({ key, netns, args, capabilityArgs, config, result }: CacheEntry) =>
  Effect.gen(function* () {
    const list: Json | undefined = jsonOf(config);
    return {
      key,
      netns,
      args,
      capabilityArgs,
      config: isJsonObject(list) ? list : null,
      result: result === null ? null : yield* Effect.orElseSucceed(parseResult(result, ""), () => null),
    };
  });

/**
 * Every attachment the cache knows, of all networks, or those of one container; sorted by file name. Files that are
 * damaged, or older than `cniCacheV1`, are skipped. Without a folder there are none; one that cannot be read gives none
 * either, and a notice.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { cachedAttachments, layer } from "@cleat/cleat";
 * const cacheDir = Deno.makeTempDirSync();
 * const attachments = await Effect.runPromise(Effect.provide(cachedAttachments(cacheDir), layer()));
 * Deno.removeSync(cacheDir, { recursive: true });
 * if (attachments.length !== 0) throw new Error("nothing was attached yet");
 * ```
 */
export const cachedAttachments = (
  cacheDir: string = DEFAULT_CACHE_DIR,
  containerId?: string,
): Effect.Effect<readonly CachedAttachment[], never, Files> =>
  Effect.gen(function* () {
    const files = yield* Files;
    const folder = resultsFolder(cacheDir);
    const names = yield* Effect.catch(files.list(folder), (error) => Effect.as(notice(error.message), null));
    const attachments: CachedAttachment[] = [];
    for (const name of names ?? []) {
      const text = yield* Effect.orElseSucceed(files.read(`${folder}/${name}`, OWN), () => null);
      const entry = text === null ? null : parseCacheEntry(text);
      if (entry === null || keyFault(entry.key) !== null) continue;
      if (containerId === undefined || containerId === entry.key.containerId) {
        attachments.push(yield* cachedAttachment(entry));
      }
    }
    return attachments;
  });
