/** Watches, or breaks, what the code under test asks of the file system. */

/** The synchronous calls of `Deno` that layers may use. */
const CALLS = [
  "openSync",
  "readTextFileSync",
  "writeTextFileSync",
  "readFileSync",
  "readDirSync",
  "statSync",
  "lstatSync",
  "mkdirSync",
  "removeSync",
  "renameSync",
  "linkSync",
  "utimeSync",
  "chmodSync",
] as const;

/** Sees a call before it is made: its name, and its first argument. What it throws, the call throws. */
export type Watch = (call: string, path: string) => void;

/** Runs something with every call watched. */
export const watching = async <A>(watch: Watch, run: () => Promise<A>): Promise<A> => {
  const restore = CALLS.map((name) => {
    const real: unknown = Reflect.get(Deno, name);
    if (typeof real !== "function") throw new Error(`Deno.${name} is not a function`);
    Reflect.set(Deno, name, (...args: readonly unknown[]): unknown => {
      watch(name, String(args[0]));
      return Reflect.apply(real, Deno, args);
    });
    return () => Reflect.set(Deno, name, real);
  });
  try {
    return await run();
  } finally {
    for (const each of restore) each();
  }
};

/** An error as Deno throws it for an errno that has no class of its own. */
export const osError = (code: string): Error => Object.assign(new Error(`${code} (os error)`), { code });
