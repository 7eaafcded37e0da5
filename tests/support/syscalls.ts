/** Watches, or breaks, what the code under test asks of the file system. */
import { SystemError } from "../../src/effects/libc/errno.ts";
import { files } from "../../src/effects/libc/files.ts";

/** The synchronous calls of `Deno` that layers may use where they are not in a hurry. */
const CALLS = ["readDirSync", "mkdirSync", "removeSync", "renameSync", "lstatSync"] as const;

/** Sees a call before it is made: its name, and its path, which is its first or last argument. What it throws, the call throws. */
export type Watch = (call: string, path: string) => void;

const watched = (owner: object, name: string, watch: Watch): () => void => {
  const real: unknown = Reflect.get(owner, name);
  if (typeof real !== "function") throw new Error(`${name} is not a function`);
  Reflect.set(owner, name, (...args: readonly unknown[]): unknown => {
    watch(name, [args[0], args.at(-1)].find((arg) => typeof arg === "string") ?? "");
    return Reflect.apply(real, owner, args);
  });
  return () => void Reflect.set(owner, name, real);
};

/** Runs something with every call watched. */
export const watching = async <A>(watch: Watch, run: () => Promise<A>): Promise<A> => {
  const restore = [
    ...CALLS.map((name) => watched(Deno, name, watch)),
    // A process that dies closes its files: closing is no step.
    ...Object.keys(files).filter((name) => name !== "close").map((name) => watched(files, name, watch)),
  ];
  try {
    return await run();
  } finally {
    for (const each of restore) each();
  }
};

/** Runs something with some of the layers' own system calls replaced. */
export const replacing = async <A>(calls: Partial<typeof files>, run: () => Promise<A>): Promise<A> => {
  const real = { ...files };
  Object.assign(files, calls);
  try {
    return await run();
  } finally {
    Object.assign(files, real);
  }
};

/** An error as a layer's own calls end with it. */
export const osError = (code: string): Error => new SystemError(code, "call");
