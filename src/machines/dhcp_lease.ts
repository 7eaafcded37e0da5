/** The life of a DHCP lease as a statechart (RFC 2131, figure 5), from the first grant on. Time comes in as an event. */
import { assign, initialTransition, setup, type SnapshotFrom, transition } from "xstate";
import type { DhcpEvent, DhcpTerms } from "./dhcp_event.ts";

/** What the machine hears: facts, and that it is a certain time. */
export type DhcpLeaseEvent = DhcpEvent | { readonly type: "time"; readonly now: number };

/** What it knows besides its state. */
interface DhcpContext {
  /** The last grant. */
  readonly bound: Extract<DhcpEvent, { readonly type: "bound" }> | null;
  /** Why it was lost. */
  readonly why: string;
}

const isPast = (at: number | null | undefined, event: DhcpLeaseEvent): boolean =>
  event.type === "time" && typeof at === "number" && event.now >= at;

const machine = setup({
  types: { context: {} as DhcpContext, events: {} as DhcpLeaseEvent },
  guards: {
    isOver: ({ context, event }) => isPast(context.bound?.terms.expiresAt, event),
    isT2: ({ context, event }) => isPast(context.bound?.terms.rebindAt, event),
    isT1: ({ context, event }) => isPast(context.bound?.terms.renewAt, event),
  },
  actions: {
    grant: assign(({ event }) => event.type === "bound" ? { bound: event } : {}),
    expire: assign({ why: "it has expired, and no server has answered" }),
    lose: assign(({ event }) => event.type === "lost" ? { why: event.why } : {}),
  },
});

const facts = {
  bound: { target: "bound", actions: "grant" },
  lost: { target: "lost", actions: "lose" },
  released: "released",
} as const;

const over = { guard: "isOver", target: "lost", actions: "expire" } as const;
const rebind = { guard: "isT2", target: "rebinding" } as const;

const dhcpLease = machine.createMachine({
  id: "dhcpLease",
  context: { bound: null, why: "" },
  initial: "init",
  states: {
    init: { on: facts },
    bound: { on: { ...facts, time: [over, rebind, { guard: "isT1", target: "renewing" }] } },
    renewing: { on: { ...facts, time: [over, rebind] } },
    rebinding: { on: { ...facts, time: over } },
    lost: { on: { released: "released" } },
    released: { type: "final" },
  },
});

/** A state of the machine with its context. */
export type DhcpSnapshot = SnapshotFrom<typeof dhcpLease>;

/** Before anything was granted. */
export const noLease: DhcpSnapshot = initialTransition(dhcpLease)[0];

/** The state after an event; one that cannot happen in this state changes nothing. */
export const evolveLease = (snapshot: DhcpSnapshot, event: DhcpLeaseEvent): DhcpSnapshot =>
  transition(dhcpLease, snapshot, event)[0];

/** What is to be done next, and when: null for never. */
export type DhcpStep =
  | { readonly do: "wait"; readonly until: number | null }
  /** Ask, at most until then; where nobody has answered by `retryAt`, ask again. */
  | { readonly do: "renew" | "rebind"; readonly until: number; readonly retryAt: number }
  | { readonly do: "end"; readonly why: string };

/** Shortest pause between two requests of a renewal, in milliseconds (RFC 2131, 4.4.5), where so much time is left. */
const SHORTEST_PAUSE_MS = 60_000;

/** Half of the time that is left, but at least a minute; all of it where there is no more than that (RFC 2131, 4.4.5). */
const retryAt = (now: number, until: number): number => {
  const left = until - now;
  return now + Math.max(left / 2, Math.min(left, SHORTEST_PAUSE_MS));
};

const ask = (how: "renew" | "rebind", until: number | null, now: number): DhcpStep =>
  until === null ? { do: "wait", until: null } : { do: how, until, retryAt: retryAt(now, until) };

/**
 * What a lease in this state needs at this time, after the machine has heard the time.
 *
 * @example
 * ```ts
 * import { evolveLease, noLease, stepOf } from "./dhcp_lease.ts";
 * const terms = {
 *   address: "192.0.2.5/24", routes: [], server: "192.0.2.1", serverMac: "02:00:00:00:00:01",
 *   since: 0, renewAt: 50, rebindAt: 80, expiresAt: 100,
 * };
 * const place = { netns: "/run/netns/c1", cookie: "7", ifName: "eth0", mac: "02:00:00:00:00:02" };
 * const speech = { clientId: "00", options: {}, priority: 0 };
 * const bound = evolveLease(noLease, { type: "bound", boot: "b", place, speech, terms });
 * if (stepOf(bound, 10).do !== "wait") throw new Error("T1 has not come");
 * const late = evolveLease(bound, { type: "time", now: 80 });
 * if (late.value !== "rebinding" || stepOf(late, 80).do !== "rebind") throw new Error("T2 is over");
 * ```
 */
export function stepOf(snapshot: DhcpSnapshot, now: number): DhcpStep {
  const terms: DhcpTerms | undefined = snapshot.context.bound?.terms;
  if (terms === undefined) return { do: "end", why: "nothing was granted" };
  switch (snapshot.value) {
    case "bound":
      return { do: "wait", until: terms.renewAt };
    case "renewing":
      return ask("renew", terms.rebindAt, now);
    case "rebinding":
      return ask("rebind", terms.expiresAt, now);
    case "released":
      return { do: "end", why: "it was released" };
    default:
      return { do: "end", why: snapshot.context.why };
  }
}
