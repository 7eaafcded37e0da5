/** Text files of this machine. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { orAbsent } from "./absent_system.ts";
import { FileError, Files } from "./files.ts";
import { FILE_MODE, FOLDER_MODE } from "./private_mode.ts";

const attempt = <A>(doing: FileError["doing"], path: string, run: () => A): Effect.Effect<A, FileError> =>
  Effect.try({
    try: run,
    catch: (error) => new FileError({ doing, path, detail: error instanceof Error ? error.message : `${error}` }),
  });

/** What lies below a file is not there either. */
const unlessAbsent = <A>(run: () => A): A | null => orAbsent(run, true);

const compareBytes = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

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
  if (folder !== "") Deno.mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
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
  read: (path) => attempt("read", path, () => unlessAbsent(() => Deno.readTextFileSync(path))),
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
