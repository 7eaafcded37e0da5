/** Absence in the file system as an answer instead of an error. */

/**
 * Null instead of the error when the thing, or a folder above it, does not exist. Of `alsoNotADirectory` null as well
 * when something that is no folder stands where one should: then nothing can be below it.
 *
 * @example
 * ```ts
 * import { orAbsent } from "./absent_system.ts";
 * if (orAbsent(() => Deno.readTextFileSync("/no/such/file")) !== null) throw new Error("there is no such file");
 * ```
 */
export const orAbsent = <A>(run: () => A, alsoNotADirectory = false): A | null => {
  try {
    return run();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    if (alsoNotADirectory && error instanceof Deno.errors.NotADirectory) return null;
    throw error;
  }
};
