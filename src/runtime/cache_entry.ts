/**
 * One file of libcni's result cache, as data: the format `cniCacheV1` (`libcni/api.go`, `cachedInfo`), and the bare
 * result that libcni wrote before 0.8.
 */
import type { CniFailure } from "../spec/failure.ts";
import { isJsonObject, type Json, type JsonObject, jsonOf } from "../spec/json.ts";
import type { AttachmentKey } from "../spec/key.ts";
import { checkCacheFileName, checkContainerId, checkIfName, checkNetworkName } from "../spec/names.ts";
import type { CniResult } from "../spec/result.ts";

/** The value of `kind` in every entry (libcni's `CNICacheV1`). */
export const CACHE_KIND = "cniCacheV1";

/** An attachment that the cache knows, whoever made it. */
export interface CachedAttachment {
  /** Whose entry it is. */
  readonly key: AttachmentKey;
  /** Path of the namespace; empty in entries of libcni below 1.2.0. */
  readonly netns: string;
  /** Pairs of CNI_ARGS, in order. */
  readonly args: readonly (readonly [string, string])[];
  /** All that the runtime offered, not only what a plugin asked for. */
  readonly capabilityArgs: JsonObject;
  /** The network list it was made with, without the plugins of the network's folder; null when unknown. */
  readonly config: JsonObject | null;
  /** What ADD answered, in the version it had; null when unknown. */
  readonly result: CniResult | null;
}

/** The same as it is written: texts and JSON that nobody has interpreted yet. */
export interface CacheEntry extends Omit<CachedAttachment, "config" | "result"> {
  /** The text of the network list, or of the single plugin configuration, that ADD was given; empty when unknown. */
  readonly config: string;
  /** The final result, rendered in the version it was returned in; null when there was none. */
  readonly result: Json;
}

const encoder = new TextEncoder();

/** The text of an entry. What is empty is left out, as libcni leaves it out. */
export const renderCacheEntry = ({ key, netns, args, capabilityArgs, config, result }: CacheEntry): string =>
  JSON.stringify({
    kind: CACHE_KIND,
    containerId: key.containerId,
    config: config === "" ? null : encoder.encode(config).toBase64(),
    ifName: key.ifName,
    networkName: key.network,
    ...(netns === "" ? {} : { netns }),
    ...(args.length === 0 ? {} : { cniArgs: args }),
    ...(Object.keys(capabilityArgs).length === 0 ? {} : { capabilityArgs }),
    ...(result === null ? {} : { result }),
  });

const textOf = (value: Json | undefined): string => (typeof value === "string" ? value : "");

/** The text behind base64; empty where it is none. */
function decodedText(value: Json | undefined): string {
  try {
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.fromBase64(textOf(value)));
  } catch {
    return "";
  }
}

const isPair = (value: Json): value is readonly [string, string] =>
  Array.isArray(value) && value.length === 2 && value.every((item: Json) => typeof item === "string");

/** An entry from the text of a file; null for what is no `cniCacheV1`, bare results included. */
export function parseCacheEntry(text: string): CacheEntry | null {
  const cached = jsonOf(text);
  if (!isJsonObject(cached) || cached.kind !== CACHE_KIND) return null;
  const args: readonly Json[] = Array.isArray(cached.cniArgs) ? cached.cniArgs : [];
  return {
    key: {
      network: textOf(cached.networkName),
      containerId: textOf(cached.containerId),
      ifName: textOf(cached.ifName),
    },
    netns: textOf(cached.netns),
    args: args.filter(isPair),
    capabilityArgs: isJsonObject(cached.capabilityArgs) ? cached.capabilityArgs : {},
    config: decodedText(cached.config),
    result: cached.result ?? null,
  };
}

/** What is wrong with the names of an attachment, or null: they become parts of paths, wherever they come from. */
export const keyFault = ({ network, containerId, ifName }: AttachmentKey): CniFailure | null =>
  checkNetworkName(network) ?? checkContainerId(containerId) ?? checkIfName(ifName) ??
    checkCacheFileName(network, containerId, ifName);

/**
 * Whether an entry found under the file name of `key` is another attachment's: libcni's file names join names by
 * dashes, so network `a-b` with container `c` and network `a` with container `b-c` share one.
 */
export const isAnothers = (entry: CacheEntry, key: AttachmentKey): boolean =>
  (["network", "containerId", "ifName"] as const).some((name) =>
    entry.key[name] !== "" && entry.key[name] !== key[name]
  );
