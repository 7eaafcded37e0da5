/**
 * Who holds what in a pool, by owner. Host-local's layout is by address only, so that Go's host-local reads every lease on
 * every ADD and DEL; the census makes that one small file. It lies in the state directory, never in the pool: Go
 * takes every file there for a lease.
 *
 * It cannot be trusted blindly, for Go does not know of it. Every reservation, ours or Go's, overwrites a pointer file, and
 * ours are dated back; so as long as all pointers are as we left them, nobody else has reserved anything and no lease
 * is missing here. (Only what somebody puts there by hand, without a pointer, is overlooked until the next scan.) An
 * entry too many does no harm: each is compared with the lease itself before it counts. All of it happens under the
 * pool's lock.
 */
import { files } from "../libc/files.ts";
import { overwriteText, readText } from "../libc/text.ts";
import { FILE_MODE, FOLDER_MODE } from "../private_mode.ts";
import { type Pointer, readPointer, redatePointers } from "./directory_pool.ts";

/** One census: `folder` holds its files, `boot` tells whether a power failure may have torn them. */
export interface Census {
  readonly folder: string;
  readonly pool: string;
  readonly boot: string;
}

/** Lease contents and the addresses that have them. */
type Entries = Map<string, readonly string[]>;

/** How many files the entries are spread over: at ten thousand leases each has about forty. */
const BUCKETS = 256;

const statePath = ({ folder }: Census): string => `${folder}/pointers.json`;
const bucketPath = ({ folder }: Census, bucket: number): string =>
  `${folder}/owners-${bucket.toString(16).padStart(2, "0")}.json`;

/** Which file an owner's entry is in: FNV-1a of 32 bits over the content, folded to a byte. */
const bucketOf = (content: string): number => {
  let hash = 0x811c9dc5;
  for (let at = 0; at < content.length; at++) hash = Math.imul(hash ^ content.charCodeAt(at), 0x01000193);
  return (hash ^ (hash >>> 8) ^ (hash >>> 16) ^ (hash >>> 24)) & (BUCKETS - 1);
};

/** Throws where a link leads elsewhere: whoever planted it must not choose what is read, overwritten or removed. */
const checkFolders = ({ folder }: Census): void => {
  files.checkFolder(folder.slice(0, folder.lastIndexOf("/")));
  files.checkFolder(folder);
};

/** Makes the folder of a census. */
export const makeFolder = (census: Census): void => {
  files.makeFolders(census.folder, FOLDER_MODE);
  checkFolders(census);
};

/**
 * Replaces a content in place, filled up with blanks to the length of the old one. What a power failure tears, or a full
 * disk, is not trusted afterwards (see `boot`, and who calls `invalidate`).
 */
const write = (path: string, text: string): void =>
  overwriteText(path, FILE_MODE, (size) => text.padEnd(size), (fd) => {
    if (files.status(fd).mode !== FILE_MODE) files.setMode(fd, FILE_MODE, path); // whatever the umask
  });

/** All pointers there are: they are numbered from 0 without gaps, except where fewer sets are in use than `atLeast`. */
const readPointers = (pool: string, atLeast: number): (Pointer | null)[] => {
  const pointers: (Pointer | null)[] = [];
  for (let set = 0;; set++) {
    const pointer = readPointer(pool, set);
    if (pointer === null && set >= atLeast) return pointers;
    pointers.push(pointer);
  }
};

/** What `pointers.json` says, as text: the pool, the boot, and the pointers as this program left them. */
const describe = ({ pool, boot }: Census, pointers: readonly (Pointer | null)[]): string => {
  return JSON.stringify({ v: 1, sets: pointers.length, pool, boot, id: files.statusOf(pool)?.id, pointers });
};

const setsIn = (state: string): number => {
  const digits = /"sets":(\d{1,4}),/.exec(state)?.[1];
  return digits === undefined ? 0 : Number(digits);
};

/** Whether no lease is missing in the census. */
export const isCurrent = (census: Census): boolean => {
  checkFolders(census);
  const state = readText(statePath(census));
  return state !== null && state.trimEnd() === describe(census, readPointers(census.pool, setsIn(state)));
};

/** Says that from now on the census is complete, with the pointers as they are; there are `sets` of them or more. */
export const confirm = (census: Census, sets = 0): void => {
  const known = readText(statePath(census)) ?? "";
  write(statePath(census), describe(census, readPointers(census.pool, Math.max(sets, setsIn(known)))));
};

/** Says that the census is not complete: the next use scans the pool. */
export const invalidate = (census: Census): void => {
  checkFolders(census);
  files.remove(statePath(census));
};

const isEntry = (value: unknown): value is readonly [string, readonly string[]] =>
  Array.isArray(value) && typeof value[0] === "string" && Array.isArray(value[1]);

const readBucket = (census: Census, bucket: number): Entries => {
  const text = readText(bucketPath(census, bucket));
  if (text === null || text === "") return new Map(); // empty: whoever made it died before it wrote
  const value: unknown = JSON.parse(text);
  if (!Array.isArray(value) || !value.every(isEntry)) throw new Error(`"${bucketPath(census, bucket)}" is damaged`);
  return new Map(value);
};

/** The addresses that are said to have this content; each must still be compared with its lease. */
export const lookUp = (census: Census, content: string): readonly string[] =>
  readBucket(census, bucketOf(content)).get(content) ?? [];

const change = (census: Census, content: string, by: (addresses: readonly string[]) => readonly string[]): void => {
  const bucket = bucketOf(content);
  const entries = readBucket(census, bucket);
  const addresses = by(entries.get(content) ?? []);
  if (addresses.length === 0) entries.delete(content);
  else entries.set(content, addresses);
  try {
    write(bucketPath(census, bucket), JSON.stringify([...entries]));
  } catch (error) {
    invalidate(census); // a full disk may have taken half of it
    throw error;
  }
};

/** Adds an entry. To be done before the lease is made, so that a crash in between leaves one too many, not one too few. */
export const enter = (census: Census, content: string, ip: string): void =>
  change(census, content, (addresses) => [...addresses.filter((address) => address !== ip), ip]);

/** Removes entries. To be done after the leases are gone. */
export const strike = (census: Census, content: string, ips: readonly string[]): void =>
  change(census, content, (addresses) => addresses.filter((address) => !ips.includes(address)));

/** Replaces all entries. Until `confirm`, the census is not complete. */
export const rebuild = (census: Census, found: ReadonlyMap<string, readonly string[]>): void => {
  invalidate(census);
  redatePointers(census.pool);
  const files = new Map<string, [string, readonly string[]][]>();
  for (const entry of found) {
    const path = bucketPath(census, bucketOf(entry[0]));
    const entries = files.get(path);
    if (entries === undefined) files.set(path, [entry]);
    else entries.push(entry);
  }
  for (const { name } of Array.from(Deno.readDirSync(census.folder))) {
    const path = `${census.folder}/${name}`;
    if (!files.has(path)) Deno.removeSync(path);
  }
  for (const [path, entries] of files) write(path, JSON.stringify(entries));
};
