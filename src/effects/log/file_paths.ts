/** Where streams lie on disk, and the folders above them. Everything throws; `file.ts` turns that into a `LogError`. */
import type { StreamId } from "../../spec/key.ts";
import { orAbsent } from "../absent_system.ts";
import { FOLDER_MODE } from "../private_mode.ts";
import { checkParts } from "./part.ts";

/** What stream files end with; files set aside end otherwise and are no streams. */
export const SUFFIX = ".jsonl";

/** A stream's file, and the folders above it up to `<state dir>/streams`, outermost first. */
export interface Place {
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
  return { path: `${last}/${slot}${SUFFIX}`, folders: [...folders, last] };
};

/** Whether the folder exists. Throws when something else has its name: a link planted there would lead elsewhere. */
const isThere = (folder: string): boolean => {
  const info = orAbsent(() => Deno.lstatSync(folder));
  if (info !== null && !info.isDirectory) throw new Error(`"${folder}" is not a folder`);
  return info !== null;
};

/** Whether all folders exist. */
export const foldersExist = (folders: readonly string[]): boolean => folders.every(isThere);

/** Makes the folders that are missing, with their mode whatever the umask. */
export const makeFolders = (stateDir: string, folders: readonly string[]): void => {
  if (orAbsent(() => Deno.statSync(stateDir)) === null) {
    Deno.mkdirSync(stateDir, { recursive: true, mode: FOLDER_MODE });
  }
  for (const folder of folders) {
    if (isThere(folder)) continue;
    try {
      Deno.mkdirSync(folder, { mode: FOLDER_MODE });
      Deno.chmodSync(folder, FOLDER_MODE);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists) || !isThere(folder)) throw error;
    }
  }
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
