/** A host with one container, folders and all, whose every trace can be compared before and after. */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Cause from "effect/Cause";
import type * as Layer from "effect/Layer";
import { systemLayer } from "../../src/cli/layers.ts";
import { EventStore } from "../../src/effects/log/store.ts";
import { CommandFailed } from "../../src/engine/failure.ts";
import { Notices } from "../../src/engine/notice.ts";
import { residue } from "../../src/machines/entry.ts";
import { foldLegal } from "../../src/machines/evolve.ts";
import { recipes } from "../../src/plugins/recipes.ts";
import { recover } from "../../src/runtime/recover.ts";
import type { Services } from "../../src/runtime/services.ts";
import { streamName } from "../../src/spec/key.ts";
import type { CniResult } from "../../src/spec/result.ts";
import { type Call, carryOut } from "./dying_call.ts";
import { tree } from "./lab.ts";
import { type Netns, newNetns } from "./netns.ts";
import { snapshot } from "./snapshot.ts";

/** How a verb ended: with a result, or with a sentence; and what it said meanwhile. */
export interface Ended {
  readonly error: string | null;
  readonly result: CniResult | null;
  readonly said: readonly string[];
}

/** Everything there is to see of a host: lines, with the question that each answers. */
export type Traces = readonly string[];

/** Addresses that the kernel makes up; those the tests give begin with 02:00:00:00. */
const RANDOM_MAC = /\b(?!02:00:00:00|00:00:00|ff:ff:ff|33:33:|01:00:5e)[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b/g;

/** Groups a link joins for its link-local address, which follows it late, and what bridges learn from packets. */
const MOMENTARY = /\b33:33:ff:|forwarding: \S+ dev \S+( vlan \d+)? master \S+$/;

/** A line without what the kernel numbers, and names that hold a folder of ours. */
const lasting = (line: string): string =>
  line.replace(/\b[0-9a-f]{4}\.[0-9a-f:]{12,17}/g, "<bridge id>").replace(RANDOM_MAC, "<mac>").replace(
    /(?<=^\w+ \w+: )\d+: /,
    "",
  )
    .replace(/@if\d+/g, "").replace(/ link-netns(id)? \S+/g, "").replace(/\/pools\/[0-9a-f]{16}\//, "/pools/<pool>/");

/** A namespace as lines, each with its name and its question. */
export const tracesOf = (where: string, ns: Netns): Traces =>
  Object.entries(snapshot(ns)).flatMap(([what, lines]) => lines.map((line) => `${where} ${what}: ${line}`))
    .filter((line) => !MOMENTARY.test(line)).map(lasting).sort();

/** Runs something to its end in this process, on these layers. */
async function endOf(
  ending: Effect.Effect<CniResult | null, unknown, Services>,
  layer: Layer.Layer<Services>,
): Promise<Ended> {
  const said: string[] = [];
  const program = ending.pipe(
    Effect.provide(layer),
    Effect.provideService(Notices, (sentence) => void said.push(sentence)),
  );
  const exit = await Effect.runPromiseExit(program);
  if (Exit.isSuccess(exit)) return { error: null, result: exit.value, said };
  const error = Cause.squash(exit.cause);
  return { error: error instanceof Error ? error.message : String(error), result: null, said };
}

/** Runs a verb to its end on the host where this thread is. */
export const endOfCall = (call: Call, layer: Layer.Layer<Services>): Promise<Ended> => endOf(carryOut(call), layer);

/** Recovers the host where this thread is; what could not be undone is the error. */
export function endOfRecovery(cacheDir: string, layer: Layer.Layer<Services>): Promise<Ended> {
  const recovered = Effect.flatMap(recover({ cacheDir }), (found) => {
    const owed = found.find(({ failure }) => failure !== null)?.failure ?? null;
    return owed === null ? Effect.succeed(null) : Effect.fail(new CommandFailed({ failure: owed }));
  });
  return endOf(recovered, layer);
}

/** The streams below a state folder that are not over. */
export async function openStreams(state: string): Promise<readonly string[]> {
  const program = Effect.gen(function* () {
    const store = yield* EventStore;
    const open: string[] = [];
    for (const id of yield* store.list({})) {
      const { records } = yield* store.read(id);
      const { value, context } = foldLegal(records, id).snapshot;
      const isOver = value === "detached" || value === "absent" ||
        (value === "failed" && residue(context.stack).length === 0);
      if (!isOver) open.push(`stream ${streamName(id)}: ${value}`);
    }
    return open;
  });
  return await Effect.runPromise(Effect.provide(program, systemLayer(state, recipes)));
}

/** The world. Everything in it ends with it. */
export class World {
  readonly host: Netns = newNetns();
  readonly container: Netns = newNetns();
  readonly folder: string;
  readonly state: string;

  /** `prepare` is run in the host, with `$CONTAINER` as the other namespace; `state`: another place for the log. */
  constructor(prepare: string, state?: string) {
    this.folder = Deno.makeTempDirSync({ prefix: "cleat-world-" });
    this.state = state ?? `${this.folder}/state`;
    const lo = "ip link set lo up";
    this.host.must(`CONTAINER=${this.container.path} DIR=${this.folder}\n${lo}\n${prepare}`);
    this.container.must(lo);
  }

  /** The paths of this world by the names a table has for them. */
  plain(text: string): string {
    return text.replaceAll(this.container.path, "/run/netns/c1").replaceAll(this.folder, "");
  }

  /** Runs a verb to its end in this process, on the layers of the doors or on `layer`. */
  run(call: Call, layer: Layer.Layer<Services> = systemLayer(this.state, recipes)): Promise<Ended> {
    return this.host.stay(() => endOfCall(call, layer));
  }

  /** Recovers this host; what could not be undone is the error. */
  recover(): Promise<Ended> {
    return this.host.stay(() => endOfRecovery(`${this.folder}/cache`, systemLayer(this.state, recipes)));
  }

  /** Both namespaces, or the host alone; every file but the log, and the streams that are not over. */
  async traces(which: "all" | "host" = "all"): Promise<Traces> {
    const spaces = [["host", this.host] as const, ...which === "host" ? [] : [["container", this.container] as const]];
    const lines = spaces.flatMap(([where, ns]) => tracesOf(where, ns));
    // The file of a network's lock is empty and stays: it is no trace of an attachment.
    const files = Object.keys(tree(this.folder)).filter((path) => !/^state\/(streams|full|locks)\//.test(path));
    return [...lines, ...files.map((path) => lasting(`file ${path}`)), ...await openStreams(this.state)].sort();
  }

  [Symbol.dispose](): void {
    this.host[Symbol.dispose]();
    this.container[Symbol.dispose]();
    Deno.removeSync(this.folder, { recursive: true });
  }
}

const counted = (lines: Traces): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1);
  return counts;
};

/** Links of the host that one whole ADD and DEL leave: bridges, which all attachments share. */
const sharedLinks = (before: Traces, after: Traces): readonly RegExp[] => {
  const linksIn = (traces: Traces) => traces.flatMap((line) => /^host links: ([^:\s]+)/.exec(line)?.[1] ?? []);
  const own = new Set(linksIn(before));
  return linksIn(after).filter((name) => !own.has(name)).map((name) => new RegExp(`\\b${name}\\b`));
};

/**
 * What is neither as it was before, nor as one whole ADD and DEL leave it: lines that are too many ("+"), and lines that
 * are missing ("-"). What all attachments share (bridges, base chains) may be there or not; a bridge may be half made,
 * for the next ADD to finish.
 */
export function leftBehind(now: Traces, before: Traces, after: Traces): readonly string[] {
  const shared = sharedLinks(before, after);
  const counts = [now, before, after].map((lines) =>
    counted(lines.filter((line) => !shared.some((name) => name.test(line))))
  );
  const left: string[] = [];
  for (const line of new Set(counts.flatMap((lines) => [...lines.keys()]))) {
    const [n = 0, ...others] = counts.map((lines) => lines.get(line) ?? 0);
    if (n > Math.max(...others)) left.push(`+ ${line}`);
    if (n < Math.min(...others)) left.push(`- ${line}`);
  }
  return left;
}
