/**
 * Cleat: an event-sourced CNI for Deno. Attach containers to networks, in this process, with a log that can undo,
 * explain and replay everything.
 *
 * `Cleat` offers promises; `attach`, `check`, `detach` and `status` are the same as Effect values, to be provided with
 * `layer`. Both need root, or a user namespace that owns the network namespaces.
 *
 * @example Attach a container, look at its address, detach it
 * ```ts ignore
 * import { Cleat } from "@cleat/cleat";
 *
 * await using cleat = new Cleat();
 * const dbnet = await cleat.load("/etc/cni/net.d", "dbnet");
 * const blue = { containerId: "blue", netns: "/run/netns/blue", ifName: "eth0" };
 * const result = await cleat.attach(dbnet, blue);
 * console.log(result.ips?.[0]?.address);
 * await cleat.detach(dbnet, blue);
 * ```
 *
 * @module
 */
import { hash } from "node:crypto";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as ManagedRuntime from "effect/ManagedRuntime";
import { stateDir, systemLayer } from "./src/cli/layers.ts";
import { Digest } from "./src/effects/log/sha256.ts";
import { EventStore } from "./src/effects/log/store.ts";
import type { Services } from "./src/engine/command.ts";
import { replay, type ReplayStep } from "./src/machines/evolve.ts";
import { registry } from "./src/plugins/registry.ts";
import { attach, type Attachment, check, detach, status } from "./src/runtime/attach.ts";
import { loadNetwork } from "./src/runtime/networks.ts";
import type { AttachmentKey, StreamId } from "./src/spec/key.ts";
import { type NetworkList, parseNetworkList } from "./src/spec/network_list.ts";
import type { CniResult } from "./src/spec/result.ts";

export { attach, type Attachment, check, detach, status } from "./src/runtime/attach.ts";
export { loadList, loadNetwork, NetworkNotFound } from "./src/runtime/networks.ts";
export { type NetworkList, parseNetworkList, type PluginConf } from "./src/spec/network_list.ts";
export type { CniResult, Dns, ResultInterface, ResultIp, ResultRoute } from "./src/spec/result.ts";
export { CniCode, type CniFailure, Refused } from "./src/spec/failure.ts";
export type { Json, JsonObject } from "./src/spec/json.ts";
export type { AttachmentKey, Slot, StreamId } from "./src/spec/key.ts";
export { CommandFailed } from "./src/engine/failure.ts";
export { Notices } from "./src/engine/notice.ts";
export type { Services } from "./src/engine/command.ts";
export { IllegalHistory, type ReplayStep } from "./src/machines/evolve.ts";
export type { AttachmentEvent, Recorded } from "./src/machines/event.ts";
export { describeEvent, describeOp } from "./src/machines/describe.ts";
export { FileError } from "./src/effects/files.ts";
export { LogError } from "./src/effects/log/store.ts";

/** Where Cleat keeps its own things. */
export interface CleatOptions {
  /**
   * Folder of the log. By default `$CLEAT_STATE_DIR`, else `/var/lib/cleat` for root, else `cleat` in the XDG state
   * directory.
   */
  readonly stateDir?: string;
}

/** What may interrupt a verb; an interrupted ADD is rolled back before the promise rejects. */
export interface RunOptions {
  readonly signal?: AbortSignal;
}

/**
 * The services of this machine: its kernel, the log, host-local's lease directories, plugin executables.
 *
 * @example Attach as an Effect
 * ```ts ignore
 * import * as Effect from "effect/Effect";
 * import { attach, layer, loadNetwork } from "@cleat/cleat";
 *
 * const program = Effect.gen(function* () {
 *   const dbnet = yield* loadNetwork("/etc/cni/net.d", "dbnet");
 *   return yield* attach(dbnet, { containerId: "blue", netns: "/run/netns/blue", ifName: "eth0" });
 * });
 * await Effect.runPromise(program.pipe(Effect.provide(layer())));
 * ```
 */
export const layer = (options: CleatOptions = {}): Layer.Layer<Services> =>
  systemLayer(options.stateDir ?? stateDir((name) => Deno.env.get(name), Deno.uid()), registry).pipe(
    Layer.provide(Layer.succeed(Digest)((bytes) => hash("sha256", bytes, "hex"))),
  );

/** libcni's role, as promises. Rejects with `CommandFailed`, whose `failure` is a CNI error object. */
export class Cleat {
  readonly #runtime: ManagedRuntime.ManagedRuntime<Services, never>;

  constructor(options: CleatOptions = {}) {
    this.#runtime = ManagedRuntime.make(layer(options));
  }

  /**
   * The network of that name in a folder of configurations.
   * Rejects with `NetworkNotFound`, `FileError`, or `Refused` for a configuration that is wrong.
   */
  load(folder: string, name: string): Promise<NetworkList> {
    return this.#runtime.runPromise(loadNetwork(folder, name));
  }

  /** A network from the text of its list; `source` names it in errors. Rejects with `Refused`. */
  parse(text: string, source = "the network list"): Promise<NetworkList> {
    return this.#runtime.runPromise(parseNetworkList(text, source));
  }

  /** ADD of every plugin of the list. A failed or interrupted ADD leaves nothing behind. */
  attach(list: NetworkList, attachment: Attachment, options: RunOptions = {}): Promise<CniResult> {
    return this.#runtime.runPromise(attach(list, attachment), options);
  }

  /** CHECK of every plugin of the list; rejects naming everything that is not as ADD made it. */
  check(list: NetworkList, attachment: Attachment, options: RunOptions = {}): Promise<void> {
    return this.#runtime.runPromise(check(list, attachment), options);
  }

  /** DEL of every plugin of the list, backwards. Resolves when nothing is left, also where there never was anything. */
  detach(list: NetworkList, attachment: Attachment, options: RunOptions = {}): Promise<void> {
    return this.#runtime.runPromise(detach(list, attachment), options);
  }

  /** STATUS of every plugin of the list; rejects when an ADD could not succeed now. */
  status(list: NetworkList, options: RunOptions = {}): Promise<void> {
    return this.#runtime.runPromise(status(list), options);
  }

  /** The streams whose attachment agrees with every given part, sorted by name. Rejects with `LogError`. */
  streams(filter: Partial<AttachmentKey> = {}): Promise<readonly StreamId[]> {
    return this.#runtime.runPromise(Effect.flatMap(EventStore, (store) => store.list(filter)));
  }

  /** The history of a stream with the state around each record. Rejects with `IllegalHistory` or `LogError`. */
  async replay(id: StreamId): Promise<readonly ReplayStep[]> {
    const { records } = await this.#runtime.runPromise(Effect.flatMap(EventStore, (store) => store.read(id)));
    return replay(records, id);
  }

  /** Gives back what the services hold. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#runtime.dispose();
  }
}
