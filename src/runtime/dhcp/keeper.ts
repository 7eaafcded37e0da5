/** The leases that a daemon keeps: each is got, renewed and given back by a fiber of its own, and is in the book. */
import * as Clock from "effect/Clock";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Fiber from "effect/Fiber";
import * as Scope from "effect/Scope";
import { LeaseBook } from "../../effects/dhcp/book.ts";
import type { HeldLease } from "../../effects/dhcp/rpc.ts";
import { DhcpWire, samePlace } from "../../effects/dhcp/wire.ts";
import { Origin } from "../../effects/origin.ts";
import { notice } from "../../engine/notice.ts";
import type { DhcpEvent, DhcpPlace, DhcpSpeech, DhcpTerms } from "../../machines/dhcp_event.ts";
import { type DhcpSnapshot, evolveLease, noLease } from "../../machines/dhcp_lease.ts";
import { type AttachmentKey, attachmentName } from "../../spec/key.ts";
import { acquire, type DhcpManner, give, NoLease } from "./client.ts";
import { maintain } from "./maintain.ts";

/** Everything a lease needs around it. */
export type KeeperNeeds = DhcpWire | LeaseBook | Origin;

/** A request for a lease. */
export interface Wanted {
  readonly key: AttachmentKey;
  readonly netns: string;
  readonly speech: DhcpSpeech;
}

/** A lease that is kept, or being got. */
interface Entry {
  readonly key: AttachmentKey;
  snapshot: DhcpSnapshot;
  /** What is done for it. */
  fiber: Fiber.Fiber<void> | null;
  /** Ends when the lease is there, or cannot be had. */
  readonly first: Deferred.Deferred<DhcpTerms, NoLease>;
  /** Ends when it was given back; absent before anybody has asked. */
  ended?: Deferred.Deferred<void>;
}

const nameOf = ({ network, containerId, ifName }: AttachmentKey): string =>
  JSON.stringify([network, containerId, ifName]);

const newEntry = (key: AttachmentKey, events: readonly DhcpEvent[] = []): Entry => ({
  key,
  snapshot: events.reduce(evolveLease, noLease),
  fiber: null,
  first: Deferred.makeUnsafe(),
});

const boundOf = ({ snapshot }: Entry) => snapshot.context.bound;

const uptimeMs = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos / 1_000_000n));

/** Events with their times as the clock of this daemon has them: that of the last may have been set since. */
const inTimeOf = (events: readonly DhcpEvent[]): Effect.Effect<readonly DhcpEvent[]> =>
  Effect.gen(function* () {
    const startedAt = (yield* Clock.currentTimeMillis) - (yield* uptimeMs);
    return events.map((event) =>
      event.type === "bound" && event.uptime !== undefined
        ? { ...event, terms: movedBy(event.terms, startedAt + event.uptime - event.terms.since) }
        : event
    );
  });

function movedBy(terms: DhcpTerms, ms: number): DhcpTerms {
  const moved = (at: number | null) => at === null ? null : at + ms;
  return {
    ...terms,
    since: terms.since + ms,
    renewAt: moved(terms.renewAt),
    rebindAt: moved(terms.rebindAt),
    expiresAt: moved(terms.expiresAt),
  };
}

/** The leases of one daemon. */
export class Keeper {
  readonly #entries = new Map<string, Entry>();
  readonly #scope: Scope.Scope;
  readonly #manner: DhcpManner;
  readonly #socket: string;

  /** `socket` is the path that plugins call it by. */
  constructor(scope: Scope.Scope, manner: DhcpManner, socket: string) {
    this.#scope = scope;
    this.#manner = manner;
    this.#socket = socket;
  }

  /**
   * The lease of an attachment: the one that is kept, or a new one. Nobody waits for servers where there is one, and who
   * asks while it is being got waits for the same. Ends with `NoLease`.
   */
  allocate(wanted: Wanted): Effect.Effect<DhcpTerms, NoLease, KeeperNeeds> {
    return Effect.gen({ self: this }, function* () {
      for (;;) {
        const entry = this.#entries.get(nameOf(wanted.key));
        if (entry === undefined) return yield* Deferred.await((yield* this.#begin(wanted)).first);
        if (entry.ended !== undefined) yield* Deferred.await(entry.ended);
        else if (yield* this.#isElsewhere(entry, wanted)) yield* this.#end(entry, false);
        else return boundOf(entry)?.terms ?? (yield* Deferred.await(entry.first));
      }
    });
  }

  /** Gives a lease back. Whoever does not know it, or is not heard, has nothing to give. */
  release(key: AttachmentKey): Effect.Effect<void, never, KeeperNeeds> {
    return Effect.suspend(() => {
      const entry = this.#entries.get(nameOf(key));
      if (entry === undefined) return Effect.void;
      return entry.ended === undefined ? this.#end(entry, true) : Deferred.await(entry.ended);
    });
  }

  /** The leases of a network; with a container and an interface, those of that attachment. */
  held(network: string, containerId = "", ifName = ""): readonly HeldLease[] {
    return [...this.#entries.values()].flatMap((entry) => {
      const { key, ended } = entry;
      const bound = boundOf(entry);
      const isAsked = key.network === network && (containerId === "" || key.containerId === containerId) &&
        (ifName === "" || key.ifName === ifName);
      if (!isAsked || bound === null || ended !== undefined) return [];
      return [{ containerId: key.containerId, ifName: key.ifName, address: bound.terms.address }];
    });
  }

  /**
   * Goes on with the leases in the book, without asking for them again. Those of an earlier boot are over; those of a
   * daemon with another socket are not touched.
   */
  readonly resume: Effect.Effect<void, never, KeeperNeeds> = Effect.gen({ self: this }, function* () {
    const { boot } = yield* Origin;
    const book = yield* LeaseBook;
    const booked = yield* Effect.catch(book.read, ({ message }) => Effect.as(notice(message), []));
    for (const { key, events } of booked) {
      const entry = newEntry(key, yield* inTimeOf(events));
      const bound = boundOf(entry);
      if ((bound?.socket ?? this.#socket) !== this.#socket) continue;
      if (bound === null || bound.boot !== boot) {
        yield* this.#write(key, { type: "lost", why: "the host was rebooted" });
        continue;
      }
      this.#entries.set(nameOf(key), entry);
      yield* Deferred.succeed(entry.first, bound.terms);
      entry.fiber = yield* Effect.forkIn(this.#keep(entry), this.#scope);
    }
  });

  #begin(wanted: Wanted): Effect.Effect<Entry, never, KeeperNeeds> {
    return Effect.gen({ self: this }, function* () {
      const entry = newEntry(wanted.key);
      this.#entries.set(nameOf(wanted.key), entry);
      entry.fiber = yield* Effect.forkIn(Effect.andThen(this.#get(entry, wanted), this.#keep(entry)), this.#scope);
      return entry;
    });
  }

  /** Whether the lease is one of another link than the caller's: the container was made anew under the same name. */
  #isElsewhere(entry: Entry, { netns }: Wanted): Effect.Effect<boolean, never, KeeperNeeds> {
    const place = boundOf(entry)?.place;
    if (place === undefined) return Effect.succeed(false);
    return Effect.gen(function* () {
      const wire = yield* DhcpWire;
      return yield* Effect.match(wire.look(netns, place.ifName), {
        onSuccess: (now) => !samePlace(now, place),
        onFailure: ({ reason }) => reason === "gone",
      });
    });
  }

  /** Gets the lease and writes it down; whoever waits for it is told how that ended. */
  #get(entry: Entry, { netns, speech }: Wanted): Effect.Effect<void, never, KeeperNeeds> {
    const got = Effect.scoped(Effect.gen({ self: this }, function* () {
      const wire = yield* DhcpWire;
      const port = yield* wire.open(netns, entry.key.ifName, { bringUp: true });
      const granted = acquire(port, speech, this.#manner);
      return yield* Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(
          restore(granted),
          (terms) => this.#note(entry, port.place, speech, terms),
        )
      );
    }));
    return Effect.gen({ self: this }, function* () {
      const exit = yield* Effect.exit(Effect.mapError(got, (error) => new NoLease({ why: error.message })));
      if (Exit.isFailure(exit) && this.#entries.get(nameOf(entry.key)) === entry && entry.ended === undefined) {
        this.#entries.delete(nameOf(entry.key));
      }
      yield* Deferred.done(entry.first, exit);
    });
  }

  /** Writes a grant down. Where the book cannot be written the lease is good all the same, until the daemon ends. */
  #note(entry: Entry, place: DhcpPlace, speech: DhcpSpeech, terms: DhcpTerms) {
    return Effect.gen({ self: this }, function* () {
      const { boot } = yield* Origin;
      const uptime = (yield* uptimeMs) - ((yield* Clock.currentTimeMillis) - terms.since);
      const event: DhcpEvent = { type: "bound", boot, place, speech, terms, uptime, socket: this.#socket };
      entry.snapshot = evolveLease(entry.snapshot, event);
      yield* this.#write(entry.key, event);
      const until = terms.expiresAt === null ? "for ever" : `until ${new Date(terms.expiresAt).toISOString()}`;
      yield* notice(`${attachmentName(entry.key)} has ${terms.address} of ${terms.server} ${until}`);
      return terms;
    });
  }

  #write(key: AttachmentKey, event: DhcpEvent): Effect.Effect<void, never, LeaseBook> {
    return Effect.gen(function* () {
      const book = yield* LeaseBook;
      yield* Effect.catch(book.write(key, event), ({ message }) => notice(message));
    });
  }

  /** Keeps a lease for as long as it can be kept, and crosses it out then. */
  #keep(entry: Entry): Effect.Effect<void, never, KeeperNeeds> {
    return Effect.gen({ self: this }, function* () {
      const bound = boundOf(entry);
      if (bound === null) return;
      const why = yield* maintain({
        snapshot: () => entry.snapshot,
        hear: (event) => {
          entry.snapshot = evolveLease(entry.snapshot, event);
        },
        note: (place, speech, terms) => this.#note(entry, place, speech, terms),
        manner: this.#manner,
        name: attachmentName(entry.key),
      });
      yield* Effect.uninterruptible(Effect.gen({ self: this }, function* () {
        if (entry.ended === undefined) this.#entries.delete(nameOf(entry.key));
        yield* this.#write(entry.key, { type: "lost", why });
        yield* notice(`${attachmentName(entry.key)} has lost ${bound.terms.address}: ${why}`);
      }));
    });
  }

  /** Ends what is done for a lease, tells the server if that is wanted, and crosses it out. */
  #end(entry: Entry, tellServer: boolean): Effect.Effect<void, never, KeeperNeeds> {
    const ended = entry.ended = Deferred.makeUnsafe<void>();
    return Effect.uninterruptible(Effect.gen({ self: this }, function* () {
      if (entry.fiber !== null) yield* Fiber.interrupt(entry.fiber);
      yield* Deferred.fail(entry.first, new NoLease({ why: "the attachment was deleted meanwhile" }));
      const bound = boundOf(entry);
      if (bound !== null && entry.snapshot.value !== "lost") {
        if (tellServer) yield* this.#tell(entry.key, bound.place, bound.speech, bound.terms);
        yield* this.#write(entry.key, { type: "released" });
      }
      if (this.#entries.get(nameOf(entry.key)) === entry) this.#entries.delete(nameOf(entry.key));
      yield* Deferred.succeed(ended, undefined);
    }));
  }

  /** RELEASE, where the link is still there: without it the server waits until the lease has expired. */
  #tell(key: AttachmentKey, place: DhcpPlace, speech: DhcpSpeech, terms: DhcpTerms) {
    return Effect.gen(function* () {
      const wire = yield* DhcpWire;
      const port = yield* wire.open(place.netns, place.ifName, { bringUp: false });
      if (samePlace(port.place, place)) yield* give(port, speech, terms);
    }).pipe(
      Effect.scoped,
      Effect.catch(({ message }) =>
        notice(`${attachmentName(key)} could not tell ${terms.server} that ${terms.address} is free: ${message}`)
      ),
    );
  }
}
