/** One stream's file under its lock. Everything throws; `file_stream.ts` turns that into a `LogError`. */
import { orAbsent } from "../absent_system.ts";
import { SystemError } from "../libc/errno.ts";
import { files, O_APPEND, O_CREAT, O_EXCL, O_NONBLOCK, O_RDONLY, O_RDWR } from "../libc/files.ts";
import type { FileStatus } from "../libc/status.ts";
import { FILE_MODE } from "../private_mode.ts";
import { makeFolders, openPlace, type Place, removeEmptyFolders } from "./file_paths.ts";

/** How often a folder may vanish (somebody prunes) between making it and making a file in it. */
const MAX_TRIES = 16;

/** A file of this kind is not ours to write to, wherever a link of that name leads. */
const checkKind = (path: string, { isFile, links }: FileStatus): void => {
  if (!isFile) throw new Error(`"${path}" is not a regular file`);
  if (links > 1) throw new Error(`"${path}" has more than one name (hard links)`);
};

/** Whether the open file is still the one with this name: it may have been pruned or set aside before it was locked. */
const isNamed = (fd: number, path: string): boolean => {
  const named = files.statusAt(path);
  if (named === null) return false;
  checkKind(path, named);
  return files.status(fd).id === named.id;
};

/** Closes the file unless `keep` says that it is to be kept. */
const keptIf = (fd: number, keep: () => boolean): number | null => {
  let kept = false;
  try {
    kept = keep();
    return kept ? fd : null;
  } finally {
    if (!kept) files.close(fd);
  }
};

/** A stream's file under its lock; `unwritable` says why nothing can be appended, as on a file system that is read-only. */
export interface Locked {
  readonly fd: number;
  readonly unwritable: string | null;
}

/** Opens the file for appending, or where that is refused for reading: who undoes needs no more. Null when there is none. */
const openEither = (place: Place): Locked | null => {
  try {
    const fd = openPlace(place, O_RDWR | O_APPEND | O_NONBLOCK);
    return fd === null ? null : { fd, unwritable: null };
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    const fd = openPlace(place, O_RDONLY | O_NONBLOCK);
    return fd === null ? null : { fd, unwritable: error.message };
  }
};

/** Opens and locks an existing stream: "absent" when there is none, null when somebody else has it at the moment. */
export const lockExisting = (place: Place): Locked | "absent" | null => {
  const opened = openEither(place);
  if (opened === null) return "absent";
  const { fd } = opened;
  return keptIf(fd, () => files.lock(fd, place.path) && isNamed(fd, place.path)) === null ? null : opened;
};

/**
 * Makes and locks a new stream; null when another process has made it first. Whoever opens the file between its making
 * and its locking finds it empty, and may even write to it, or remove it: then it is theirs.
 */
export const lockNew = (place: Place): number | null => {
  const fd = createNew(place);
  if (fd === null) return null;
  return keptIf(fd, () => {
    if (!files.lock(fd, place.path)) return false;
    const { size, links, mode } = files.status(fd);
    if (mode !== FILE_MODE) files.setMode(fd, FILE_MODE, place.path); // whatever the umask
    return size === 0 && links === 1;
  });
};

const createNew = (place: Place): number | null => {
  for (let tries = 1; tries <= MAX_TRIES; tries++) {
    if (tries > 1) makeFolders(place); // most streams are not the first of their attachment
    try {
      const fd = openPlace(place, O_RDWR | O_APPEND | O_CREAT | O_EXCL, FILE_MODE);
      if (fd !== null) return fd;
    } catch (error) {
      if (!(error instanceof SystemError) || error.errno !== "EEXIST") throw error;
      const taken = files.statusAt(place.path);
      if (taken !== null) checkKind(place.path, taken);
      return null;
    }
  }
  throw new Error(`the folders of "${place.path}" vanish as soon as they are made`);
};

/** Everything from the file's start. */
export const readAll = (fd: number): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(files.status(fd).size);
  let length = 0;
  while (length < bytes.length) {
    const count = files.read(fd, bytes.subarray(length));
    if (count === 0) break;
    length += count;
  }
  return bytes.subarray(0, length);
};

/** The content of a stream's file, read without its lock; null when there is none. */
export const readUnlocked = (place: Place): Uint8Array<ArrayBuffer> | null => {
  const fd = openPlace(place, O_RDONLY | O_NONBLOCK);
  if (fd === null) return null;
  try {
    checkKind(place.path, files.status(fd));
    return readAll(fd);
  } finally {
    files.close(fd);
  }
};

/** Appends all bytes. */
export const writeAll = (fd: number, bytes: Uint8Array<ArrayBuffer>, path: string): void => {
  for (let written = 0; written < bytes.length;) {
    const count = files.write(fd, bytes.subarray(written), path);
    if (count === 0) throw new Error("the file system took no bytes");
    written += count;
  }
};

/** Removes a locked stream's file, and the folders that are empty then. */
export const removeFile = ({ path, folders }: Place): void => {
  files.remove(path);
  removeEmptyFolders(folders);
};

/** Renames a locked stream's file to `<path>.corrupt-<at>`, or a numbered name where that one is taken. */
export const renameAside = (path: string, at: string): void => {
  const name = `${path}.corrupt-${at}`;
  const taken = (number: number) => orAbsent(() => Deno.lstatSync(number === 1 ? name : `${name}.${number}`)) !== null;
  let number = 1;
  while (taken(number)) number++;
  Deno.renameSync(path, number === 1 ? name : `${name}.${number}`);
};
