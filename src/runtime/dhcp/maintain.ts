/** Keeping one lease: waiting for its deadlines, and asking for more time (RFC 2131, 4.4.5). */
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import { type DhcpPort, DhcpWire, samePlace, type WireError } from "../../effects/dhcp/wire.ts";
import type { LeaseBook } from "../../effects/dhcp/book.ts";
import type { Origin } from "../../effects/origin.ts";
import { notice } from "../../engine/notice.ts";
import type { DhcpPlace, DhcpSpeech, DhcpTerms } from "../../machines/dhcp_event.ts";
import { type DhcpLeaseEvent, type DhcpSnapshot, type DhcpStep, stepOf } from "../../machines/dhcp_lease.ts";
import { addressOf } from "../../spec/cidr.ts";
import { acquire, type DhcpManner, give, renew } from "./client.ts";

/** A lease from the outside. */
export interface Kept {
  /** How it stands now. */
  readonly snapshot: () => DhcpSnapshot;
  /** Moves it. */
  readonly hear: (event: DhcpLeaseEvent) => void;
  /** Writes a new grant down, and moves it. */
  readonly note: (
    place: DhcpPlace,
    speech: DhcpSpeech,
    terms: DhcpTerms,
  ) => Effect.Effect<DhcpTerms, never, LeaseBook | Origin>;
  readonly manner: DhcpManner;
  /** How it is called in notices. */
  readonly name: string;
}

/** Between two looks at the link, in milliseconds: containers end without a word. */
const LONGEST_SLEEP_MS = 3_600_000;

type Bound = NonNullable<DhcpSnapshot["context"]["bound"]>;

/** How one turn ended: with the reason why the lease is over, or null to go on. `halt`: the address must not be used. */
type Turn = { readonly why: string; readonly halt: boolean } | null;

/** Takes care of a lease until it is over, and answers why it is. The link is set down where its address must not be used. */
export const maintain = (kept: Kept): Effect.Effect<string, never, DhcpWire | LeaseBook | Origin> =>
  Effect.gen(function* () {
    const wire = yield* DhcpWire;
    for (;;) {
      const { bound } = kept.snapshot().context;
      if (bound === null) return "nothing was granted";
      const over = yield* turn(kept, bound);
      if (over === null) continue;
      kept.hear({ type: "lost", why: over.why });
      if (over.halt) yield* Effect.catch(wire.halt(bound.place), ({ message }) => notice(message));
      return over.why;
    }
  });

const turn = (kept: Kept, bound: Bound): Effect.Effect<Turn, never, DhcpWire | LeaseBook | Origin> =>
  Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis;
    kept.hear({ type: "time", now });
    const step = stepOf(kept.snapshot(), now);
    if (step.do === "end") return { why: step.why, halt: true };
    const gone = yield* isGone(bound.place);
    if (gone !== null) return { why: gone, halt: false };
    if (step.do !== "wait") return yield* ask(kept, bound, step);
    const left = step.until === null ? LONGEST_SLEEP_MS : step.until - now;
    yield* Effect.sleep(Math.min(Math.max(left, 0), LONGEST_SLEEP_MS));
    return null;
  });

/** Why a link cannot be the one any more that the lease is for; null while it is, or there is no telling. */
const isGone = (place: DhcpPlace) =>
  Effect.gen(function* () {
    const wire = yield* DhcpWire;
    return yield* Effect.match(wire.look(place.netns, place.ifName), {
      onSuccess: (now) => samePlace(now, place) ? null : "another link has its place",
      onFailure: ({ reason, detail }) => reason === "gone" ? `its link is gone (${detail})` : null,
    });
  });

type Asking = Extract<DhcpStep, { readonly do: "renew" | "rebind" }>;

/** Asks for more time once, and waits until it is time to ask again. The namespace is open while an answer may come. */
const ask = (kept: Kept, bound: Bound, step: Asking) =>
  Effect.gen(function* () {
    const { place, speech, terms } = bound;
    const left = Math.max(1, step.retryAt - (yield* Clock.currentTimeMillis));
    const once = Effect.scoped(Effect.gen(function* () {
      const wire = yield* DhcpWire;
      const port = yield* wire.open(place.netns, place.ifName, { bringUp: false });
      const answer = yield* renew(port, speech, terms, step.do, Math.min(left, kept.manner.timeoutMs));
      if (answer === null) return "unheard";
      if (!("refused" in answer)) return yield* granted(kept, bound, answer);
      yield* notice(`${kept.name} is refused more time for ${terms.address}: ${answer.refused}`);
      return yield* again(kept, bound, port);
    }));
    const ended = yield* Effect.catch(
      once,
      (error: WireError) => Effect.as(notice(`${kept.name} cannot ask for more time: ${error.message}`), "unheard"),
    );
    return typeof ended === "string" ? yield* waitUntil(place, step.retryAt) : ended;
  });

/** Waits until then, or until the link has gone. */
const waitUntil = (place: DhcpPlace, at: number): Effect.Effect<Turn, never, DhcpWire> =>
  Effect.gen(function* () {
    for (;;) {
      const left = at - (yield* Clock.currentTimeMillis);
      if (left <= 0) return null;
      yield* Effect.sleep(Math.min(left, LONGEST_SLEEP_MS));
      const gone = yield* isGone(place);
      if (gone !== null) return { why: gone, halt: false };
    }
  });

const granted = (kept: Kept, { place, speech, terms }: Bound, more: DhcpTerms) =>
  Effect.uninterruptible(Effect.gen(function* () {
    const same = JSON.stringify([terms.address, terms.gateway, terms.routes]) ===
      JSON.stringify([more.address, more.gateway, more.routes]);
    if (!same) {
      yield* notice(`${kept.name} keeps the prefix, gateway and routes it was made with: the server tells others`);
    }
    yield* kept.note(place, speech, more);
    return null;
  }));

/** A server that has forgotten the lease may grant the same address anew; any other is of no use on a link that has one. */
const again = (kept: Kept, bound: Bound, port: DhcpPort): Effect.Effect<Turn, WireError, LeaseBook | Origin> =>
  Effect.gen(function* () {
    const more = yield* Effect.catchTag(
      acquire(port, bound.speech, kept.manner),
      "NoLease",
      ({ why }) => Effect.succeed(why),
    );
    if (typeof more === "string") return { why: `the server has refused it, and then: ${more}`, halt: true };
    if (addressOf(more.address) === addressOf(bound.terms.address)) return yield* granted(kept, bound, more);
    yield* give(port, bound.speech, more);
    return { why: `the server has refused it, and grants ${more.address} instead`, halt: true };
  });
