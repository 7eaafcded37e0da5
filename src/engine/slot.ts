/**
 * Which stream of an attachment a command belongs to. A plugin that stands twice in a chain has two streams,
 * `tuning` and `tuning#2`; an executable cannot tell which of the two it is, so their configs and states tell.
 */
import * as Effect from "effect/Effect";
import * as Scope from "effect/Scope";
import * as Exit from "effect/Exit";
import { EventStore, type Stream } from "../effects/log/store.ts";
import type { Snapshot } from "../machines/attachment.ts";
import { foldLegal } from "../machines/evolve.ts";
import { isJsonObject, type Json, type JsonObject } from "../spec/json.ts";
import type { Slot } from "../spec/key.ts";
import type { Command } from "./command.ts";

/** A stream, locked, with the state its log ends in. */
export interface OpenStream {
  readonly stream: Stream;
  readonly snapshot: Snapshot;
}

/** How often one plugin may stand in one chain. */
const MAX_INSTANCES = 64;

const slotOf = (type: string, instance: number): Slot => (instance === 1 ? type : `${type}#${instance}`);

/** The plugin type a slot belongs to. */
export const typeOf = (slot: Slot): string => slot.replace(/#\d+$/, "");

/** Which instance of its plugin a slot is: 1 for the first in the chain. */
export const instanceOf = (slot: Slot): number => Number(/#(\d+)$/.exec(slot)?.[1] ?? 1);

const isLive = ({ value }: Snapshot): boolean => value !== "absent" && value !== "detached";

/** JSON with sorted keys, so that equal values have equal texts. */
function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  return `{${
    Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key] ?? null)}`).join(",")
  }}`;
}

/** Whether two request configs are of the same place in a chain: equal but for what the runtime adds, or strips or not. */
function samePlace(a: JsonObject, b: JsonObject): boolean {
  const own = ({ prevResult: _, runtimeConfig: __, capabilities: ___, ...rest }: JsonObject) => canonical(rest);
  return own(a) === own(b);
}

/** Opens the stream the command belongs to; the scope holds its lock. For DEL only instances `below` that one count. */
export const openStream = (type: string, command: Command, below = Infinity) =>
  Effect.gen(function* () {
    for (let instance = yield* firstCandidate(type, command, below); instance < MAX_INSTANCES; instance++) {
      const opened = yield* tryOpen(slotOf(type, instance), command);
      if (opened !== null) return opened;
    }
    return yield* Effect.die(new Error(`Cannot find a free stream for "${type}": ${MAX_INSTANCES} are in use`));
  });

/** Opens the stream of a slot and keeps it if it is the command's; otherwise gives its lock back. */
const tryOpen = (slot: Slot, command: Command) =>
  Effect.gen(function* () {
    const store = yield* EventStore;
    const scope = yield* Scope.fork(yield* Scope.Scope); // given back with the command's, whatever happens here
    const stream = yield* Scope.provide(store.open({ ...command.key, slot }), scope);
    const { snapshot, records, illegal } = foldLegal(stream.records, stream.id);
    const add = snapshot.context.add;
    // Only what stands later in a chain can stand there twice; the others make the interface, or its addresses.
    const chained = isJsonObject(command.raw.prevResult);
    const taken = command.verb === "ADD" && chained &&
      (snapshot.value === "attached" || snapshot.value === "drifted") &&
      add !== null && !samePlace(add.config, command.raw);
    if (taken) {
      yield* Scope.close(scope, Exit.void);
      return null;
    }
    if (illegal === null) return { stream, snapshot };
    // A record that cannot have happened is damage like any other, though the chain of hashes is whole.
    return { stream: { ...stream, records, corruption: { line: illegal.seq, detail: illegal.why } }, snapshot };
  });

/** ADD takes the first free one, DEL the newest live one (chains unwind backwards), CHECK the one with its config. */
const firstCandidate = (type: string, { verb, key, raw, asOf }: Command, below: number) =>
  Effect.gen(function* () {
    if (verb === "ADD") return 1;
    const store = yield* EventStore;
    const slots = (yield* store.list(key)).map(({ slot }) => slot)
      .filter((slot) => typeOf(slot) === type && (asOf?.has(slot) ?? true) && instanceOf(slot) < below);
    const newest = Math.max(1, ...slots.map(instanceOf));
    for (let instance = newest; instance > 1; instance--) {
      const { records, corruption } = yield* store.read({ ...key, slot: slotOf(type, instance) });
      const { snapshot, illegal } = foldLegal(records);
      const add = snapshot.context.add;
      const isDamaged = corruption !== null || illegal !== null;
      if (verb === "DEL" ? isDamaged || isLive(snapshot) : add !== null && samePlace(add.config, raw)) return instance;
    }
    return 1;
  });
