/** A log that ends somewhere: the machine is simulated, the log is a file, which is cut at every byte. */
import { hash } from "node:crypto";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Layer from "effect/Layer";
import { ExecError, Executables } from "../../src/effects/exec.ts";
import { systemFiles } from "../../src/effects/files_system.ts";
import { simulatedKernel } from "../../src/effects/kernel/simulated.ts";
import { memoryDhcp } from "../../src/effects/dhcp/memory.ts";
import { memoryLeases } from "../../src/effects/leases/memory.ts";
import { memoryNetworkLock } from "../../src/effects/lock/memory.ts";
import { fileEventStore } from "../../src/effects/log/file.ts";
import { EventStore } from "../../src/effects/log/store.ts";
import { Origin } from "../../src/effects/origin.ts";
import { pluginsLayer } from "../../src/engine/invoke.ts";
import { recipes } from "../../src/plugins/recipes.ts";
import type { Services } from "../../src/runtime/services.ts";
import { Sha256 } from "../../src/spec/hash.ts";
import type { StreamId } from "../../src/spec/key.ts";
import type { JsonObject } from "../../src/spec/json.ts";
import { type Call, carryOut, type Verb } from "../../tests/support/dying_call.ts";

const NETNS = "/ns/c1";
const NEWLINE = 10;

/** The log is the same to the byte, whenever it is made. */
const ORIGIN = { boot: "boot-1", pid: 4711, by: "cleat", now: () => "2026-01-01T00:00:00.000Z" };
const hashing = Layer.succeed(Sha256)((bytes) => hash("sha256", bytes, "hex"));

/** Only ours are asked for. */
const noExecutables = Layer.succeed(Executables)({
  find: (plugin, _path, known) =>
    known
      ? Effect.succeed({ ours: true })
      : Effect.fail(new ExecError({ plugin, reason: "not found", detail: "none here" })),
  run: (file) => Effect.die(new Error(`${file} cannot be run in memory`)),
});

/** A machine in memory whose log is in a folder. */
function machineIn(state: string) {
  const kernel = simulatedKernel();
  kernel.addNetns(NETNS);
  const leases = memoryLeases();
  const store = fileEventStore(state).pipe(Layer.provideMerge(Layer.succeed(Origin)(ORIGIN)), Layer.provide(hashing));
  const base = Layer.mergeAll(
    store,
    kernel.layer,
    leases.layer,
    memoryDhcp().layer,
    memoryNetworkLock(),
    systemFiles,
    noExecutables,
  );
  const layer: Layer.Layer<Services> = pluginsLayer(recipes).pipe(Layer.provideMerge(base));
  return {
    layer,
    run: async (call: Call): Promise<string | null> => {
      const exit = await Effect.runPromiseExit(Effect.provide(carryOut(call), layer));
      return Exit.isSuccess(exit) ? null : String(exit.cause);
    },
    /** Everything but the log. */
    looks: () => JSON.stringify([kernel.dump(), leases.dump()]),
  };
}

/** A plugin, whose log is cut. */
export interface Cut {
  readonly plugin: string;
  readonly config: JsonObject;
}

/** What came of it. */
export interface CutLog {
  readonly plugin: string;
  /** Bytes of the log, which are as many places to cut it. */
  readonly bytes: number;
  /** How often what was left of it was handed to DEL: wherever another number of whole lines is left, and within each line. */
  readonly ended: number;
  /** One sentence for each place after which something was wrong. */
  readonly left: readonly string[];
}

/** How many records each byte of a log leaves: the whole lines before it. */
const wholeLines = (log: Uint8Array, bytes: number): number =>
  log.subarray(0, bytes).reduce((lines, byte) => byte === NEWLINE ? lines + 1 : lines, 0);

/** Reads the log after each cut, the last byte first; answers where it reads as anything but its whole lines. */
const readEverywhere = (state: string, id: StreamId, log: string) =>
  Effect.gen(function* () {
    const store = yield* EventStore;
    const bytes = Deno.readFileSync(log);
    const wrong: string[] = [];
    let lines = wholeLines(bytes, bytes.length);
    for (let at = bytes.length - 1; at >= 0; at--) {
      if (bytes[at] === NEWLINE) lines--;
      Deno.truncateSync(log, at);
      const { records, corruption } = yield* store.read(id);
      if (corruption !== null || records.length !== lines) {
        wrong.push(`byte ${at}: ${records.length} of ${lines} lines`);
      }
    }
    return wrong;
  }).pipe(Effect.provide(machineIn(state).layer), Effect.runPromise);

/** Places in every line: its beginning, its middle, and where only the newline is missing. */
const placesIn = (log: Uint8Array): readonly number[] => {
  const ends = [...log.keys()].filter((at) => log[at] === NEWLINE);
  return ends.flatMap((end, i) => {
    const start = i === 0 ? 0 : (ends[i - 1] ?? 0) + 1;
    return [start, Math.floor((start + end) / 2), end];
  });
};

/** Attaches, cuts the log of the plugin, and detaches, until nothing new can come of it. */
export async function cutEverywhere({ plugin, config }: Cut): Promise<CutLog> {
  const folder = Deno.makeTempDirSync({ prefix: "cleat-cut-" });
  const call = (verb: Verb): Call => ({ plugin, verb, netns: NETNS, path: "", config, cacheDir: `${folder}/cache` });
  const id = { network: String(config.name), containerId: "c1", ifName: "eth0", slot: plugin };
  const log = `${folder}/streams/${id.network}/${id.containerId}/${id.ifName}/${id.slot}.jsonl`;
  const left: string[] = [];
  /** One life; answers what the machine looks like after it, and what was in the log. */
  const live = async (cut: number | null) => {
    const machine = machineIn(folder);
    const begun = await machine.run(call("ADD"));
    const bytes = Deno.readFileSync(log);
    if (cut !== null) Deno.truncateSync(log, cut);
    const failure = begun ?? await machine.run(call("DEL"));
    Deno.removeSync(`${folder}/streams`, { recursive: true });
    return { failure, bytes, looks: machine.looks() };
  };
  try {
    const whole = await live(null);
    if (whole.failure !== null) throw new Error(`Cannot cut the log of ${plugin}: ${whole.failure}`);
    const places = placesIn(whole.bytes);
    for (const at of places) {
      const { failure, looks } = await live(at);
      if (failure !== null) left.push(`byte ${at}: ${failure}`);
      else if (looks !== whole.looks) left.push(`byte ${at}: ${differing(whole.looks, looks)}`);
    }
    await machineIn(folder).run(call("ADD"));
    left.push(...await readEverywhere(folder, id, log));
    return { plugin, bytes: whole.bytes.length, ended: places.length, left };
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** The part in which two texts differ. */
const differing = (expected: string, found: string): string => {
  const at = [...found].findIndex((letter, i) => letter !== expected[i]);
  return `expected ${expected.slice(Math.max(0, at - 40), at + 80)}, found ${
    found.slice(Math.max(0, at - 40), at + 80)
  }`;
};
