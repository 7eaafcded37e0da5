/** Files in memory for tests of libcni's result cache; every path with "locked" in it cannot be read. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { FileError, Files } from "../../src/effects/files.ts";

const denied = (doing: FileError["doing"], path: string) =>
  Effect.fail(new FileError({ doing, path, detail: "Permission denied" }));

/** Runs an effect over these files. */
export const overFiles = <A, E>(files: Map<string, string>, effect: Effect.Effect<A, E, Files>): A => {
  const layer = Layer.succeed(Files)({
    read: (path) => path.includes("locked") ? denied("read", path) : Effect.sync(() => files.get(path) ?? null),
    list: (folder) => {
      if (folder.includes("locked")) return denied("list", folder);
      const inside = [...files.keys()].filter((path) => path.startsWith(`${folder}/`));
      return Effect.succeed(inside.length === 0 ? null : inside.map((path) => path.slice(folder.length + 1)).sort());
    },
    write: (path, content) => Effect.sync(() => void files.set(path, content)),
    remove: (path) => Effect.sync(() => void files.delete(path)),
  });
  return Effect.runSync(Effect.provide(effect, layer));
};
