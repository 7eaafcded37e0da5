/** Garbage collection of a network (CNI spec 1.1.0, section 2, "GC"). */
import * as Effect from "effect/Effect";
import { Plugins } from "../engine/delegate.ts";
import { combine, CommandFailed } from "../engine/failure.ts";
import { hasCommand } from "../spec/check_version.ts";
import { deriveRequestConfig } from "../spec/derive_request.ts";
import type { CniFailure } from "../spec/failure.ts";
import { attachmentName, CHAIN_SLOT } from "../spec/key.ts";
import { checkNetworkName } from "../spec/names.ts";
import type { NetworkList } from "../spec/network_list.ts";
import type { ValidAttachment } from "../spec/request_config.ts";
import { removeNow } from "./attach.ts";
import { type Attachment, keyOf, refuse } from "./attachment.ts";
import { removeDeadLinks } from "./dead_links.ts";
import { undoStreams } from "./leftovers.ts";
import { DEFAULT_CACHE_DIR } from "./result_cache.ts";
import type { Services } from "./services.ts";
import { localName, type Suspects, suspectsOf } from "./suspects.ts";
import { alone } from "./turn.ts";

export type { ValidAttachment } from "../spec/request_config.ts";

/** Where plugins and results are, as in `Attachment`. */
export type GcOptions = Pick<Attachment, "cniPath" | "cacheDir">;

/**
 * GC: removes what is left of attachments of the network that are not in `valid`; null means that none is. First DEL of
 * each that the log or libcni's cache knows, whether it has a configuration left or not, then, from version 1.1.0 on, GC of every
 * plugin. A failure does not end it; all of them are told at the end, and the next GC goes on with what failed. A list
 * with `disableGC` passes, and nothing is done.
 *
 * GC waits for the verbs under way, and those that come later wait for it. What was attached while it waited is valid.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { gc, layer, parseNetworkList } from "@cleat/cleat";
 * const folder = Deno.makeTempDirSync();
 * const text = '{"name":"lab","cniVersion":"1.1.0","plugins":[{"type":"tuning"}]}';
 * const valid = [{ containerId: "blue", ifName: "eth0" }];
 * const program = Effect.flatMap(
 *   parseNetworkList(text, "lab.conflist"),
 *   (lab) => gc(lab, valid, { cacheDir: `${folder}/cache` }),
 * );
 * await Effect.runPromise(Effect.provide(program, layer({ stateDir: `${folder}/state` })));
 * Deno.removeSync(folder, { recursive: true });
 * ```
 */
export const gc = (
  list: NetworkList,
  valid: readonly ValidAttachment[] | null,
  options: GcOptions = {},
): Effect.Effect<void, CommandFailed, Services> =>
  Effect.gen(function* () {
    if (list.disableGC) return;
    const fault = checkNetworkName(list.name);
    if (fault !== null) return yield* refuse(fault);
    const names = new Set((valid ?? []).map(localName));
    const suspects = suspectsOf({ network: list.name, valid: names, cacheDir: options.cacheDir ?? DEFAULT_CACHE_DIR });
    // Who called knows nothing of what happens from now on, so it is not judged by what they say.
    const before = yield* suspects;
    yield* alone(list.name, Effect.flatMap(suspects, (now) => collect(list, valid, options, before, now)));
  });

const collect = (
  list: NetworkList,
  valid: readonly ValidAttachment[] | null,
  options: GcOptions,
  before: Suspects,
  now: Suspects,
) =>
  Effect.gen(function* () {
    const failures: CniFailure[] = [...now.failures];
    const spared: ValidAttachment[] = [];
    const isDead = (name: string, trace: string) => before.found.get(name)?.trace === trace;
    const dead = [...now.found].flatMap(([name, { attachment, trace }]) => isDead(name, trace) ? [attachment] : []);
    yield* removeDeadLinks(dead.map((attachment) => ({ key: keyOf(list, attachment), asOf: null, slots: null })));
    for (const [name, { attachment, trace }] of now.found) {
      if (!isDead(name, trace)) spared.push(attachment);
      else failures.push(...(yield* remove(list, { ...attachment, ...options })));
    }
    const left = valid === null && spared.length === 0 ? null : [...(valid ?? []), ...spared];
    if (hasCommand(list.cniVersion, "GC")) failures.push(...(yield* askPlugins(list, left, options)));
    const [first, ...others] = failures;
    if (first !== undefined) return yield* new CommandFailed({ failure: combine([first, ...others]) });
  });

/** DEL of one attachment; answers what failed, each thing once. */
const remove = (list: NetworkList, attachment: Attachment) =>
  Effect.gen(function* () {
    const key = keyOf(list, attachment);
    const removed = yield* Effect.result(removeNow(list, attachment));
    const failures = removed._tag === "Failure" ? [removed.failure.failure] : [];
    // What the chain no longer knows: the list has changed, or another runtime ran the plugins.
    const { cniVersion } = list;
    const { netns } = attachment;
    failures.push(...(yield* undoStreams(key, { netns, cniVersion, wanted: (slot) => slot !== CHAIN_SLOT })));
    const told = new Map(failures.map((failure) => [failure.msg, failure]));
    return [...told.values()].map(({ msg, ...rest }) => ({
      ...rest,
      msg: `Cannot collect "${attachmentName(key)}": ${msg}`,
    }));
  });

/** GC of every plugin, the first of the list first, whatever the others say; answers what failed. */
const askPlugins = (list: NetworkList, valid: readonly ValidAttachment[] | null, { cniPath = "" }: GcOptions) =>
  Effect.gen(function* () {
    const plugins = yield* Plugins;
    const key = { network: list.name, containerId: "", ifName: "" };
    const failures: CniFailure[] = [];
    for (const plugin of list.plugins) {
      const parameters = { command: "GC", ...(valid === null ? {} : { validAttachments: valid }) } as const;
      const call = { key, netns: "", allowOwnNetns: false, args: "", path: cniPath, plugin: plugin.type };
      const config = deriveRequestConfig(list, plugin, parameters);
      const asked = yield* Effect.result(plugins.invoke({ ...call, command: "GC", config }));
      if (asked._tag === "Failure") failures.push(asked.failure.failure);
    }
    return failures;
  });
