/** What libcni's result cache knows of one attachment, for a runtime that has lost it or wants to show it. */
import * as Effect from "effect/Effect";
import type { Files } from "../effects/files.ts";
import { Refused } from "../spec/failure.ts";
import type { AttachmentKey } from "../spec/key.ts";
import type { NetworkList } from "../spec/network_list.ts";
import { DEFAULT_VERSION } from "../spec/released_versions.ts";
import type { CniResult } from "../spec/result.ts";
import { type Attachment, cacheDirOf, keyOf } from "./attachment.ts";
import { keyFault, parseCacheEntry } from "./cache_entry.ts";
import { cachePath, readOwnEntry, readResult, refuseEntry } from "./result_cache.ts";

const checked = (key: AttachmentKey): Effect.Effect<AttachmentKey, Refused> => {
  const fault = keyFault(key);
  return fault === null ? Effect.succeed(key) : Effect.fail(new Refused(fault));
};

/**
 * The result of the attachment's last ADD, as the cache has it, in the version of the list; null where there is none.
 * Refused: a name that is not usable (code 3, 4 or 7), a damaged file (6), a version without such results (1).
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { cachedResult, layer } from "@cleat/cleat";
 * const cacheDir = Deno.makeTempDirSync();
 * const blue = { containerId: "blue", netns: "", ifName: "eth0", cacheDir };
 * const program = cachedResult({ name: "lab", cniVersion: "1.1.0" }, blue);
 * const result = await Effect.runPromise(Effect.provide(program, layer()));
 * Deno.removeSync(cacheDir, { recursive: true });
 * if (result !== null) throw new Error("nothing was attached yet");
 * ```
 */
export const cachedResult = (
  list: Pick<NetworkList, "name" | "cniVersion">,
  attachment: Attachment,
): Effect.Effect<CniResult | null, Refused, Files> =>
  Effect.flatMap(
    checked(keyOf(list, attachment)),
    (key) => readResult(cacheDirOf(attachment), key, list.cniVersion || DEFAULT_VERSION),
  );

/** With what an attachment was made. */
export interface CachedConfig {
  /** The text of the network list that ADD was given: `parseNetworkList` reads it. Without plugins of its folder. */
  readonly config: string;
  /** The attachment that was asked for, with the `args` and `capabilityArgs` of its ADD. */
  readonly attachment: Attachment;
}

/**
 * The configuration and the arguments the attachment was made with; null where the cache has none. `args` are the given
 * ones where the cache has none, `capabilityArgs` always the cached ones, and `netns` stays as it is given, as in libcni.
 * Refused: a name that is not usable (code 3, 4 or 7), a file that is damaged or older than `cniCacheV1` (6).
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { cachedConfig, layer } from "@cleat/cleat";
 * const cacheDir = Deno.makeTempDirSync();
 * const program = cachedConfig({ name: "lab" }, { containerId: "blue", netns: "", ifName: "eth0", cacheDir });
 * const cached = await Effect.runPromise(Effect.provide(program, layer()));
 * Deno.removeSync(cacheDir, { recursive: true });
 * if (cached !== null) throw new Error("nothing was attached yet");
 * ```
 */
export const cachedConfig = (
  list: Pick<NetworkList, "name">,
  attachment: Attachment,
): Effect.Effect<CachedConfig | null, Refused, Files> =>
  Effect.gen(function* () {
    const key = yield* checked(keyOf(list, attachment));
    const cacheDir = cacheDirOf(attachment);
    const text = yield* readOwnEntry(cacheDir, key);
    if (text === null) return null;
    const entry = parseCacheEntry(text);
    if (entry === null) {
      return yield* refuseEntry(cachePath(cacheDir, key), "it is damaged, or older than libcni's format cniCacheV1");
    }
    const { args, capabilityArgs, config } = entry;
    return { config, attachment: { ...attachment, ...(args.length === 0 ? {} : { args }), capabilityArgs } };
  });
