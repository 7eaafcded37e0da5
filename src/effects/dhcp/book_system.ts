/** The daemon's book in the state directory: a file for each lease, a line for each thing that has happened to it. */
import * as Effect from "effect/Effect";
import type { DhcpEvent } from "../../machines/dhcp_event.ts";
import { isJsonObject, jsonOf } from "../../spec/json.ts";
import type { AttachmentKey, StreamId } from "../../spec/key.ts";
import { files, O_APPEND, O_CREAT, O_WRONLY } from "../libc/files.ts";
import { overwriteText, readText } from "../libc/text.ts";
import {
  makeFolders,
  namesIn,
  openPlace,
  type Place,
  placeOf,
  removeEmptyFolders,
  streamsFolder,
} from "../log/file_paths.ts";
import { FILE_MODE } from "../private_mode.ts";
import { type Booked, BookError, LeaseBook } from "./book.ts";

/** Beyond so many bytes a file begins anew with its last line: nothing else of it counts. */
const LONGEST_FILE = 65_536;

/** The form of a line. */
const VERSION = 1;

const encoder = new TextEncoder();

/** The folder of the book. */
const bookFolder = (stateDir: string): string => `${stateDir}/dhcp`;

const idOf = (key: AttachmentKey): StreamId => ({ ...key, slot: "lease" });

const attempt = <A>(doing: BookError["doing"], path: string, run: () => A): Effect.Effect<A, BookError> =>
  Effect.try({
    try: run,
    catch: (error) => new BookError({ doing, path, detail: error instanceof Error ? error.message : `${error}` }),
  });

/** What a line says; null for one that was cut, or that only another version can read. */
function eventIn(line: string): DhcpEvent | null {
  const record = jsonOf(line);
  if (!isJsonObject(record) || record.v !== VERSION || !isJsonObject(record.event)) return null;
  const event = record.event as unknown as DhcpEvent; // written by `lineOf`
  return ["bound", "lost", "released"].includes(event.type) ? event : null;
}

const lineOf = (event: DhcpEvent): string => `${JSON.stringify({ v: VERSION, at: new Date().toISOString(), event })}\n`;

function append(place: Place, line: string): void {
  const flags = O_WRONLY | O_CREAT | O_APPEND;
  const open = () => openPlace(place, flags, FILE_MODE);
  let fd = open();
  if (fd === null) {
    makeFolders(place);
    fd = open();
  }
  if (fd === null) throw new Error("No such file or directory");
  try {
    if (files.status(fd).size > LONGEST_FILE) return overwriteText(place.path, FILE_MODE, () => line);
    // What a daemon that was killed has not written to its end must not swallow what comes after it.
    const isCut = /[^\n]$/.test(readText(place.path) ?? "");
    const bytes = encoder.encode(isCut ? `\n${line}` : line);
    if (files.write(fd, bytes, place.path) < bytes.length) throw new Error("it could not be written as a whole");
  } finally {
    files.close(fd);
  }
}

function crossOut(place: Place): void {
  files.remove(place.path);
  removeEmptyFolders(place.folders);
}

function* keysIn(stateDir: string): Generator<AttachmentKey> {
  const isFolder = ({ isDirectory }: Deno.DirEntry) => isDirectory;
  const root = streamsFolder(bookFolder(stateDir));
  for (const network of namesIn(root, isFolder)) {
    for (const containerId of namesIn(`${root}/${network}`, isFolder)) {
      for (const ifName of namesIn(`${root}/${network}/${containerId}`, isFolder)) {
        yield { network, containerId, ifName };
      }
    }
  }
}

/** What stands in the file of a lease; one that is damaged costs no other lease. */
function eventsOf(stateDir: string, key: AttachmentKey): readonly DhcpEvent[] {
  try {
    const text = readText(placeOf(bookFolder(stateDir), idOf(key)).path) ?? "";
    return text.split("\n").flatMap((line) => eventIn(line) ?? []);
  } catch {
    return [];
  }
}

const readAll = (stateDir: string): Booked[] =>
  [...keysIn(stateDir)].flatMap((key) => {
    const events = eventsOf(stateDir, key);
    return events.length === 0 ? [] : [{ key, events }];
  });

/**
 * The book below a state directory, in `dhcp/streams/<network>/<containerId>/<ifName>/lease.jsonl`: folders 0700, files
 * 0600. Without a sync: after a crash of the machine the links are gone as well.
 */
export const bookIn = (stateDir: string): LeaseBook["Service"] => ({
  read: attempt("read", bookFolder(stateDir), () => readAll(stateDir)),
  write: (key, event) =>
    attempt("write", bookFolder(stateDir), () => {
      const place = placeOf(bookFolder(stateDir), idOf(key));
      if (event.type === "bound") append(place, lineOf(event));
      else crossOut(place);
    }),
});
