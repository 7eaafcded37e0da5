/** One plugin's connection to the daemon, in the form of Go's net/rpc: one call after the other. */
import * as Effect from "effect/Effect";
import { type Connection, ConnectionError } from "../../effects/dhcp/connection.ts";
import { GobEncoder, type GobRecord, type GobStruct } from "../../effects/dhcp/gob/encode.ts";
import { CONNECTED, textIn } from "../../effects/dhcp/rpc.ts";
import { RpcReader } from "../../effects/dhcp/rpc_reader.ts";
import { EMPTY, RESPONSE } from "../../effects/dhcp/rpc_types.ts";
import { answerCall } from "./calls.ts";
import type { Keeper, KeeperNeeds } from "./keeper.ts";

/** How a client asks for the protocol (Go's net/rpc, client.go). */
const ASKED = /^CONNECT \/_goRPC_ HTTP\/1\.\d(\r?\n|$)/;

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** Answers everything that is asked over a connection, until its other end has gone. */
export const serve = (keeper: Keeper, connection: Connection): Effect.Effect<void, ConnectionError, KeeperNeeds> =>
  Effect.gen(function* () {
    const reader = new RpcReader(connection);
    const head = yield* reader.head;
    if (head === null) return;
    if (!ASKED.test(head)) return yield* connection.write(bytesOf("HTTP/1.0 405 Method Not Allowed\n\nmust CONNECT\n"));
    yield* connection.write(bytesOf(CONNECTED));
    const encoder = new GobEncoder();
    for (let request = yield* reader.record; request !== null; request = yield* reader.record) {
      const body = yield* reader.record;
      if (body === null) return yield* new ConnectionError({ detail: "it has ended in the middle of a call" });
      yield* connection.write(yield* answer(keeper, encoder, request, body));
    }
  });

const answer = (keeper: Keeper, encoder: GobEncoder, request: GobRecord, body: GobRecord) =>
  Effect.gen(function* () {
    const method = textIn(request, "ServiceMethod");
    const head = { ServiceMethod: method, Seq: request.Seq };
    return yield* Effect.match(answerCall(keeper, method, body), {
      onSuccess: ({ type, record }) => written(encoder, head, type, record),
      onFailure: (why) => written(encoder, { ...head, Error: why }, EMPTY, {}),
    });
  });

function written(encoder: GobEncoder, head: GobRecord, type: GobStruct, body: GobRecord): Uint8Array<ArrayBuffer> {
  const [first, second] = [encoder.encode(RESPONSE, head), encoder.encode(type, body)];
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}
