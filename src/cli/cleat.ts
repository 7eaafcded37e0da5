/** libcni's role as promises. */
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as ManagedRuntime from "effect/ManagedRuntime";
import { EventStore } from "../effects/log/store.ts";
import { InvocationLimits } from "../engine/limits.ts";
import { TraceContext } from "../engine/trace_context.ts";
import { replay, type ReplayStep } from "../machines/evolve.ts";
import { attach, check, detach, status } from "../runtime/attach.ts";
import type { Attachment } from "../runtime/attachment.ts";
import { type CachedConfig, cachedConfig, cachedResult } from "../runtime/cached.ts";
import { gc, type GcOptions, type ValidAttachment } from "../runtime/gc.ts";
import { pluginVersions } from "../runtime/installed.ts";
import { loadList, loadNetwork } from "../runtime/networks.ts";
import { prune, type PruneOptions } from "../runtime/prune.ts";
import { collect, type Reclaimed, type ReclaimOptions, recover } from "../runtime/recover.ts";
import { type CachedAttachment, cachedAttachments } from "../runtime/result_cache.ts";
import type { Services } from "../runtime/services.ts";
import { validateNetwork } from "../runtime/validate.ts";
import type { AttachmentKey, StreamId } from "../spec/key.ts";
import { type NetworkList, parseNetworkList } from "../spec/network_list.ts";
import type { CniResult } from "../spec/result.ts";
import type { TraceContext as Trace } from "../spec/trace.ts";
import { type CleatOptions, layer } from "./library.ts";

/** How a verb is run. */
export interface RunOptions {
  /** Its abort interrupts the verb. An interrupted ADD is rolled back before the promise rejects. */
  readonly signal?: AbortSignal;
  /** The trace that the run belongs to, for executables of plugins; by default this process's own, if it has one. */
  readonly trace?: Trace;
  /** How long each executable of a plugin may take; by default as long as it wants. */
  readonly limits?: InvocationLimits;
}

/** How plugins are asked about themselves. */
export interface PluginOptions extends RunOptions {
  /** Where plugins are searched, joined by ":"; empty or absent means Cleat's own, in this process. */
  readonly cniPath?: string;
}

/** Which part of which cache is read. */
export interface CacheOptions extends RunOptions {
  /** Where libcni's result cache is; `/var/lib/cni` by default. */
  readonly cacheDir?: string;
  /** Only the attachments of this container. */
  readonly containerId?: string;
}

/**
 * libcni's role, as promises. The verbs reject with `CommandFailed`, whose `failure` is a CNI error object; what only
 * reads files rejects with `FileError`, or with `Refused` where they are wrong. A call that is aborted rejects with the
 * signal's reason, once everything is taken back.
 *
 * @example Attach, and tell why it failed
 * ```ts ignore
 * import { Cleat, CommandFailed } from "@cleat/cleat";
 *
 * await using cleat = new Cleat();
 * const dbnet = await cleat.load("/etc/cni/net.d", "dbnet");
 * const blue = { containerId: "blue", netns: "/run/netns/blue", ifName: "eth0" };
 * try {
 *   await cleat.status(dbnet);
 *   await cleat.attach(dbnet, blue, { signal: AbortSignal.timeout(10_000) });
 *   await cleat.check(dbnet, blue);
 * } catch (error) {
 *   if (error instanceof CommandFailed) console.error(error.failure.code, error.message);
 *   await cleat.detach(dbnet, blue);
 * }
 * ```
 */
export class Cleat {
  readonly #runtime: ManagedRuntime.ManagedRuntime<Services, never>;

  /** Opens nothing yet: the first call builds the services. */
  constructor(options: CleatOptions = {}) {
    this.#runtime = ManagedRuntime.make(layer(options));
  }

  async #run<A, E>(effect: Effect.Effect<A, E, Services>, { signal, trace, limits }: RunOptions): Promise<A> {
    signal?.throwIfAborted(); // a fiber would begin, and notice at its first wait
    const traced = trace === undefined ? effect : Effect.provideService(effect, TraceContext, trace);
    const limited = limits === undefined ? traced : Effect.provideService(traced, InvocationLimits, limits);
    const exit = await this.#runtime.runPromiseExit(limited, signal === undefined ? {} : { signal });
    if (Exit.isSuccess(exit)) return exit.value;
    throw signal?.aborted && Cause.hasInterruptsOnly(exit.cause) ? signal.reason : Cause.squash(exit.cause);
  }

  /**
   * The network of that name in a folder of configurations.
   * Rejects with `NetworkNotFound`, `FileError`, or `Refused` for a configuration that is wrong.
   *
   * @example
   * ```ts
   * import { Cleat } from "@cleat/cleat";
   * await using cleat = new Cleat();
   * const folder = Deno.makeTempDirSync();
   * Deno.writeTextFileSync(`${folder}/10-lab.conf`, '{"name":"lab","cniVersion":"1.1.0","type":"bridge"}');
   * const lab = await cleat.load(folder, "lab");
   * Deno.removeSync(folder, { recursive: true });
   * if (lab.plugins.length !== 1) throw new Error("a configuration of one plugin is a list of one");
   * ```
   */
  load(folder: string, name: string, options: RunOptions = {}): Promise<NetworkList> {
    return this.#run(loadNetwork(folder, name), options);
  }

  /** The network in a `.conflist` file, with the plugins of its folder. Rejects with `FileError` or `Refused`. */
  loadFile(path: string, options: RunOptions = {}): Promise<NetworkList> {
    return this.#run(loadList(path), options);
  }

  /**
   * A network from the text of its list; `source` names it in errors. Rejects with `Refused`.
   *
   * @example
   * ```ts
   * import { Cleat } from "@cleat/cleat";
   * await using cleat = new Cleat();
   * const lab = await cleat.parse('{"name":"lab","cniVersion":"1.1.0","plugins":[{"type":"bridge"}]}');
   * if (lab.name !== "lab") throw new Error(lab.name);
   * ```
   */
  parse(text: string, source = "the network list"): Promise<NetworkList> {
    return this.#run(parseNetworkList(text, source), {});
  }

  /** ADD of every plugin of the list. A failed or interrupted ADD leaves nothing behind. */
  attach(list: NetworkList, attachment: Attachment, options: RunOptions = {}): Promise<CniResult> {
    return this.#run(attach(list, attachment), options);
  }

  /** CHECK of every plugin of the list; rejects naming everything that is not as ADD made it. */
  check(list: NetworkList, attachment: Attachment, options: RunOptions = {}): Promise<void> {
    return this.#run(check(list, attachment), options);
  }

  /** DEL of every plugin of the list, backwards. Resolves when nothing is left, also where there never was anything. */
  detach(list: NetworkList, attachment: Attachment, options: RunOptions = {}): Promise<void> {
    return this.#run(detach(list, attachment), options);
  }

  /** GC: removes what is left of attachments that are not in `valid`; null means that none is. */
  gc(
    list: NetworkList,
    valid: readonly ValidAttachment[] | null,
    options: GcOptions & RunOptions = {},
  ): Promise<void> {
    return this.#run(gc(list, valid, options), options);
  }

  /**
   * Reclaims on the whole node what a reboot or a crash has left, by the log alone. Answers what was found of every
   * attachment, and what is still owed. An abort ends the pass after the attachment at hand.
   *
   * @example At boot, before anything is attached
   * ```ts
   * import { Cleat } from "@cleat/cleat";
   * const folder = Deno.makeTempDirSync();
   * await using cleat = new Cleat({ stateDir: `${folder}/state` });
   * for (const { attachment, why, failure } of await cleat.recover({ cacheDir: `${folder}/cache` })) {
   *   console.log(attachment.containerId, why, failure?.msg ?? "done");
   * }
   * Deno.removeSync(folder, { recursive: true });
   * ```
   */
  recover(options: ReclaimOptions & RunOptions = {}): Promise<readonly Reclaimed[]> {
    return this.#run(recover(options), options);
  }

  /**
   * As `recover`, and undoes attachments whose network namespace is gone as well.
   *
   * @example What would go, and why
   * ```ts
   * import { Cleat } from "@cleat/cleat";
   * const folder = Deno.makeTempDirSync();
   * await using cleat = new Cleat({ stateDir: `${folder}/state` });
   * const found = await cleat.collect({ cacheDir: `${folder}/cache`, dryRun: true });
   * Deno.removeSync(folder, { recursive: true });
   * if (found.length !== 0) throw new Error("nothing was attached yet");
   * ```
   */
  collect(options: ReclaimOptions & RunOptions = {}): Promise<readonly Reclaimed[]> {
    return this.#run(collect(options), options);
  }

  /** Removes the history of attachments that were detached long ago, or that are too many. Answers how many streams. */
  prune(options: PruneOptions & RunOptions = {}): Promise<number> {
    return this.#run(prune(options), options);
  }

  /** STATUS of every plugin of the list; rejects when an ADD could not succeed now. */
  status(list: NetworkList, options: PluginOptions = {}): Promise<void> {
    return this.#run(status(list, options.cniPath), options);
  }

  /**
   * Whether every plugin of the list is there and speaks its version; rejects naming all that is wrong. Answers the names
   * of the capabilities that the plugins want, sorted.
   *
   * @example
   * ```ts
   * import { Cleat } from "@cleat/cleat";
   * await using cleat = new Cleat();
   * const plugins = '[{"type":"bridge"},{"type":"portmap","capabilities":{"portMappings":true}}]';
   * const lab = await cleat.parse(`{"name":"lab","cniVersion":"1.1.0","plugins":${plugins}}`);
   * const wanted = await cleat.validate(lab);
   * if (wanted.join() !== "portMappings") throw new Error(wanted.join());
   * ```
   */
  validate(list: NetworkList, options: PluginOptions = {}): Promise<readonly string[]> {
    return this.#run(validateNetwork(list, options.cniPath), options);
  }

  /** The versions of the specification that a plugin speaks. Rejects where there is none, or as it fails. */
  pluginVersions(type: string, options: PluginOptions = {}): Promise<readonly string[]> {
    return this.#run(pluginVersions(type, options.cniPath), options);
  }

  /** The result of the attachment's last ADD, as libcni's cache has it, in the version of the list; null without one. */
  cachedResult(
    list: Pick<NetworkList, "name" | "cniVersion">,
    attachment: Attachment,
    options: RunOptions = {},
  ): Promise<CniResult | null> {
    return this.#run(cachedResult(list, attachment), options);
  }

  /** The configuration and the arguments the attachment was made with, as libcni's cache has them; null without one. */
  cachedConfig(
    list: Pick<NetworkList, "name">,
    attachment: Attachment,
    options: RunOptions = {},
  ): Promise<CachedConfig | null> {
    return this.#run(cachedConfig(list, attachment), options);
  }

  /**
   * The attachments that libcni's cache knows, of all networks.
   *
   * @example
   * ```ts
   * import { Cleat } from "@cleat/cleat";
   * await using cleat = new Cleat();
   * const cacheDir = Deno.makeTempDirSync();
   * const attachments = await cleat.cachedAttachments({ cacheDir, containerId: "blue" });
   * Deno.removeSync(cacheDir, { recursive: true });
   * if (attachments.length !== 0) throw new Error("nothing was attached yet");
   * ```
   */
  cachedAttachments(options: CacheOptions = {}): Promise<readonly CachedAttachment[]> {
    return this.#run(cachedAttachments(options.cacheDir, options.containerId), options);
  }

  /**
   * The streams whose attachment agrees with every given part, sorted by name. Rejects with `LogError`.
   *
   * @example What happened to container "blue"
   * ```ts
   * import { Cleat, describeEvent } from "@cleat/cleat";
   * const stateDir = Deno.makeTempDirSync();
   * await using cleat = new Cleat({ stateDir });
   * for (const id of await cleat.streams({ containerId: "blue" })) {
   *   for (const { record, after } of await cleat.replay(id)) console.log(after.value, describeEvent(record.event));
   * }
   * Deno.removeSync(stateDir, { recursive: true });
   * ```
   */
  streams(filter: Partial<AttachmentKey> = {}): Promise<readonly StreamId[]> {
    return this.#run(Effect.flatMap(EventStore, (store) => store.list(filter)), {});
  }

  /**
   * The history of a stream with the state around each record; none for a stream that does not exist. Rejects with
   * `IllegalHistory` or `LogError`.
   *
   * @example
   * ```ts
   * import { Cleat } from "@cleat/cleat";
   * const stateDir = Deno.makeTempDirSync();
   * await using cleat = new Cleat({ stateDir });
   * const steps = await cleat.replay({ network: "dbnet", containerId: "blue", ifName: "eth0", slot: "@chain" });
   * Deno.removeSync(stateDir, { recursive: true });
   * if (steps.length !== 0) throw new Error("nothing has happened yet");
   * ```
   */
  async replay(id: StreamId): Promise<readonly ReplayStep[]> {
    const { records } = await this.#run(Effect.flatMap(EventStore, (store) => store.read(id)), {});
    return replay(records, id);
  }

  /** Gives back what the services hold. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#runtime.dispose();
  }
}
