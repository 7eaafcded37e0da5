/** Where streams lie on disk, and the folders above them. Everything throws; `file.ts` turns that into a `LogError`. */
import type { StreamId } from "../../spec/key.ts";
import { orAbsent } from "../absent_system.ts";
import { files, O_PATH } from "../libc/files.ts";
import { SystemError } from "../libc/errno.ts";
import { FOLDER_MODE } from "../private_mode.ts";
import { checkParts } from "./part.ts";

/** What stream files end with; files set aside end otherwise and are no streams. */
export const SUFFIX = ".jsonl";

/** A stream's file, and the folders above it up to `<state dir>/streams`, outermost first. */
export interface Place {
  readonly stateDir: string;
  /** Below the state directory. */
  readonly name: string;
  readonly path: string;
  readonly folders: readonly string[];
}

/** The folder of all streams. */
export const streamsFolder = (stateDir: string): string => `${stateDir}/streams`;

/** Where a stream lies. Throws when a part of its id would lead elsewhere. */
export const placeOf = (stateDir: string, id: StreamId): Place => {
  checkParts(id);
  const { network, containerId, ifName, slot } = id;
  const root = streamsFolder(stateDir);
  const folders = [root, `${root}/${network}`, `${root}/${network}/${containerId}`];
  const last = `${root}/${network}/${containerId}/${ifName}`;
  const path = `${last}/${slot}${SUFFIX}`;
  return { stateDir, name: path.slice(stateDir.length + 1), path, folders: [...folders, last] };
};

/** Runs `use` with a descriptor of the state directory, which may itself be a link; null when it does not exist. */
const inStateDir = <A>(stateDir: string, use: (folder: number) => A): A | null => {
  const folder = files.open(stateDir, O_PATH);
  if (folder === null) return null;
  try {
    return use(folder);
  } finally {
    files.close(folder);
  }
};

/** The first link or file in place of a folder: what the kernel would not pass; null when all of them are folders by now. */
const obstacle = (folders: readonly string[]): string | null => {
  for (const folder of folders) {
    const status = files.statusAt(folder);
    if (status === null || !status.isFolder) return status === null ? null : folder;
  }
  return null;
};

/** Opens the file if it exists. Throws when something else has its name or a folder's: a planted link would lead elsewhere. */
export const openPlace = ({ stateDir, name, path, folders }: Place, flags: number, mode?: number): number | null => {
  try {
    return inStateDir(stateDir, (folder) => files.openBeneath(folder, name, flags, mode));
  } catch (error) {
    if (!(error instanceof SystemError) || !["ELOOP", "ENOTDIR"].includes(error.errno)) throw error;
    const folder = obstacle(folders);
    throw new Error(folder === null ? `"${path}" is not a regular file` : `"${folder}" is not a folder`);
  }
};

/**
 * Makes the folders that are missing, with their mode whatever the umask. To be called after an opening that found one
 * missing, since that has refused links on the way.
 */
export const makeFolders = ({ stateDir, folders }: Place): void => {
  if (files.makeFolder(folders[0] ?? stateDir, FOLDER_MODE) === null) {
    files.makeFolders(stateDir, FOLDER_MODE);
  }
  for (const folder of folders) files.makeFolder(folder, FOLDER_MODE);
};

/** Removes the folders that are empty, innermost first, but never the folder of all streams. */
export const removeEmptyFolders = (folders: readonly string[]): void => {
  for (const folder of folders.slice(1).toReversed()) {
    try {
      Deno.removeSync(folder);
    } catch {
      return; // not empty, or somebody else was faster: both are fine
    }
  }
};

/** The names in a folder that `keep` chooses; none when the folder is missing or vanishes meanwhile. */
export const namesIn = (folder: string, keep: (entry: Deno.DirEntry) => boolean): string[] =>
  orAbsent(() => Array.from(Deno.readDirSync(folder)).filter(keep).map(({ name }) => name)) ?? [];
