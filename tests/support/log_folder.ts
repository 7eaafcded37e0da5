/** A log in files, and short scripts on one stream of it. */
import * as Effect from "effect/Effect";
import { fileEventStore } from "../../src/effects/log/file.ts";
import { EventStore, type LogError } from "../../src/effects/log/store.ts";
import type { AttachmentEvent } from "../../src/machines/event.ts";
import { newFolder, streamId } from "./stores.ts";

/** The stream. */
export const id = streamId();
export const DEL: AttachmentEvent = { type: "DEL" };
export const DONE: AttachmentEvent = { type: "del.succeeded" };

/** A log that is not there yet: `state` is its state directory, `file` the file of the stream. */
export const newStore = () => {
  const folder = newFolder();
  const state = `${folder.path}/state`;
  const file = `${state}/streams/net/c1/eth0/bridge.jsonl`;
  return { ...folder, state, file, layer: fileEventStore(state) };
};

export const open = Effect.flatMap(EventStore, (store) => store.open(id));
/** Opens, appends, closes. */
export const append = (...events: readonly AttachmentEvent[]) =>
  Effect.scoped(Effect.flatMap(open, (stream) => stream.append(events)));
/** Why that fails. */
export const failToAppend = (...events: readonly AttachmentEvent[]): Effect.Effect<LogError, unknown, EventStore> =>
  Effect.flip(append(...events));
/** The types of the events in the stream. */
export const typesNow = Effect.scoped(Effect.map(open, ({ records }) => records.map(({ event }) => event.type)));
