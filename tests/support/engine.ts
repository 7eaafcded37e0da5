/** A whole machine in memory, on which commands run, and die, like processes. */
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Layer from "effect/Layer";
import { ExecError, Executables } from "../../src/effects/exec.ts";
import { FileError, Files } from "../../src/effects/files.ts";
import { type SimulatedKernel, simulatedKernel, type SimulatedOptions } from "../../src/effects/kernel/simulated.ts";
import { type MemoryDhcp, memoryDhcp } from "../../src/effects/dhcp/memory.ts";
import { type MemoryLeases, memoryLeases } from "../../src/effects/leases/memory.ts";
import { memoryNetworkLock } from "../../src/effects/lock/memory.ts";
import { type MemoryEventStore, memoryEventStore } from "../../src/effects/log/memory.ts";
import { EventStore } from "../../src/effects/log/store.ts";
import { Origin } from "../../src/effects/origin.ts";
import type { Command } from "../../src/engine/command.ts";
import type { CommandFailed } from "../../src/engine/failure.ts";
import { pluginsLayer } from "../../src/engine/invoke.ts";
import { Notices } from "../../src/engine/notice.ts";
import type { AnyPlugin, Plugin, Recipes } from "../../src/engine/plugin.ts";
import { runCommand } from "../../src/engine/run_command.ts";
import { fold } from "../../src/machines/evolve.ts";
import { attach, type Attachment, check, detach } from "../../src/runtime/attach.ts";
import type { Services } from "../../src/runtime/services.ts";
import type { CniFailure } from "../../src/spec/failure.ts";
import type { JsonObject } from "../../src/spec/json.ts";
import type { StreamId } from "../../src/spec/key.ts";
import type { NetworkList } from "../../src/spec/network_list.ts";
import type { CniResult } from "../../src/spec/result.ts";

/** How a command ended: with a result, with a CNI failure, interrupted, or with the death of its process. */
export type Outcome =
  | { readonly ended: "ok"; readonly result: CniResult | null }
  | { readonly ended: "failed"; readonly failure: CniFailure }
  | { readonly ended: "interrupted" }
  | { readonly ended: "died" };

/** Points at which a process can die: around each append and each change. */
export interface CrashPoint {
  /** Dies at the n-th point, counted from 1. */
  readonly at: number;
  /** Does not die there, but is told to stop, as by a signal. */
  readonly interrupt?: boolean;
}

class Death extends Error {
  override readonly name = "Death";
}

/** One simulated machine with its log, pools, files and plugins. */
export class Machine {
  readonly kernel: SimulatedKernel;
  readonly log: MemoryEventStore;
  readonly leases: MemoryLeases;
  readonly dhcp: MemoryDhcp;
  readonly #lock = memoryNetworkLock();
  readonly files = new Map<string, string>();
  readonly said: string[] = [];
  /** Called at every point with its number. */
  onPoint: (number: number) => void = () => {};
  #boot = 1;
  #points = 0;
  #dieAt = Infinity;
  #interrupt: AbortController | null = null;
  readonly #recipes: Recipes;
  readonly #executables: Layer.Layer<Executables>;

  constructor(registry: ReadonlyMap<string, AnyPlugin>, options: SimulatedOptions = {}, executables = noExecutables) {
    this.#recipes = new Map([...registry].map(([type, recipe]) => [type, Effect.succeed(recipe)]));
    this.#executables = executables;
    this.kernel = simulatedKernel({ ...options, onApply: () => this.#point() });
    this.log = memoryEventStore({ onAppend: () => this.#point() });
    this.dhcp = memoryDhcp({ onChange: () => this.#point() });
    this.leases = memoryLeases({ onApply: () => this.#point() });
  }

  /** Counts the points a command passes; a dead process passes none. */
  #point(): void {
    this.onPoint(++this.#points);
    if (this.#points < this.#dieAt) return;
    if (this.#interrupt === null) throw new Death();
    this.#interrupt.abort();
  }

  get #layer(): Layer.Layer<Services> {
    const origin = Layer.succeed(Origin)({
      boot: `boot-${this.#boot}`,
      pid: 4711,
      by: "cleat test",
      now: () => "2026-01-01T00:00:00.000Z",
    });
    const base = Layer.mergeAll(
      this.log.layer.pipe(Layer.provideMerge(origin)),
      this.kernel.layer,
      this.leases.layer,
      this.dhcp.layer,
      this.#lock,
      memoryFiles(this.files),
      this.#executables,
    );
    return pluginsLayer(this.#recipes).pipe(Layer.provideMerge(base));
  }

  /** Runs an effect on this machine. */
  async run<A, E>(effect: Effect.Effect<A, E, Services>, crash?: CrashPoint): Promise<Exit.Exit<A, E>> {
    this.#points = 0;
    this.#dieAt = crash?.at ?? Infinity;
    this.#interrupt = crash?.interrupt ? new AbortController() : null;
    const exit = await Effect.runPromiseExit(
      effect.pipe(Effect.provide(this.#layer), Effect.provideService(Notices, (line) => void this.said.push(line))),
      this.#interrupt === null ? {} : { signal: this.#interrupt.signal },
    );
    this.#dieAt = Infinity;
    return exit;
  }

  /** How many points the last command passed. */
  get points(): number {
    return this.#points;
  }

  /** Runs a verb of a plugin, to the end or to its death. */
  async command<C>(plugin: Plugin<C>, command: Command, crash?: CrashPoint): Promise<Outcome> {
    return outcomeOf(await this.run(runCommand(plugin, command), crash));
  }

  /** Runs a verb of the runtime for a whole network, to the end or to its death. */
  async network(
    verb: Command["verb"],
    list: NetworkList,
    attachment: Attachment,
    crash?: CrashPoint,
  ): Promise<Outcome> {
    const run: Effect.Effect<CniResult | void, CommandFailed, Services> = verb === "ADD"
      ? attach(list, attachment)
      : verb === "CHECK"
      ? check(list, attachment)
      : detach(list, attachment);
    return outcomeOf(await this.run(run, crash));
  }

  /** The state a stream's log ends in. */
  async stateOf(id: StreamId): Promise<string> {
    const exit = await this.run(Effect.flatMap(EventStore, (store) => store.read(id)));
    if (Exit.isFailure(exit)) throw new Error(Cause.pretty(exit.cause));
    return fold(exit.value.records, id).value;
  }

  /** Everything but the log. */
  dump(): unknown {
    return { kernel: this.kernel.dump(), leases: this.leases.dump(), dhcp: this.dhcp.dump() };
  }

  /** A new boot: the kernel forgets everything; files stay. */
  reboot(): void {
    this.#boot++;
    this.kernel.reboot();
  }
}

/** How an exit reads; defects other than a death are thrown. */
export function outcomeOf(exit: Exit.Exit<CniResult | null | void, CommandFailed>): Outcome {
  if (Exit.isSuccess(exit)) return { ended: "ok", result: exit.value ?? null };
  const error = Cause.findErrorOption(exit.cause);
  if (error._tag === "Some") {
    return error.value.failure.msg.includes("Death")
      ? { ended: "died" }
      : { ended: "failed", failure: error.value.failure };
  }
  if (Cause.hasInterruptsOnly(exit.cause)) return { ended: "interrupted" };
  const defect = Cause.squash(exit.cause);
  if (defect instanceof Death) return { ended: "died" };
  throw defect;
}

const memoryFiles = (files: Map<string, string>): Layer.Layer<Files> =>
  Layer.succeed(Files)({
    read: (path) => Effect.sync(() => files.get(path) ?? null),
    list: (folder) =>
      Effect.sync(() => {
        const inside = [...files.keys()].filter((path) => path.slice(0, path.lastIndexOf("/")) === folder);
        return inside.length === 0 ? null : inside.map((path) => path.slice(folder.length + 1)).sort();
      }),
    write: (path, content) =>
      Effect.try({
        try: () => void files.set(path, content),
        catch: (error) => new FileError({ doing: "write", path, detail: String(error) }),
      }),
    remove: (path) => Effect.sync(() => void files.delete(path)),
  });

const noExecutables: Layer.Layer<Executables> = Layer.succeed(Executables)({
  find: (plugin, _path, known) =>
    known
      ? Effect.succeed({ ours: true })
      : Effect.fail(new ExecError({ plugin, reason: "not found", detail: "none here" })),
  run: (file) => Effect.die(new Error(`${file} cannot be run in memory`)),
});

/** A command for `network/c1/eth0` in the namespace `/ns/c1`, from a request config. */
export const commandOf = (verb: Command["verb"], raw: JsonObject, change: Partial<Command> = {}): Command => ({
  verb,
  key: { network: String(raw.name ?? "net"), containerId: "c1", ifName: "eth0" },
  netns: "/ns/c1",
  allowOwnNetns: false,
  args: "",
  path: "",
  raw,
  cniVersion: String(raw.cniVersion ?? "1.1.0"),
  ...change,
});
