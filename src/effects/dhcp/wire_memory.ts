/** Links in memory with a DHCP server behind them: the twin of `wire_system.ts`. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Queue from "effect/Queue";
import type { DhcpPlace } from "../../machines/dhcp_event.ts";
import { decodeMessage, type DhcpMessage, encodeMessage } from "./message.ts";
import type { Datagram } from "./datagram.ts";
import { CLIENT_PORT, DhcpWire, type Heard, samePlace, SERVER_PORT, WireError } from "./wire.ts";

/** Something a client has said: the message, and the datagram and Ethernet address it went to. */
export interface Said {
  readonly message: DhcpMessage;
  readonly datagram: Datagram;
  readonly mac: string;
}

/** What is behind the links: answers to what a client says; none for silence. */
export type Server = (said: Said) => readonly DhcpMessage[];

/** The links, and what tests do to them. */
export interface MemoryWire {
  readonly layer: Layer.Layer<DhcpWire>;
  /** Everything that was said, the oldest first. */
  readonly said: readonly Said[];
  /** Links that were set down, as `<netns>/<link>`. */
  readonly halted: readonly string[];
  /** Ethernet addresses that something was said to once more. */
  readonly echoed: readonly string[];
  /** How many links are open now. */
  readonly opened: () => number;
  /** Puts a link there, or another in its place. */
  readonly addLink: (netns: string, ifName: string, mac: string) => void;
  readonly removeLink: (netns: string, ifName: string) => void;
  /** What answers from now on. */
  readonly serve: (server: Server) => void;
}

/** The Ethernet address that the server answers from. */
export const SERVER_MAC = "02:00:00:00:00:fe";

const gone = (place: string): WireError =>
  new WireError({ place: `"${place}"`, reason: "gone", detail: "there is no such link" });

/** Links in memory; there are none at first, and nobody answers. */
export const memoryWire = (): MemoryWire => {
  const places = new Map<string, DhcpPlace>();
  const said: Said[] = [];
  const halted: string[] = [];
  const echoed: string[] = [];
  let opened = 0;
  let server: Server = () => [];
  let cookies = 0;
  const nameOf = (netns: string, ifName: string) => `${netns}/${ifName}`;
  const placeAt = (netns: string, ifName: string) =>
    Effect.suspend(() => {
      const name = nameOf(netns, ifName);
      const place = places.get(name);
      return place === undefined ? Effect.fail(gone(name)) : Effect.succeed(place);
    });
  const answersTo = (datagram: Datagram, mac: string): readonly Heard[] => {
    const message = decodeMessage(datagram.payload);
    if (message === null) return [];
    const one = { message, datagram, mac };
    const last = said.at(-1);
    // What is said to one and then to everybody is heard once.
    if (
      last !== undefined && last.mac !== mac && last.message.xid === message.xid && last.datagram.to === datagram.to
    ) {
      echoed.push(mac);
      return [];
    }
    said.push(one);
    return server(one).map((answer): Heard => ({
      from: SERVER_MAC,
      datagram: {
        from: "192.0.2.1",
        fromPort: SERVER_PORT,
        to: answer.yiaddr,
        toPort: CLIENT_PORT,
        payload: encodeMessage(answer),
      },
    }));
  };
  return {
    layer: Layer.succeed(DhcpWire)({
      open: (netns, ifName) =>
        Effect.gen(function* () {
          const place = yield* placeAt(netns, ifName);
          yield* Effect.acquireRelease(Effect.sync(() => opened++), () => Effect.sync(() => opened--));
          const heard = yield* Queue.unbounded<Heard>();
          return {
            place,
            send: (datagram, mac) =>
              Effect.andThen(placeAt(netns, ifName), Effect.asVoid(Queue.offerAll(heard, answersTo(datagram, mac)))),
            receive: Queue.take(heard),
          };
        }),
      look: placeAt,
      halt: (place) =>
        Effect.map(placeAt(place.netns, place.ifName), (now) => {
          if (samePlace(now, place)) halted.push(nameOf(place.netns, place.ifName));
        }),
    }),
    said,
    halted,
    echoed,
    opened: () => opened,
    addLink: (netns, ifName, mac) =>
      void places.set(nameOf(netns, ifName), { netns, cookie: `${++cookies}`, ifName, mac }),
    removeLink: (netns, ifName) => void places.delete(nameOf(netns, ifName)),
    serve: (next) => {
      server = next;
    },
  };
};
