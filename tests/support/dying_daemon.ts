/**
 * Many DHCP daemons in one process, each with a socket and a book of its own, that die by one SIGKILL: each stands still at
 * a point of its own until all have come to theirs. They are the argument; it says when all listen, and what one does that
 * is to live; and which point one has come to.
 */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Layer from "effect/Layer";
import * as Scope from "effect/Scope";
import { LeaseBook } from "../../src/effects/dhcp/book.ts";
import { bookIn } from "../../src/effects/dhcp/book_system.ts";
import type { Connection } from "../../src/effects/dhcp/connection.ts";
import { acceptAll, listenOn } from "../../src/effects/dhcp/listen_system.ts";
import { type DhcpPort, DhcpWire } from "../../src/effects/dhcp/wire.ts";
import { systemWire } from "../../src/effects/dhcp/wire_system.ts";
import { VERSION } from "../../src/effects/program.ts";
import { Notices } from "../../src/engine/notice.ts";
import { systemOrigin } from "../../src/effects/system.ts";
import { Keeper, type KeeperNeeds } from "../../src/runtime/dhcp/keeper.ts";
import { serve } from "../../src/runtime/dhcp/serve.ts";

/** One daemon. */
export interface DaemonJob {
  readonly socket: string;
  /** Folder of its book. */
  readonly state: string;
  /** The point at which it stands still, from 0: points 2n and 2n + 1 are before and after step n. Null: it does not. */
  readonly at: number | null;
}

/** As long as tests may wait: servers here answer at once. */
const MANNER = { timeoutMs: 2_000, resendMaxMs: 4_000, resendTimeoutMs: 8_000, broadcast: false };

/** How long all may take to come to their points, in milliseconds; then this ends as no process does that is killed. */
const LIMIT_MS = 60_000;

/** Told of every step as it is reached, and when it has been taken. */
type Watch = (step: string, when: "before" | "after") => Effect.Effect<void>;

const watching = (watch: Watch) => <A, E, R>(step: string, run: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    yield* watch(step, "before");
    const exit: Exit.Exit<A, E> = yield* Effect.exit(run);
    yield* watch(step, "after");
    return yield* exit;
  });

/** Where a message says for how many seconds there have been attempts (RFC 2131, 2). */
const SECS = [8, 10] as const;

/** A word that is said again, because the answer is late, is no step: how often that is depends on the clock. */
const saying = (port: DhcpPort, watch: Watch): DhcpPort => {
  let last = "";
  return {
    ...port,
    send: (datagram, mac) => {
      const words = Uint8Array.from(datagram.payload).fill(0, ...SECS).toHex();
      const isNew = words !== last;
      last = words;
      return isNew ? watching(watch)("send", port.send(datagram, mac)) : port.send(datagram, mac);
    },
  };
};

const say = (line: string): void => void Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));

/** The services of a daemon, and what it does with them that others see: the book, links, datagrams. */
const watched = (state: string, watch: Watch): Layer.Layer<KeeperNeeds> => {
  const taken = watching(watch);
  const book = bookIn(state);
  const wire = Layer.effect(DhcpWire)(Effect.map(DhcpWire, (real) => ({
    ...real,
    open: (netns, ifName, how) =>
      Effect.map(taken("open", real.open(netns, ifName, how)), (port) => saying(port, watch)),
    halt: (place) => taken("halt", real.halt(place)),
  })));
  return Layer.mergeAll(
    wire.pipe(Layer.provide(systemWire({ hostPrefix: "" }))),
    Layer.succeed(LeaseBook)({ ...book, write: (key, event) => taken("book", book.write(key, event)) }),
    systemOrigin(VERSION),
  );
};

/** What it answers is a step, too. */
const answering = (connection: Connection, watch: Watch): Connection => ({
  ...connection,
  write: (bytes) => watching(watch)("answer", connection.write(bytes)),
});

/** Serves until it has come to its point. */
const run = ({ socket, state, at }: DaemonJob, listens: () => void, arrive: () => void) => {
  let points = 0;
  const watch: Watch = (step, when) =>
    Effect.suspend(() => {
      if (at === null) say(`${when} ${step}`);
      if (points++ !== at) return Effect.void;
      say(`at ${at}`);
      arrive();
      return Effect.never;
    });
  const daemon = Effect.gen(function* () {
    const { fd } = listenOn(socket);
    const keeper = new Keeper(yield* Scope.Scope, MANNER, socket);
    yield* keeper.resume;
    listens();
    return yield* acceptAll(
      fd,
      (connection) => Effect.ignore(serve(keeper, answering(connection, watch))),
    );
  });
  const said = Effect.provideService(Effect.scoped(daemon), Notices, (sentence) => say(`says: ${sentence}`));
  Effect.runFork(Effect.provide(said, watched(state, watch)));
};

if (import.meta.main) {
  const jobs: readonly DaemonJob[] = JSON.parse(Deno.args[0] ?? "[]");
  const daemons = jobs.map((job) => {
    const [listening, arrival] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    run(job, listening.resolve, arrival.resolve);
    return { listening: listening.promise, arrival: arrival.promise };
  });
  await Promise.all(daemons.map(({ listening }) => listening));
  say("all listen");
  if (jobs.every(({ at }) => at !== null)) setTimeout(() => Deno.exit(1), LIMIT_MS);
  await Promise.all(daemons.map(({ arrival }) => arrival));
  Deno.kill(Deno.pid, "SIGKILL");
}
