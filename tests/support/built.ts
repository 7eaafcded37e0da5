/** The built executables, for tests that run them. */

const root = decodeURIComponent(new URL("../../", import.meta.url).pathname);
const out = `${root}dist`;

/** When the newest file below `path` was written, in milliseconds since 1970. */
const newest = (path: string): number => {
  const { isDirectory, mtime } = Deno.statSync(path);
  if (!isDirectory) return mtime?.getTime() ?? 0;
  return Math.max(0, ...[...Deno.readDirSync(path)].map(({ name }) => newest(`${path}/${name}`)));
};

const isFresh = (): boolean => {
  try {
    const sources = ["src", "tasks", "deno.json", "deno.lock"].map((name) => newest(`${root}${name}`));
    return newest(`${out}/bin`) >= Math.max(...sources);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
};

/**
 * The folder of the executables, built first when there is none or a source is newer. Test files that ask at once
 * wait for one build. `deno task test` builds before it starts, because bundling needs the network once.
 */
export async function builtBin(): Promise<string> {
  Deno.mkdirSync(out, { recursive: true });
  using lock = Deno.openSync(`${out}/.lock`, { create: true, write: true });
  await lock.lock(true);
  if (!isFresh()) {
    const args = ["run", "-A", `${root}tasks/build.ts`, "--out", out];
    const { success, stderr } = await new Deno.Command(Deno.execPath(), { args, stdout: "null", stderr: "piped" })
      .output();
    if (!success) throw new Error(`Cannot build: ${new TextDecoder().decode(stderr)}`);
  }
  return `${out}/bin`;
}
