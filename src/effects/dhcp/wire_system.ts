/** Links in the namespaces of this machine, spoken on through packet sockets. A socket is open only as long as somebody speaks. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { DhcpPlace } from "../../machines/dhcp_event.ts";
import { type Link, NetnsError } from "../kernel/host.ts";
import { openAt, type OpenNetns } from "../kernel/linux/netns.ts";
import { RTNLGRP, untilSettled } from "../kernel/linux/rtnetlink/events.ts";
import { setLink } from "../kernel/linux/rtnetlink/link.ts";
import { linkByName } from "../kernel/linux/rtnetlink/link_look.ts";
import { SystemError } from "../libc/errno.ts";
import { holdPort, openPacketSocket, receivePacket, sendPacket } from "../libc/packet.ts";
import { Poller, POLLIN } from "../libc/poller.ts";
import { close } from "../libc/sockets.ts";
import { decodeDatagram, encodeDatagram } from "./datagram.ts";
import { CLIENT_PORT, type DhcpPort, DhcpWire, type Heard, samePlace, WireError } from "./wire.ts";

/** How long the carrier of a link is waited for that has just been set up, in milliseconds: DISCOVER is said again anyway. */
const CARRIER_MS = 1_000;

/** So many packets that are of no use are read before others have their turn: a link may be flooded. */
const MOST_AT_ONCE = 64;

/** Errnos that mean that the link or its namespace has gone. */
const GONE: ReadonlySet<string> = new Set(["ENODEV", "ENXIO", "ENOENT"]);

const placeName = (netns: string, ifName: string): string => `"${ifName}" in "${netns}"`;

const wireError = (netns: string, ifName: string) => (cause: unknown): WireError => {
  if (cause instanceof WireError) return cause;
  const place = placeName(netns, ifName);
  const isGone = (cause instanceof NetnsError && cause.reason !== "unreadable") ||
    (cause instanceof SystemError && GONE.has(cause.errno));
  return new WireError({
    place,
    reason: isGone ? "gone" : "io",
    detail: cause instanceof Error ? cause.message : String(cause),
  });
};

const placeOf = (netns: string, side: OpenNetns, { name, mac }: Link): DhcpPlace => ({
  netns,
  cookie: side.identity.cookie,
  ifName: name,
  mac,
});

/** The link; throws where there is none that could be spoken on. */
function linkIn(side: OpenNetns, netns: string, ifName: string): Link {
  const link = linkByName(side.route, ifName);
  const fault = link === null
    ? "there is no such link"
    : /^(..:){5}..$/.test(link.mac)
    ? null
    : "it is no Ethernet link";
  if (link !== null && fault === null) return link;
  throw new WireError({ place: placeName(netns, ifName), reason: "gone", detail: fault ?? "" });
}

/** Runs `use` with an open namespace; its failures become typed. */
const inNetns = <A>(prefix: string, netns: string, ifName: string, use: (side: OpenNetns) => A) =>
  Effect.try({
    try: () => {
      const side = openAt(`${prefix}${netns}`);
      try {
        return use(side);
      } finally {
        side.close();
      }
    },
    catch: wireError(netns, ifName),
  });

/** Sets the link up where it is down, and waits for its carrier. */
const bringUp = (side: OpenNetns, netns: string, ifName: string): Effect.Effect<Link, WireError> =>
  Effect.gen(function* () {
    const failed = wireError(netns, ifName);
    const isUp = (link: Link) => link.operState === "up" || link.operState === "unknown";
    const link = yield* Effect.try({ try: () => linkIn(side, netns, ifName), catch: failed });
    if (link.up && isUp(link)) return link;
    yield* Effect.try({ try: () => link.up ? undefined : setLink(side.route, ifName, { up: true }), catch: failed });
    const look = () => {
      const now = linkIn(side, netns, ifName);
      return isUp(now) ? now : null;
    };
    const settled = yield* Effect.tryPromise({
      try: (signal) => untilSettled(side, RTNLGRP.LINK, CARRIER_MS, look, signal),
      catch: failed,
    });
    return settled ?? link;
  });

/** Sockets of an open link: the second keeps the kernel from answering in our place, where nobody else has the port. */
const openSockets = (side: OpenNetns, link: Link): readonly number[] =>
  side.run(() => {
    const packets = openPacketSocket(link.index, CLIENT_PORT);
    try {
      return [packets, holdPort(link.name, CLIENT_PORT)];
    } catch {
      return [packets];
    }
  });

/** Waits until the next datagram has come; what is none is passed over. */
const receive = (
  poller: Poller,
  fd: number,
  failed: (cause: unknown) => WireError,
): Effect.Effect<Heard, WireError> => {
  const ready = Effect.callback<void>((resume) => {
    poller.watch(fd, POLLIN, () => resume(Effect.void));
    return Effect.sync(() => poller.unwatch(fd));
  });
  const read = Effect.try({
    try: (): Heard | null => {
      for (let count = 0; count < MOST_AT_ONCE; count++) {
        const found = receivePacket(fd);
        if (found === null) return null;
        const datagram = decodeDatagram(found.packet);
        if (datagram !== null) return { datagram, from: found.from };
      }
      return null;
    },
    catch: failed,
  });
  return Effect.gen(function* () {
    for (;;) {
      const heard = yield* read;
      if (heard !== null) return heard;
      yield* ready;
    }
  });
};

const openPort = (poller: Poller, prefix: string, netns: string, ifName: string, isUpWanted: boolean) =>
  Effect.gen(function* () {
    const failed = wireError(netns, ifName);
    const opened = Effect.acquireUseRelease(
      Effect.try({ try: () => openAt(`${prefix}${netns}`), catch: failed }),
      (side) =>
        Effect.gen(function* () {
          const link = isUpWanted
            ? yield* bringUp(side, netns, ifName)
            : yield* Effect.try({ try: () => linkIn(side, netns, ifName), catch: failed });
          const sockets = yield* Effect.try({ try: () => openSockets(side, link), catch: failed });
          return { sockets, link, place: placeOf(netns, side, link) };
        }),
      (side) => Effect.sync(() => side.close()),
    );
    const release = ({ sockets }: { readonly sockets: readonly number[] }) =>
      Effect.sync(() => {
        for (const fd of sockets) {
          poller.unwatch(fd);
          close(fd);
        }
      });
    const { sockets: [fd = -1], link, place } = yield* Effect.acquireRelease(opened, release);
    const port: DhcpPort = {
      place,
      send: (datagram, mac) =>
        Effect.try({ try: () => sendPacket(fd, encodeDatagram(datagram), link.index, mac), catch: failed }),
      receive: receive(poller, fd, failed),
    };
    return port;
  });

/** Which files namespaces are found by: those that plugins name, below the folder that the host's root is mounted at. */
export interface SystemWireOptions {
  /** Put before every path of a namespace; empty where the daemon sees the host's files as they are. */
  readonly hostPrefix: string;
}

/** The links of this machine. Needs CAP_NET_ADMIN, CAP_NET_RAW, and CAP_SYS_ADMIN to enter namespaces. */
export const systemWire = ({ hostPrefix }: SystemWireOptions): Layer.Layer<DhcpWire> =>
  Layer.effect(
    DhcpWire,
    Effect.gen(function* () {
      const poller = yield* Effect.acquireRelease(
        Effect.sync(() => new Poller()),
        (poller) => Effect.promise(() => poller.close()),
      );
      return DhcpWire.of({
        open: (netns, ifName, { bringUp }) => openPort(poller, hostPrefix, netns, ifName, bringUp),
        look: (netns, ifName) =>
          inNetns(hostPrefix, netns, ifName, (side) => placeOf(netns, side, linkIn(side, netns, ifName))),
        halt: (place) =>
          inNetns(hostPrefix, place.netns, place.ifName, (side) => {
            const now = placeOf(place.netns, side, linkIn(side, place.netns, place.ifName));
            if (samePlace(now, place)) setLink(side.route, place.ifName, { up: false });
          }),
      });
    }),
  );
