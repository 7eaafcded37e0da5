/** Configuration files in memory. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { FileError, Files } from "../../src/effects/files.ts";

/** Files by path; a value that is no text is written as JSON. */
export type Tree = Readonly<Record<string, string | object>>;

const folderOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));

/** The files of a tree; `unreadable` folders and files cannot be read, nor can a file be listed. */
export function filesOf(tree: Tree, unreadable: readonly string[] = []): Layer.Layer<Files> {
  const guard = <A>(doing: "read" | "list", path: string, answer: () => A) =>
    unreadable.includes(path)
      ? Effect.fail(new FileError({ doing, path, detail: "Permission denied" }))
      : Effect.sync(answer);
  const paths = Object.keys(tree);
  return Layer.succeed(Files)({
    read: (path) =>
      guard("read", path, () => {
        const value = tree[path];
        return value === undefined || typeof value === "string" ? value ?? null : JSON.stringify(value);
      }),
    list: (folder) => {
      if (tree[folder] !== undefined) {
        return Effect.fail(new FileError({ doing: "list", path: folder, detail: "Not a directory" }));
      }
      return guard("list", folder, () => {
        const inside = paths.filter((path) => folderOf(path) === folder);
        return inside.length === 0 ? null : inside.map((path) => path.slice(folder.length + 1)).sort();
      });
    },
    write: () => Effect.die(new Error("loading writes nothing")),
    remove: () => Effect.die(new Error("loading removes nothing")),
  });
}

/** A network list with plugins of these types. */
export const listOf = (name: string, ...types: readonly string[]) => ({
  cniVersion: "1.0.0",
  name,
  plugins: types.map((type) => ({ type })),
});
