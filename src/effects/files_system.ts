/** Text files of this machine. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { orAbsent } from "./absent_system.ts";
import { FileError, Files } from "./files.ts";
import { files } from "./libc/files.ts";
import { FILE_MODE, FOLDER_MODE } from "./private_mode.ts";

const attempt = <A>(doing: FileError["doing"], path: string, run: () => A): Effect.Effect<A, FileError> =>
  Effect.try({
    try: run,
    catch: (error) => new FileError({ doing, path, detail: error instanceof Error ? error.message : `${error}` }),
  });

/** What lies below a file is not there either. */
const unlessAbsent = <A>(run: () => A): A | null => orAbsent(run, true);

const compareBytes = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const checkOwn = (path: string): void => {
  const status = unlessAbsent(() => Deno.lstatSync(path));
  if (status !== null && (!status.isFile || (status.nlink ?? 1) > 1)) {
    throw new Error("it is a link, or no file at all");
  }
};

let counter = 0;

/**
 * Makes a new file in the folder. Its name does not grow with that of the file it becomes, which may be as long as names
 * get; a name that a process of the same id, killed here or in another pid namespace, left behind is passed over.
 */
function makeTemporary(folder: string, content: string): string {
  for (;;) {
    const path = `${folder}/.${Deno.pid}.${++counter}.tmp`;
    try {
      Deno.writeTextFileSync(path, content, { createNew: true, mode: FILE_MODE });
      Deno.chmodSync(path, FILE_MODE); // whatever the umask
      return path;
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) {
        unlessAbsent(() => Deno.removeSync(path));
        throw error;
      }
    }
  }
}

function writeAtOnce(path: string, content: string): void {
  const folder = path.slice(0, path.lastIndexOf("/"));
  // A folder that is there may be a link: who has put the cache elsewhere has done so on purpose.
  if (folder !== "" && files.makeFolder(folder, FOLDER_MODE) === null) files.makeFolders(folder, FOLDER_MODE);
  const temporary = makeTemporary(folder, content);
  try {
    Deno.renameSync(temporary, path);
  } catch (error) {
    unlessAbsent(() => Deno.removeSync(temporary));
    throw error;
  }
}

/** The file system of this machine. */
export const systemFiles: Layer.Layer<Files> = Layer.succeed(Files)({
  read: (path, how) =>
    attempt("read", path, () => {
      if (how?.noLinks === true) checkOwn(path);
      return unlessAbsent(() => Deno.readTextFileSync(path));
    }),
  list: (folder) =>
    attempt(
      "list",
      folder,
      () =>
        orAbsent(() =>
          Array.from(Deno.readDirSync(folder)).filter((entry) => !entry.isDirectory).map(({ name }) => name).sort(
            compareBytes,
          )
        ),
    ),
  write: (path, content) => attempt("write", path, () => writeAtOnce(path, content)),
  remove: (path) => attempt("write", path, () => void unlessAbsent(() => Deno.removeSync(path))),
});
