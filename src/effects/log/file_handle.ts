/** One stream's file under its lock. Everything throws; `file_stream.ts` turns that into a `LogError`. */
import { orAbsent } from "../absent_system.ts";
import { FILE_MODE } from "../private_mode.ts";
import { foldersExist, makeFolders, type Place, removeEmptyFolders } from "./file_paths.ts";

/** How often a folder may vanish (somebody prunes) between making it and making a file in it. */
const MAX_TRIES = 16;

/** A file of this kind is not ours to write to, wherever a link of that name leads. */
const checkKind = (path: string, info: Deno.FileInfo): void => {
  if (!info.isFile) throw new Error(`"${path}" is not a regular file`);
  if ((info.nlink ?? 1) > 1) throw new Error(`"${path}" has more than one name (hard links)`);
};

/** Whether the open file is still the one with this name: it may have been pruned or set aside before it was locked. */
const isNamed = (file: Deno.FsFile, path: string): boolean => {
  const named = orAbsent(() => Deno.lstatSync(path));
  if (named === null) return false;
  checkKind(path, named);
  const open = file.statSync();
  return open.ino === named.ino && open.dev === named.dev;
};

/** Closes the file unless `keep` says that it is to be kept. */
const keptIf = (file: Deno.FsFile, keep: () => boolean): Deno.FsFile | null => {
  let kept = false;
  try {
    kept = keep();
    return kept ? file : null;
  } finally {
    if (!kept) file.close();
  }
};

/** A stream's file under its lock; `unwritable` says why nothing can be appended, as on a file system that is read-only. */
export interface Locked {
  readonly file: Deno.FsFile;
  readonly unwritable: string | null;
}

/** Opens the file for appending, or where that is refused for reading: who undoes needs no more. */
const openEither = (path: string): Locked => {
  try {
    return { file: Deno.openSync(path, { read: true, append: true }), unwritable: null };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw error;
    return { file: Deno.openSync(path), unwritable: error instanceof Error ? error.message : String(error) };
  }
};

/** Opens and locks an existing stream: "absent" when there is none, null when somebody else has it at the moment. */
export const lockExisting = ({ path, folders }: Place): Locked | "absent" | null => {
  if (!foldersExist(folders)) return "absent";
  const opened = orAbsent(() => openEither(path));
  if (opened === null) return "absent";
  const { file } = opened;
  return keptIf(file, () => file.tryLockSync(true) && isNamed(file, path)) && opened;
};

/**
 * Makes and locks a new stream; null when another process has made it first. Whoever opens the file between its making
 * and its locking finds it empty, and may even write to it: then it is theirs.
 */
export const lockNew = (stateDir: string, { path, folders }: Place): Deno.FsFile | null => {
  const file = createNew(stateDir, { path, folders });
  if (file === null) return null;
  return keptIf(file, () => file.tryLockSync(true) && isNamed(file, path) && file.statSync().size === 0);
};

const createNew = (stateDir: string, { path, folders }: Place): Deno.FsFile | null => {
  for (let tries = 1;; tries++) {
    if (tries > 1) makeFolders(stateDir, folders); // most streams are not the first of their attachment
    try {
      const file = Deno.openSync(path, { read: true, append: true, createNew: true, mode: FILE_MODE });
      Deno.chmodSync(path, FILE_MODE); // whatever the umask
      return file;
    } catch (error) {
      if (error instanceof Deno.errors.AlreadyExists) {
        return orAbsent(() => checkKind(path, Deno.lstatSync(path))) ?? null;
      }
      if (!(error instanceof Deno.errors.NotFound) || tries === MAX_TRIES) throw error;
    }
  }
};

/** Everything from the file's start. */
export const readAll = (file: Deno.FsFile): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(file.statSync().size);
  let length = 0;
  while (length < bytes.length) {
    const count = file.readSync(bytes.subarray(length));
    if (count === null) break;
    length += count;
  }
  return bytes.subarray(0, length);
};

/** The content of a stream's file, read without its lock; null when there is none. */
export const readUnlocked = ({ path, folders }: Place): Uint8Array<ArrayBuffer> | null => {
  if (!foldersExist(folders)) return null;
  return orAbsent(() => {
    checkKind(path, Deno.lstatSync(path));
    return Deno.readFileSync(path);
  });
};

/** Appends all bytes. */
export const writeAll = (file: Deno.FsFile, bytes: Uint8Array): void => {
  for (let written = 0; written < bytes.length;) {
    const count = file.writeSync(bytes.subarray(written));
    if (count === 0) throw new Error("the file system took no bytes");
    written += count;
  }
};

/** Removes a locked stream's file, and the folders that are empty then. */
export const removeFile = ({ path, folders }: Place): void => {
  Deno.removeSync(path);
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
