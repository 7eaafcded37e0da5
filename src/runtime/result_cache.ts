/**
 * libcni's result cache, format `cniCacheV1`: one file per attachment, readable by Go's libcni and readable from it.
 */
import * as Effect from "effect/Effect";
import { type FileError, Files } from "../effects/files.ts";
import { isJsonObject, type JsonObject, jsonOf } from "../spec/json.ts";
import type { AttachmentKey } from "../spec/key.ts";
import { cacheFileName } from "../spec/names.ts";
import { parseResult } from "../spec/parse_result.ts";
import { renderResult } from "../spec/render_result.ts";
import type { CniResult } from "../spec/result.ts";

/** Where libcni keeps its cache unless told otherwise (libcni's `CacheDir`). */
export const DEFAULT_CACHE_DIR = "/var/lib/cni";

/** What the cache keeps besides the result. */
export interface CachedAttachment {
  readonly key: AttachmentKey;
  readonly netns: string;
  /** Pairs of CNI_ARGS, in order. */
  readonly args: readonly (readonly [string, string])[];
  readonly capabilityArgs: JsonObject;
  /** The network list's text. */
  readonly config: string;
}

/** `<cacheDir>/results/<network>-<containerId>-<ifName>`. */
export const cachePath = (cacheDir: string, { network, containerId, ifName }: AttachmentKey): string =>
  `${cacheDir}/results/${cacheFileName(network, containerId, ifName)}`;

/** Writes the cache entry of a successful ADD. */
export const writeCache = (
  cacheDir: string,
  { key, netns, args, capabilityArgs, config }: CachedAttachment,
  result: CniResult,
): Effect.Effect<void, FileError, Files> =>
  Effect.gen(function* () {
    const files = yield* Files;
    const rendered = yield* Effect.orDie(renderResult(result, result.cniVersion));
    yield* files.write(
      cachePath(cacheDir, key),
      JSON.stringify({
        kind: "cniCacheV1",
        containerId: key.containerId,
        config: new TextEncoder().encode(config).toBase64(),
        ifName: key.ifName,
        networkName: key.network,
        ...(netns === "" ? {} : { netns }),
        ...(args.length === 0 ? {} : { cniArgs: args }),
        ...(Object.keys(capabilityArgs).length === 0 ? {} : { capabilityArgs }),
        result: rendered,
      }),
    );
  });

/** The cached result; null where there is none, or the file is damaged: a cache never stands in the way of DEL. */
export const readCachedResult = (
  cacheDir: string,
  key: AttachmentKey,
  cniVersion: string,
): Effect.Effect<CniResult | null, never, Files> =>
  Effect.gen(function* () {
    const files = yield* Files;
    const text = yield* files.read(cachePath(cacheDir, key));
    const cached = text === null ? undefined : jsonOf(text);
    if (!isJsonObject(cached)) return null;
    const raw = cached.kind === "cniCacheV1" ? cached.result : cached;
    return raw === undefined ? null : yield* parseResult(raw, cniVersion);
  }).pipe(Effect.catch(() => Effect.succeed(null)));

/** Removes the entry; absent is fine. */
export const removeCache = (cacheDir: string, key: AttachmentKey): Effect.Effect<void, FileError, Files> =>
  Effect.flatMap(Files, (files) => files.remove(cachePath(cacheDir, key)));
