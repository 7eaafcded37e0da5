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

/** A name beside the file that no other process uses. */
let counter = 0;
const temporaryName = (path: string): string => `${path}.${Deno.pid}.${++counter}.tmp`;

function writeAtOnce(path: string, content: string): void {
  const folder = path.slice(0, path.lastIndexOf("/"));
  if (folder !== "") Deno.mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
  const temporary = temporaryName(path);
  try {
    Deno.writeTextFileSync(temporary, content, { createNew: true, mode: FILE_MODE });
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
        unlessAbsent(() =>
          Array.from(Deno.readDirSync(folder)).filter((entry) => !entry.isDirectory).map(({ name }) => name).sort(
            compareBytes,
          )
        ),
    ),
  write: (path, content) => attempt("write", path, () => writeAtOnce(path, content)),
  remove: (path) => attempt("write", path, () => void unlessAbsent(() => Deno.removeSync(path))),
});
