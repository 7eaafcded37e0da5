/**
 * The bytes of a log: one JSON object and a newline per record, each holding the SHA-256 of the line before it. The
 * first holds that of the stream's name, so a file does not verify under another name either.
 *
 * What the chain shows is damage and carelessness, not malice: it has no key, and the last line is covered by nothing
 * until another follows.
 */
import type { AttachmentEvent, Recorded } from "../../machines/event.ts";
import { type StreamId, streamName } from "../../spec/key.ts";
import type { OriginShape } from "../origin.ts";
import { type Hash, subtleSha256 } from "../../spec/hash.ts";
import { isRecorded, shapeFault } from "./shape.ts";
import type { Corruption } from "./store.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The end of a log: the number of its last record, and the bytes that the next line's `prev` is the hash of. */
export interface Tail {
  readonly seq: number;
  readonly bytes: Bytes;
}

/** What a file holds. `goodLength` is how many bytes of it can be trusted, `tail` where these end. */
export interface Verified {
  readonly records: readonly Recorded[];
  readonly corruption: Corruption | null;
  readonly goodLength: number;
  readonly tail: Tail;
}

/** Lines ready to be written, the records they hold, and the end of the log once they are written. */
export interface Encoded {
  readonly bytes: Bytes;
  readonly records: readonly Recorded[];
  readonly tail: Tail;
}

/** "\n" in UTF-8: what ends every line, and stands in none. */
const NEWLINE = 0x0a;

const encoder = new TextEncoder();
/** Fatal: bytes that are not UTF-8 must not pass as replacement characters. */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The end of a log that has no records yet. */
export const emptyTail = (id: StreamId): Tail => ({ seq: 0, bytes: encoder.encode(streamName(id)) });

/** The lines up to the last newline, without their newlines. */
const linesOf = (bytes: Bytes): Bytes[] => {
  const lines: Bytes[] = [];
  for (let start = 0;;) {
    const end = bytes.indexOf(NEWLINE, start);
    if (end < 0) return lines;
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
};

const parse = (line: Bytes): unknown => {
  try {
    return JSON.parse(decoder.decode(line));
  } catch {
    return undefined;
  }
};

/** The record of a line, or what is wrong with it. */
const readLine = (line: Bytes, seq: number, prev: string): Recorded | string => {
  const value = parse(line);
  if (value === undefined) return "it is not JSON";
  if (!isRecorded(value)) return shapeFault(value) ?? "it is not a record";
  if (value.seq !== seq) return `it has number ${value.seq} where ${seq} is due`;
  if (value.prev !== prev) {
    return seq === 1 ? "it belongs to another stream, or was changed" : `line ${seq - 1} or its own "prev" was changed`;
  }
  return value;
};

/**
 * Reads a log and checks its chain. What follows the last newline is a torn write: it counts neither as a record nor as
 * corruption. The first bad line ends the good prefix.
 *
 * @example
 * ```ts
 * import { emptyTail, encodeEvents, verifyLines } from "./format.ts";
 * const id = { network: "net", containerId: "c1", ifName: "eth0", slot: "bridge" };
 * const origin = { boot: "b", pid: 1, by: "cleat", now: () => "2026-01-01T00:00:00.000Z" };
 * const { bytes } = await encodeEvents(emptyTail(id), [{ type: "DEL" }, { type: "del.succeeded" }], origin);
 * const { records, corruption } = await verifyLines(bytes, id);
 * if (records.length !== 2 || corruption !== null) throw new Error("wrong");
 * ```
 */
export const verifyLines = (
  bytes: Bytes,
  id: StreamId,
  sha256: Hash = subtleSha256,
): Verified | Promise<Verified> => {
  const lines = linesOf(bytes);
  const empty = emptyTail(id);
  const hashes = [empty.bytes, ...lines.slice(0, -1)].map(sha256);
  return hashes.every((hash) => typeof hash === "string")
    ? verify(lines, hashes, empty)
    : Promise.all(hashes).then((known) => verify(lines, known, empty));
};

/** Checks lines against the hashes of what is before them. */
const verify = (lines: readonly Bytes[], hashes: readonly string[], empty: Tail): Verified => {
  const records: Recorded[] = [];
  let goodLength = 0, tail = empty;
  for (const [index, line] of lines.entries()) {
    const record = readLine(line, index + 1, hashes[index] ?? "");
    if (typeof record === "string") {
      return { records, corruption: { line: index + 1, detail: record }, goodLength, tail };
    }
    records.push(record);
    goodLength += line.length + 1;
    tail = { seq: record.seq, bytes: line };
  }
  return { records, corruption: null, goodLength, tail };
};

const join = (lines: readonly Bytes[]): Bytes => {
  const bytes = new Uint8Array(lines.reduce((length, line) => length + line.length + 1, 0));
  let at = 0;
  for (const line of lines) {
    bytes.set(line, at);
    at += line.length;
    bytes[at++] = NEWLINE;
  }
  return bytes;
};

/** Goes on at once where the value is there, later where it is promised. */
const then = <A, B>(value: A | Promise<A>, go: (value: A) => B | Promise<B>): B | Promise<B> =>
  value instanceof Promise ? value.then(go) : go(value);

/**
 * Stamps events and encodes them as the lines that follow `tail`. Hashes as many lines as there are events; answers at
 * once if `sha256` does.
 */
export const encodeEvents = (
  tail: Tail,
  events: readonly AttachmentEvent[],
  origin: OriginShape,
  sha256: Hash = subtleSha256,
): Encoded | Promise<Encoded> => {
  const { boot, pid, by } = origin;
  const records: Recorded[] = [], lines: Bytes[] = [];
  const encode = (event: AttachmentEvent, last: Tail, prev: string): Tail => {
    const record: Recorded = { v: 1, seq: last.seq + 1, at: origin.now(), boot, pid, by, prev, event };
    const bytes = encoder.encode(JSON.stringify(record));
    records.push(record);
    lines.push(bytes);
    return { seq: record.seq, bytes };
  };
  const end = events.reduce<Tail | Promise<Tail>>(
    (before, event) => then(before, (last) => then(sha256(last.bytes), (prev) => encode(event, last, prev))),
    tail,
  );
  return then(end, (last) => ({ bytes: join(lines), records, tail: last }));
};
