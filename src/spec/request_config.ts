/**
 * The envelope of a request config: what every plugin reads from stdin before its own keys (CNI spec 1.1.0, section 3,
 * "Deriving request configuration"), and the agreement on a version.
 *
 * @module
 */
import * as Effect from "effect/Effect";
import { quote } from "./conf_fault.ts";
import type { Command } from "./environment.ts";
import { CniCode, Refused } from "./failure.ts";
import { member, sameKey, without } from "./fold_keys.ts";
import { isJsonObject, type Json, type JsonObject, tooDeep, tooLong } from "./json.ts";
import { checkNetworkName } from "./names.ts";
import { DEFAULT_VERSION } from "./released_versions.ts";

export { checkVersion } from "./check_version.ts";

/** An attachment as GC names it. */
export interface ValidAttachment {
  /** `containerID` on the wire. */
  readonly containerId: string;
  /** `ifname` on the wire. */
  readonly ifName: string;
}

/** What all plugins read of a request config. */
export interface RequestConfig {
  /** The network's name, checked. */
  readonly name: string;
  /** As asked, `0.1.0` when absent or empty; `checkVersion` agrees on it. */
  readonly cniVersion: string;
  /** As it came; `parsePrevResult` reads it. */
  readonly prevResult: JsonObject | null;
  /** Empty when absent; a plugin's own schema decides about its content. */
  readonly runtimeConfig: JsonObject;
  /** Empty when absent. */
  readonly args: JsonObject;
  /** For GC: what is still valid; empty for the other verbs. */
  readonly validAttachments: readonly ValidAttachment[];
  /** Everything, as it came, but for the spelling of the keys above. */
  readonly raw: JsonObject;
}

const refuse = (code: number, msg: string, details?: string): Effect.Effect<never, Refused> =>
  Effect.fail(new Refused({ code, msg, ...(details === undefined ? {} : { details }) }));

const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error);

/** GC lists all that lives on the host, under two names: in this many characters, 20 000 attachments. */
const MAX_GC_REQUEST = 4 * 2 ** 20;

/** Reads stdin as one JSON object; null counts as an empty one. */
const parseObject = Effect.fnUntraced(function* (text: string, command: Command) {
  const why = tooLong(text, command === "GC" ? MAX_GC_REQUEST : undefined) ?? tooDeep(text);
  if (why !== null) return yield* refuse(CniCode.DECODING_FAILURE, `Cannot read the network configuration: ${why}`);
  const value = yield* Effect.try({
    try: (): Json => JSON.parse(text),
    catch: (error) =>
      new Refused({
        code: CniCode.DECODING_FAILURE,
        msg: `Cannot read the network configuration: ${messageOf(error)}`,
        details: "exactly one JSON object is expected on stdin",
      }),
  });
  if (value === null) return {};
  if (isJsonObject(value)) return value;
  const found = Array.isArray(value) ? "an array" : `a ${typeof value}`;
  return yield* refuse(
    CniCode.DECODING_FAILURE,
    `Cannot read the network configuration: it is ${found}, not an object`,
  );
});

/** A key that must hold a text where it is there at all. */
function stringMember(raw: JsonObject, name: string): Effect.Effect<string, Refused> {
  const value = member(raw, name) ?? "";
  return typeof value === "string"
    ? Effect.succeed(value)
    : refuse(CniCode.DECODING_FAILURE, `Cannot use "${name}": ${quote(value)} is not a string`);
}

/** What is read by its exact name later on, by the engine and by delegates. */
const ENVELOPE = ["name", "cniVersion", "prevResult", "runtimeConfig", "args"];

/** The same with the envelope's keys as the spec writes them: whatever reads one of them afterwards sees the same value. */
function spelled(raw: JsonObject): JsonObject {
  const isExact = (key: string) => ENVELOPE.includes(key) || !ENVELOPE.some((name) => sameKey(name, key));
  if (Object.keys(raw).every(isExact)) return raw;
  const found = ENVELOPE.map((name) => [name, member(raw, name) ?? null] as const).filter(([, value]) =>
    value !== null
  );
  return { ...without(raw, ENVELOPE), ...Object.fromEntries(found) };
}

/** The network's name, checked. */
const readName = Effect.fnUntraced(function* (raw: JsonObject) {
  const name = yield* stringMember(raw, "name");
  if (name === "") {
    return yield* refuse(CniCode.INVALID_NETWORK_CONFIG, 'Cannot use "name": it is missing', "name the network");
  }
  const failure = checkNetworkName(name);
  return failure === null ? name : yield* Effect.fail(new Refused(failure));
});

const objectMember = (raw: JsonObject, name: string): JsonObject => {
  const value = member(raw, name);
  return isJsonObject(value) ? value : {};
};

const VALID_ATTACHMENTS = "cni.dev/valid-attachments";

/** The name of `VALID_ATTACHMENTS` in the text tagged spec-v1.1.0, corrected since. */
const OLD_VALID_ATTACHMENTS = "cni.dev/attachments";

const readAttachment = (value: Json, index: number): Effect.Effect<ValidAttachment, Refused> => {
  const containerId = isJsonObject(value) ? member(value, "containerID") : undefined;
  const ifName = isJsonObject(value) ? member(value, "ifname") : undefined;
  return typeof containerId === "string" && typeof ifName === "string"
    ? Effect.succeed({ containerId, ifName })
    : refuse(
      CniCode.INVALID_NETWORK_CONFIG,
      `Cannot use "${VALID_ATTACHMENTS}[${index}]": ${quote(value)} does not name an attachment`,
      'an entry is {"containerID": "…", "ifname": "…"}',
    );
};

/**
 * The attachments that a GC request says are valid. Missing, null and empty mean the same: none is. Refused (code 7) for
 * entries that name no attachment: to pass them over would remove what is alive.
 */
export function readAttachments(raw: JsonObject): Effect.Effect<readonly ValidAttachment[], Refused> {
  const value = member(raw, VALID_ATTACHMENTS) ?? member(raw, OLD_VALID_ATTACHMENTS) ?? [];
  return Array.isArray(value) ? Effect.forEach(value as readonly Json[], readAttachment) : refuse(
    CniCode.INVALID_NETWORK_CONFIG,
    `Cannot use "${VALID_ATTACHMENTS}": ${quote(value)} is not an array`,
  );
}

/**
 * Reads the envelope of a request config. Refused: code 6 for what is no JSON object, or a `name` or `cniVersion` that is
 * no string; code 7 for a missing or bad `name`, a `prevResult` that is no object (DEL does
 * without), or attachments of GC that are none.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { parseRequestConfig } from "./request_config.ts";
 * const config = Effect.runSync(parseRequestConfig('{"name":"lab","type":"bridge"}', "ADD"));
 * if (config.cniVersion !== "0.1.0") throw new Error("an absent version is 0.1.0");
 * ```
 */
export const parseRequestConfig = (text: string, command: Command): Effect.Effect<RequestConfig, Refused> =>
  Effect.gen(function* () {
    const raw = spelled(yield* parseObject(text, command));
    const name = yield* readName(raw);
    const cniVersion = (yield* stringMember(raw, "cniVersion")) || DEFAULT_VERSION;
    const prevResult = member(raw, "prevResult") ?? null;
    if (prevResult !== null && !isJsonObject(prevResult) && command !== "DEL") {
      const msg = `Cannot use "prevResult": ${quote(prevResult)} is not an object`;
      return yield* refuse(CniCode.INVALID_NETWORK_CONFIG, msg);
    }
    return {
      name,
      cniVersion,
      prevResult: isJsonObject(prevResult) ? prevResult : null,
      runtimeConfig: objectMember(raw, "runtimeConfig"),
      args: objectMember(raw, "args"),
      validAttachments: command === "GC" ? yield* readAttachments(raw) : [],
      raw,
    };
  });
