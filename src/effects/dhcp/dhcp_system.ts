/** The daemon of this machine, over its socket: ours, or Go's. */
import * as Effect from "effect/Effect";
import type { DhcpEvent } from "../../machines/dhcp_event.ts";
import type { AttachmentKey } from "../../spec/key.ts";
import type { LeaseBook } from "./book.ts";
import { type Connection, ConnectionError } from "./connection.ts";
import { DhcpError, type DhcpShape } from "./dhcp.ts";
import { GobEncoder, type GobRecord } from "./gob/encode.ts";
import { argsRecord, CONNECT, grantIn, leasesIn, type RpcArgs, type RpcMethod, textIn } from "./rpc.ts";
import { RpcReader } from "./rpc_reader.ts";
import { ARGS, REQUEST } from "./rpc_types.ts";

/** How the answer begins that takes the protocol up. */
const TAKEN_UP = /^HTTP\/1\.\d 200 /;
/** What Go's net/rpc says of a method that its server has not. */
const UNKNOWN_METHOD = /^rpc: can't find method/;
/** What daemons say when no server has answered in time. */
const NO_MORE_TRIES = /^no more tries/;

const failed = (cause: unknown): ConnectionError =>
  new ConnectionError({ detail: cause instanceof Error ? cause.message : String(cause) });

const connectionOf = (conn: Deno.UnixConn): Connection => ({
  read: Effect.tryPromise({
    try: async () => {
      const bytes = new Uint8Array(16_384);
      const length = await conn.read(bytes);
      return length === null ? null : bytes.subarray(0, length);
    },
    catch: failed,
  }),
  write: (bytes) =>
    Effect.tryPromise({
      try: async () => {
        for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
      },
      catch: failed,
    }),
});

/** Nobody listens: there is no socket, or one that a daemon has left behind. Of a daemon that is busy that is not true. */
const unreachable = (socket: string) => (cause: unknown): DhcpError => {
  if (cause instanceof Deno.errors.NotFound) {
    return new DhcpError({ socket, reason: "unreachable", detail: "there is no such socket" });
  }
  return cause instanceof Deno.errors.ConnectionRefused
    ? new DhcpError({ socket, reason: "unreachable", detail: "nobody listens there" })
    : new DhcpError({ socket, reason: "io", detail: failed(cause).detail });
};

/** Runs `use` over a connection on which the protocol was taken up. */
const connected = <A>(
  socket: string,
  use: (connection: Connection, reader: RpcReader) => Effect.Effect<A, ConnectionError | DhcpError>,
): Effect.Effect<A, DhcpError> =>
  Effect.acquireUseRelease(
    Effect.tryPromise({ try: () => Deno.connect({ transport: "unix", path: socket }), catch: unreachable(socket) }),
    (conn) =>
      Effect.gen(function* () {
        const connection = connectionOf(conn);
        const reader = new RpcReader(connection);
        yield* connection.write(new TextEncoder().encode(CONNECT));
        const head = yield* reader.head;
        if (head !== null && TAKEN_UP.test(head)) return yield* use(connection, reader);
        return yield* new DhcpError({ socket, reason: "unreachable", detail: "what listens there is no DHCP daemon" });
      }).pipe(
        Effect.catchTag(
          "ConnectionError",
          ({ detail }) => Effect.fail(new DhcpError({ socket, reason: "io", detail })),
        ),
      ),
    (conn) => Effect.sync(() => conn.close()),
  );

const endedEarly = new ConnectionError({ detail: "it has ended without an answer" });

/** One call: the answer's body, or the error in it. */
const call = (socket: string, method: RpcMethod, args: RpcArgs): Effect.Effect<GobRecord, DhcpError> =>
  connected(socket, (connection, reader) =>
    Effect.gen(function* () {
      const encoder = new GobEncoder();
      yield* connection.write(encoder.encode(REQUEST, { ServiceMethod: method }));
      yield* connection.write(encoder.encode(ARGS, argsRecord(args)));
      const head = yield* reader.record;
      const body = yield* reader.record;
      if (head === null || body === null) return yield* endedEarly;
      const detail = textIn(head, "Error");
      if (detail === "") return body;
      const reason = NO_MORE_TRIES.test(detail) ? "no lease" : "refused";
      return yield* new DhcpError({ socket, reason, detail });
    }));

const RELEASED: DhcpEvent = { type: "released" };

/**
 * Daemons by their sockets. The book is the one that ours keeps on this machine: where none runs that could be told of a
 * release, the lease is crossed out there.
 */
export const dhcpOver = (book: LeaseBook["Service"]): DhcpShape => {
  const crossOut = (key: AttachmentKey, error: DhcpError) =>
    error.reason !== "unreachable" ? Effect.fail(error) : Effect.mapError(
      Effect.as(book.write(key, RELEASED), false),
      ({ message }) => new DhcpError({ socket: error.socket, reason: "io", detail: message }),
    );
  return {
    reach: (socket) => connected(socket, () => Effect.void),
    leases: (socket, of) => {
      const key = { containerId: "", ifName: "", ...of };
      const args = { ...key, netns: "", args: "", path: "", stdin: JSON.stringify({ name: of.network }) };
      return Effect.matchEffect(call(socket, "DHCP.Leases", args), {
        onSuccess: (body) => Effect.succeed(leasesIn(body)),
        onFailure: (error) => UNKNOWN_METHOD.test(error.detail) ? Effect.succeed(null) : Effect.fail(error),
      });
    },
    allocate: (socket, args) => Effect.map(call(socket, "DHCP.Allocate", args), grantIn),
    release: (socket, key, args) =>
      Effect.matchEffect(call(socket, "DHCP.Release", args), {
        onSuccess: () => Effect.succeed(true),
        onFailure: (error) => crossOut(key, error),
      }),
  };
};
