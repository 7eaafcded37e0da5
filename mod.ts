/**
 * Cleat: an event-sourced CNI for Deno. Attach containers to networks, in this process, with a log that can undo,
 * explain and replay everything.
 *
 * - `Cleat` offers promises: `load` a network, `attach`, `check`, `detach`; `streams` and `replay` read the log.
 * - `attach`, `check`, `detach`, `status` and `loadNetwork` are the same as Effect values, to be provided with `layer`.
 * - `AttachmentEvent` and `Op` are what the log holds; `describeEvent` and `describeOp` put them in words.
 * - `Services` names what all this runs on, for programs that provide some of it themselves.
 *
 * Attaching needs root, or a user namespace that owns the network namespaces.
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
import { EventStore } from "./src/effects/log/store.ts";
import type { Services } from "./src/engine/command.ts";
import { replay, type ReplayStep } from "./src/machines/evolve.ts";
import { registry } from "./src/plugins/registry.ts";
import { attach, type Attachment, check, detach, status } from "./src/runtime/attach.ts";
import { loadNetwork } from "./src/runtime/networks.ts";
import { Sha256 } from "./src/spec/hash.ts";
import type { AttachmentKey, StreamId } from "./src/spec/key.ts";
import { type NetworkList, parseNetworkList } from "./src/spec/network_list.ts";
import type { CniResult } from "./src/spec/result.ts";

export { attach, type Attachment, check, detach, status } from "./src/runtime/attach.ts";
export { loadList, loadNetwork, NetworkNotFound } from "./src/runtime/networks.ts";
export { type NetworkList, parseNetworkList, type PluginConf } from "./src/spec/network_list.ts";
export type { CniResult, Dns, ResultInterface, ResultIp, ResultRoute } from "./src/spec/result.ts";
export { CniCode, type CniFailure, Refused } from "./src/spec/failure.ts";
export { CommandFailed } from "./src/engine/failure.ts";
export { Notices } from "./src/engine/notice.ts";
export type { Json, JsonObject } from "./src/spec/json.ts";

// The log: what happened to a stream, and what is left of it.
export type { AttachmentKey, Slot, StreamId } from "./src/spec/key.ts";
export type { AddEvent, AttachmentEvent, Recorded } from "./src/machines/event.ts";
export type { AttachmentContext, AttachmentState, StateName } from "./src/machines/attachment.ts";
export type { Entry } from "./src/machines/entry.ts";
export { IllegalEvent, IllegalHistory, type ReplayStep } from "./src/machines/evolve.ts";
export { describeEvent, describeOp } from "./src/machines/describe.ts";
export type { InvokeOp, KernelOp, LeaseOp, LeaseOwner, LeaseRange, Op, OpName, Side } from "./src/effects/kernel/op.ts";
export type { AddressOp, NeighbourOp, RouteOp } from "./src/effects/kernel/op.ts";
export type { LinkKind, LinkSettings, PortSettings, PortVlan, VethPeer } from "./src/effects/kernel/op.ts";
export type { NftCommand, NftElement, NftExpr, NftField, NftHook, NftTable } from "./src/effects/kernel/nft.ts";
export type { NftFamily, NftType, NftVerdict } from "./src/effects/kernel/nft.ts";

// The services: what `layer` provides, for programs that provide their own.
export type { Services } from "./src/engine/command.ts";
export { EventStore, type EventStoreShape, LogError } from "./src/effects/log/store.ts";
export type { Corruption, Reading, Stream } from "./src/effects/log/store.ts";
export { type CreatedLink, HostError, type HostShape, type HostView, Kernel } from "./src/effects/kernel/host.ts";
export { NetnsError, type NetnsIdentity, type NetnsWanted } from "./src/effects/kernel/host.ts";
export type { Address, Link, Neighbour, Route } from "./src/effects/kernel/host.ts";
export { type Lease, LeaseError, Leases, type LeasesShape, type LeasesView } from "./src/effects/leases/leases.ts";
export { DelegateError, type Invocation, Plugins } from "./src/engine/delegate.ts";
export { FileError, Files } from "./src/effects/files.ts";
export { Origin, type OriginShape } from "./src/effects/origin.ts";

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
  /** Its abort interrupts the verb. */
  readonly signal?: AbortSignal;
}

/**
 * The services of this machine: its kernel, the log, host-local's lease directories, plugin executables.
 *
 * @example Read the log
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { EventStore, layer } from "@cleat/cleat";
 * const stateDir = Deno.makeTempDirSync();
 * const streams = Effect.flatMap(EventStore, (store) => store.list({ network: "dbnet" }));
 * const found = await Effect.runPromise(Effect.provide(streams, layer({ stateDir })));
 * Deno.removeSync(stateDir, { recursive: true });
 * if (found.length !== 0) throw new Error("a new log is empty");
 * ```
 */
export const layer = (options: CleatOptions = {}): Layer.Layer<Services> =>
  systemLayer(options.stateDir ?? stateDir((name) => Deno.env.get(name), Deno.uid()), registry).pipe(
    Layer.provideMerge(Layer.succeed(Sha256)((bytes) => hash("sha256", bytes, "hex"))),
  );

/**
 * libcni's role, as promises. The verbs reject with `CommandFailed`, whose `failure` is a CNI error object.
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
  load(folder: string, name: string): Promise<NetworkList> {
    return this.#runtime.runPromise(loadNetwork(folder, name));
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
    return this.#runtime.runPromise(Effect.flatMap(EventStore, (store) => store.list(filter)));
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
    const { records } = await this.#runtime.runPromise(Effect.flatMap(EventStore, (store) => store.read(id)));
    return replay(records, id);
  }

  /** Gives back what the services hold. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#runtime.dispose();
  }
}
