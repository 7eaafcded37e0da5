/** What a verb of `cleat` is about: cnitool's arguments and environment, and options that beat it. */
import * as Effect from "effect/Effect";
import { EventStore } from "../../effects/log/store.ts";
import type { Attachment } from "../../runtime/attach.ts";
import { cachedConfig } from "../../runtime/cached.ts";
import { DEFAULT_CONF_DIR, loadNetwork } from "../../runtime/networks.ts";
import { cnitoolContainerId } from "../../spec/hash.ts";
import { isJsonObject, type Json, type JsonObject } from "../../spec/json.ts";
import { CHAIN_SLOT } from "../../spec/key.ts";
import { type NetworkList, parseNetworkList } from "../../spec/network_list.ts";
import { Failure, type Option, type Parsed, UsageError } from "./command.ts";

/** Looks a variable of the environment up. */
export type Env = (name: string) => string | undefined;

/** Options of every verb. */
export const targetOptions: readonly Option[] = [
  { name: "ifname", value: "NAME", help: "interface in the container; else $CNI_IFNAME, else eth0" },
  { name: "container-id", value: "ID", help: "container id; else one made from the netns path, as cnitool does" },
  { name: "cap", value: "NAME=JSON", help: "capability argument, repeatable; joins $CAP_ARGS", repeatable: true },
  { name: "args", value: "K=V;K=V", help: "CNI_ARGS; else $CNI_ARGS" },
  { name: "conf-dir", value: "DIR", help: `where networks are; else $NETCONFPATH, else ${DEFAULT_CONF_DIR}` },
  { name: "cache-dir", value: "DIR", help: "libcni's result cache; else /var/lib/cni" },
];

const positional = (parsed: Parsed, index: number, what: string): string => {
  const value = parsed.positionals[index];
  if (value === undefined) throw new UsageError(`Cannot go on without ${what}`);
  return value;
};

function parseJson(text: string, what: string): Json {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(
      `Cannot use ${what} ${JSON.stringify(text)}: ${error instanceof Error ? error.message : error}`,
    );
  }
}

function capabilityArgs(parsed: Parsed, env: Env): JsonObject {
  const inherited = env("CAP_ARGS");
  const base = inherited ? parseJson(inherited, "CAP_ARGS") : {};
  if (!isJsonObject(base)) throw new UsageError(`Cannot use CAP_ARGS ${inherited}: it is not a JSON object`);
  const own = (parsed.lists.cap ?? []).map((pair) => {
    const at = pair.indexOf("=");
    if (at < 1) throw new UsageError(`Cannot use --cap ${JSON.stringify(pair)}: write it as name=json`);
    return [pair.slice(0, at), parseJson(pair.slice(at + 1), `--cap ${pair.slice(0, at)}`)];
  });
  return { ...base, ...Object.fromEntries(own) };
}

function cniArgs(parsed: Parsed, env: Env): readonly (readonly [string, string])[] {
  const text = parsed.strings.args ?? env("CNI_ARGS") ?? "";
  return text === "" ? [] : text.split(";").map((pair) => {
    const [name = "", value = "", ...more] = pair.split("=");
    if (name === "" || value === "" || more.length > 0) {
      throw new UsageError(`Cannot use CNI_ARGS ${JSON.stringify(pair)}: write pairs as name=value, joined by ";"`);
    }
    return [name, value];
  });
}

/** The path from the root, without detours, as cnitool makes the container id of it (Go's filepath.Abs). */
export function absolutePath(path: string, folder: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith("/") ? path : `${folder}/${path}`).split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

/** Runs something that throws `UsageError`. */
export const usage = <A>(build: () => A): Effect.Effect<A, UsageError> =>
  Effect.try({ try: build, catch: (error) => error instanceof UsageError ? error : new UsageError(String(error)) });

/** The network as an attachment was made with it: for what must go on when its configuration is gone, or cannot be used. */
export const recordedNetwork = (network: string, attachment: Attachment) =>
  Effect.gen(function* () {
    const store = yield* EventStore;
    const { containerId, ifName } = attachment;
    const read = yield* Effect.option(store.read({ network, containerId, ifName, slot: CHAIN_SLOT }));
    // Also of an attachment that is detached by now: DEL may be repeated.
    const last = read._tag === "Some" ? read.value.records.findLast(({ event }) => event.type === "ADD") : undefined;
    const recorded = last?.event.type === "ADD" ? last.event.config.list : undefined;
    const cached = yield* Effect.orElseSucceed(cachedConfig({ name: network }, attachment), () => null);
    const text = typeof recorded === "string" ? recorded : cached?.config;
    if (text === undefined) return null;
    return yield* Effect.orElseSucceed(parseNetworkList(text, "the log of the attachment"), () => null);
  });

/**
 * The network and the attachment that the command line means. `otherwise` may find the network where no usable configuration
 * has it; null is the failure of the search.
 */
export const target = <R = never>(
  parsed: Parsed,
  env: Env,
  otherwise: (network: string, attachment: Attachment) => Effect.Effect<NetworkList | null, never, R> = () =>
    Effect.succeed(null),
) =>
  Effect.gen(function* () {
    const name = yield* usage(() => positional(parsed, 0, "a network name"));
    const path = yield* usage(() => positional(parsed, 1, "the path of a network namespace"));
    const netns = absolutePath(path, Deno.cwd());
    const folder = parsed.strings["conf-dir"] ?? (env("NETCONFPATH") || DEFAULT_CONF_DIR);
    const cacheDir = parsed.strings["cache-dir"];
    const attachment: Attachment = {
      containerId: parsed.strings["container-id"] ?? (yield* Effect.promise(() => cnitoolContainerId(netns))),
      netns,
      ifName: parsed.strings.ifname || env("CNI_IFNAME") || "eth0",
      args: yield* usage(() => cniArgs(parsed, env)),
      capabilityArgs: yield* usage(() => capabilityArgs(parsed, env)),
      cniPath: env("CNI_PATH") ?? "",
      ...(cacheDir === undefined ? {} : { cacheDir }),
    };
    const list = yield* Effect.catch(
      loadNetwork(folder, name),
      (error) =>
        Effect.flatMap(
          otherwise(name, attachment),
          (found) => found === null ? Effect.fail(new Failure(error.message)) : Effect.succeed(found),
        ),
    );
    return { list, attachment };
  });
