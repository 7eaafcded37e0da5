/** The daemon's socket on this machine: one that it makes, or one that was handed to it. */
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { SystemError } from "../libc/errno.ts";
import { files } from "../libc/files.ts";
import { acceptNext, adoptListener, isListening, listenAt, readSome, writeSome } from "../libc/local_sockets.ts";
import { Poller, POLLIN, POLLOUT } from "../libc/poller.ts";
import { close } from "../libc/sockets.ts";
import { FOLDER_MODE } from "../private_mode.ts";
import { type Connection, ConnectionError } from "./connection.ts";

/** Of the socket: root, and its group. */
const SOCKET_MODE = 0o660;

const failed = (cause: unknown): ConnectionError =>
  new ConnectionError({ detail: cause instanceof Error ? cause.message : String(cause) });

/**
 * Makes the socket and its folder. Where a daemon that was killed has left its own, that is replaced; one that somebody
 * listens on is not. `remove` takes its file away, unless another has the name by then. Throws.
 */
export function listenOn(path: string): { readonly fd: number; readonly remove: () => void } {
  files.makeFolders(path.slice(0, path.lastIndexOf("/")) || "/", FOLDER_MODE);
  if (isListening(path)) throw new Error("another daemon listens there");
  const found = files.statusAt(path);
  if (found !== null && (found.isFile || found.isFolder)) throw new Error("it is no socket");
  if (found !== null) files.remove(path);
  const fd = listenAt(path);
  Deno.chmodSync(path, SOCKET_MODE);
  const id = files.statusAt(path)?.id;
  const remove = () => {
    if (id !== undefined && files.statusAt(path)?.id === id) files.remove(path);
  };
  return { fd, remove };
}

/** The first descriptor of those that are handed over (sd_listen_fds(3)). */
const FIRST_DESCRIPTOR = 3;

/**
 * The socket that systemd has handed over, or null where it has none for this process. Throws where it is not exactly one
 * that listens.
 */
export function handedOver(env: (name: string) => string | undefined, pid: number): number | null {
  const count = Number(env("LISTEN_FDS") ?? 0);
  if (env("LISTEN_PID") !== `${pid}` || !(count >= 1)) return null;
  if (count > 1) throw new Error(`${count} sockets were handed over, and one is wanted`);
  return adoptListener(FIRST_DESCRIPTOR);
}

const readyFor = (poller: Poller, fd: number, events: number): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    poller.watch(fd, events, () => resume(Effect.void));
    return Effect.sync(() => poller.unwatch(fd));
  });

/** Repeats a call that does not block until it has an answer. */
const untilDone = <A>(poller: Poller, fd: number, events: number, call: () => A | null) =>
  Effect.gen(function* () {
    for (;;) {
      const done = yield* Effect.try({ try: call, catch: failed });
      if (done !== null) return done;
      yield* readyFor(poller, fd, events);
    }
  });

const connectionOf = (poller: Poller, fd: number): Connection => ({
  read: Effect.map(untilDone(poller, fd, POLLIN, () => readSome(fd)), (bytes) => bytes.length === 0 ? null : bytes),
  write: (bytes) =>
    Effect.gen(function* () {
      for (let at = 0; at < bytes.length;) {
        at += yield* untilDone(poller, fd, POLLOUT, () => writeSome(fd, bytes.subarray(at)));
      }
    }),
});

/** What accept(2) says while descriptors or memory are used up; callers wait in the backlog. */
const SHORTAGES: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]);
const SHORT = -1, SHORT_PAUSE_MS = 100;

/** The next connection, or `SHORT`; null when there is none. */
function acceptedOrShort(listener: number): number | null {
  try {
    return acceptNext(listener);
  } catch (error) {
    if (error instanceof SystemError && SHORTAGES.has(error.errno)) return SHORT;
    // The caller has gone before it was its turn.
    if (error instanceof SystemError && error.errno === "ECONNABORTED") return null;
    throw error;
  }
}

/** Accepts connections on a listening socket for as long as the scope lives; each is served by a fiber of its own. */
export const acceptAll = <R>(
  listener: number,
  serve: (connection: Connection) => Effect.Effect<void, never, R>,
): Effect.Effect<never, ConnectionError, R | Scope.Scope> =>
  Effect.gen(function* () {
    const poller = yield* Effect.acquireRelease(
      Effect.sync(() => new Poller()),
      (poller) => Effect.promise(() => poller.close()),
    );
    for (;;) {
      const fd = yield* untilDone(poller, listener, POLLIN, () => acceptedOrShort(listener));
      if (fd === SHORT) {
        yield* Effect.sleep(SHORT_PAUSE_MS);
        continue;
      }
      const served = Effect.ensuring(
        serve(connectionOf(poller, fd)),
        Effect.sync(() => {
          poller.unwatch(fd);
          close(fd);
        }),
      );
      yield* Effect.forkScoped(served);
    }
  });
