/** Reading what comes over a connection: lines of HTTP first, then gob values one after the other. */
import * as Effect from "effect/Effect";
import { type Connection, ConnectionError } from "./connection.ts";
import { GobDecoder, nextMessage } from "./gob/decode.ts";
import type { GobRecord } from "./gob/encode.ts";
import { GobFault } from "./gob/number.ts";
import { recordIn } from "./rpc.ts";

/** Longest head of HTTP, in bytes: it is two lines. */
const LONGEST_HEAD = 4_096;
/** The empty line at the end of a head; Go ends its lines with a line feed alone. */
const HEAD_END = /\r?\n\r?\n/;

/** Bytes of a connection that have come and have not been used. */
export class RpcReader {
  readonly #connection: Connection;
  readonly #decoder = new GobDecoder();
  #bytes: Uint8Array = new Uint8Array();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** The lines up to the first empty one; null where the stream ends before, or they are too long. */
  readonly head: Effect.Effect<string | null, ConnectionError> = Effect.gen({ self: this }, function* () {
    for (;;) {
      // Every byte is a character, so that places in the text are places in the bytes.
      const text = String.fromCharCode(...this.#bytes.subarray(0, LONGEST_HEAD));
      const end = HEAD_END.exec(text);
      if (end !== null) {
        this.#bytes = this.#bytes.slice(end.index + end[0].length);
        return text.slice(0, end.index);
      }
      if (this.#bytes.length > LONGEST_HEAD || !(yield* this.#more)) return null;
    }
  });

  /** The next value, which is a struct in every call; null at the end of the stream. What is no gob is a failure. */
  readonly record: Effect.Effect<GobRecord | null, ConnectionError> = Effect.gen({ self: this }, function* () {
    for (;;) {
      const found = yield* Effect.try({ try: () => this.#take(), catch: faulty });
      if (found !== null) return recordIn(found);
      if (yield* this.#more) continue;
      if (this.#bytes.length === 0) return null;
      return yield* new ConnectionError({ detail: "it has ended in the middle of a call" });
    }
  });

  /** A value of what has come; definitions of types on the way are remembered. */
  #take() {
    for (let found = nextMessage(this.#bytes, 0); found !== null; found = nextMessage(this.#bytes, 0)) {
      this.#bytes = this.#bytes.slice(found.next);
      const value = this.#decoder.decode(found.message);
      if (value !== null) return value;
    }
    return null;
  }

  readonly #more: Effect.Effect<boolean, ConnectionError> = Effect.gen({ self: this }, function* () {
    const bytes = yield* this.#connection.read;
    if (bytes === null) return false;
    const joined = new Uint8Array(this.#bytes.length + bytes.length);
    joined.set(this.#bytes);
    joined.set(bytes, this.#bytes.length);
    this.#bytes = joined;
    return true;
  });
}

const faulty = (cause: unknown): ConnectionError => {
  if (cause instanceof GobFault) return new ConnectionError({ detail: `it does not speak gob: ${cause.message}` });
  throw cause;
};
