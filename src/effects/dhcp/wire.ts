/** The link that a DHCP client speaks on, as a service. Implementations: `wire_system.ts` (packet sockets) and `wire_memory.ts`. */
import * as Context from "effect/Context";
import * as Data from "effect/Data";
import type * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type { DhcpPlace } from "../../machines/dhcp_event.ts";
import type { Datagram } from "./datagram.ts";

/** Ports of servers and clients (RFC 2131, 4.1). */
export const SERVER_PORT = 67;
export const CLIENT_PORT = 68;

/** The link could not be spoken on. */
export class WireError extends Data.TaggedError("WireError")<{
  /** Where: namespace and link. */
  readonly place: string;
  /** "gone": the namespace or the link is not there, or is another by now. */
  readonly reason: "gone" | "io";
  /** The system's words. */
  readonly detail: string;
}> {
  /** Which link, and what is wrong with it. */
  override get message(): string {
    return `Cannot speak DHCP on ${this.place}: ${this.detail}`;
  }
}

/** What was heard. */
export interface Heard {
  readonly datagram: Datagram;
  /** Ethernet address of the sender, or of the router on the way. */
  readonly from: string;
}

/** An open link. */
export interface DhcpPort {
  readonly place: DhcpPlace;
  /** Sends a datagram to an Ethernet address. */
  readonly send: (datagram: Datagram, mac: string) => Effect.Effect<void, WireError>;
  /** Waits for the next datagram that comes for the client's port. */
  readonly receive: Effect.Effect<Heard, WireError>;
}

/** Opens links. `netns` is a path as plugins know it. */
export class DhcpWire extends Context.Service<DhcpWire, {
  /** Opens a link. With `bringUp` it is set up where it is down, and its carrier is waited for a little. */
  readonly open: (
    netns: string,
    ifName: string,
    how: { readonly bringUp: boolean },
  ) => Effect.Effect<DhcpPort, WireError, Scope.Scope>;
  /** Which link this is now; fails with "gone" where there is none. */
  readonly look: (netns: string, ifName: string) => Effect.Effect<DhcpPlace, WireError>;
  /** Sets a link down whose address must not be used any more; one that is another by now is left alone. */
  readonly halt: (place: DhcpPlace) => Effect.Effect<void, WireError>;
}>()("cleat/DhcpWire") {}

/** Whether a place is still the one that was written down. */
export const samePlace = (a: DhcpPlace, b: DhcpPlace): boolean =>
  a.cookie === b.cookie && a.ifName === b.ifName && a.mac === b.mac;
