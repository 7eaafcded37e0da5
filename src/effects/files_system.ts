/** Text files of this machine. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { FileError, Files } from "./files.ts";

const attempt = <A>(doing: FileError["doing"], path: string, run: () => A): Effect.Effect<A, FileError> =>
  Effect.try({
    try: run,
    catch: (error) => new FileError({ doing, path, detail: error instanceof Error ? error.message : `${error}` }),
  });

/** Null instead of the error where the thing, or a folder above it, is not there. */
function unlessAbsent<A>(run: () => A): A | null {
  try {
    return run();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return null;
    throw error;
  }
}

const compareBytes = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** A name beside the file that no other process uses. */
let counter = 0;
const temporaryName = (path: string): string => `${path}.${Deno.pid}.${++counter}.tmp`;

function writeAtOnce(path: string, content: string): void {
  const folder = path.slice(0, path.lastIndexOf("/"));
  if (folder !== "") Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const temporary = temporaryName(path);
  try {
    Deno.writeTextFileSync(temporary, content, { createNew: true, mode: 0o600 });
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
