/** The daemon's book in memory: the twin of `book_system.ts`, which a daemon that is started again finds as it was. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { DhcpEvent } from "../../machines/dhcp_event.ts";
import type { AttachmentKey } from "../../spec/key.ts";
import { type Booked, BookError, LeaseBook } from "./book.ts";

/** A book, and what tests do to it. */
export interface MemoryBook {
  readonly layer: Layer.Layer<LeaseBook>;
  /** What stands in it. */
  readonly booked: () => readonly Booked[];
  /** The next writes fail, and nothing is written. */
  readonly failWrites: (fail: boolean) => void;
}

/** A new, empty book. Every use of the layer shares it. */
export const memoryBook = (): MemoryBook => {
  const books = new Map<string, { readonly key: AttachmentKey; readonly events: DhcpEvent[] }>();
  let fails = false;
  const write = (key: AttachmentKey, event: DhcpEvent): void => {
    const name = JSON.stringify([key.network, key.containerId, key.ifName]);
    if (event.type !== "bound") return void books.delete(name);
    const book = books.get(name) ?? { key, events: [] };
    book.events.push(event);
    books.set(name, book);
  };
  return {
    layer: Layer.succeed(LeaseBook)({
      read: Effect.sync(() => [...books.values()]),
      write: (key, event) =>
        Effect.suspend(() =>
          fails
            ? Effect.fail(new BookError({ doing: "write", path: "/memory", detail: "No space left on device" }))
            : Effect.sync(() => write(key, event))
        ),
    }),
    booked: () => [...books.values()],
    failWrites: (fail) => {
      fails = fail;
    },
  };
};
