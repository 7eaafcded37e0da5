/**
 * Installing a bundle so that containers can come and go meanwhile: every build gets a folder of its own, is warmed
 * there, and only then do the launchers change to it, each by one rename.
 */
import { DatabaseSync } from "node:sqlite";
import { cacheOf, environment, launcher, type Release, releaseOf, runFlags } from "./launcher.ts";

/** What to install where. */
export interface Installation {
  /** The folder that holds `bin` and `lib`. */
  readonly out: string;
  /** A folder with main.js and its chunks; copied. */
  readonly bundle: string;
  /** Names of the executables; the first is a plugin. */
  readonly names: readonly string[];
  readonly version: string;
}

const filesIn = (folder: string): string[] =>
  [...Deno.readDirSync(folder)].filter(({ isFile }) => isFile).map(({ name }) => name).sort();

const entriesIn = (folder: string): string[] => {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
};

/** A name for the content: the same bundle, run by the same Deno with the same flags, is the same release. */
const identify = async (bundle: string): Promise<string> => {
  const parts: BlobPart[] = [`${Deno.version.deno} ${runFlags.join(" ")}\n`];
  for (const name of filesIn(bundle)) parts.push(`${name}\n`, Deno.readFileSync(`${bundle}/${name}`), "\n");
  const digest = await crypto.subtle.digest("SHA-256", await new Blob(parts).arrayBuffer());
  return new Uint8Array(digest).toHex().slice(0, 12);
};

const makeFolder = (path: string): void => {
  Deno.mkdirSync(path, { recursive: true });
  Deno.chmodSync(path, 0o755);
};

/** Puts a complete file in place of another: whoever runs or reads the old one keeps it. */
const place = (path: string, mode: number, make: (temporary: string) => void): void => {
  const temporary = `${path}.${Deno.pid}.new`;
  try {
    make(temporary);
    Deno.chmodSync(temporary, mode);
    Deno.renameSync(temporary, path);
  } catch (error) {
    if (entriesIn(path.slice(0, path.lastIndexOf("/"))).some((name) => temporary.endsWith(`/${name}`))) {
      Deno.removeSync(temporary);
    }
    throw error;
  }
};

/** The Deno that runs this task, shared by all releases: a hard link, or a copy from another file system. */
const installRuntime = (lib: string, name: string): void => {
  const source = Deno.execPath();
  if (entriesIn(lib).includes(name) && Deno.statSync(`${lib}/${name}`).size === Deno.statSync(source).size) return;
  const worldExecutable = ((Deno.statSync(source).mode ?? 0) & 0o777) === 0o755;
  place(`${lib}/${name}`, 0o755, (temporary) => {
    try {
      if (!worldExecutable) throw new Deno.errors.PermissionDenied("a link would have its mode");
      Deno.linkSync(source, temporary);
    } catch {
      Deno.copyFileSync(source, temporary);
    }
  });
};

const installRelease = (lib: string, { bundle, version }: Installation, id: string): void => {
  if (entriesIn(lib).includes(id)) return;
  const temporary = `${lib}/${id}.${Deno.pid}.new`;
  makeFolder(temporary);
  makeFolder(cacheOf(temporary));
  for (const name of filesIn(bundle)) {
    Deno.copyFileSync(`${bundle}/${name}`, `${temporary}/${name}`);
    Deno.chmodSync(`${temporary}/${name}`, 0o644);
  }
  Deno.writeTextFileSync(`${temporary}/VERSION`, `${version}\n`, { mode: 0o644 });
  Deno.renameSync(temporary, `${lib}/${id}`);
};

/** Runs main.js of a release as its launchers will: at the same path and with the same flags. */
const runAs = (lib: string, release: Release, name: string, args: readonly string[], env: Record<string, string>) => {
  const folder = `${lib}/${release.id}`;
  const { success, stdout, stderr } = new Deno.Command(`${lib}/${release.runtime}`, {
    args: [...runFlags, `${folder}/main.js`, name, ...args],
    clearEnv: true,
    env: { ...environment(folder), ...env, NO_COLOR: "1" },
    stdin: "null",
  }).outputSync();
  const decoder = new TextDecoder();
  return { success, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
};

/** Fills the code cache: `--warm` makes main.js load what the executable can need. */
const warm = (lib: string, release: Release, names: readonly string[]): void => {
  for (const name of names) runAs(lib, release, name, ["--warm"], {});
  settleCaches(cacheOf(`${lib}/${release.id}`));
};

/**
 * Moves what Deno's databases have in their write-ahead logs into the databases themselves, from where it is read in
 * a few large pieces instead of page by page: 2 ms for each start.
 */
const settleCaches = (cache: string): void => {
  for (const name of entriesIn(cache).filter((name) => entriesIn(cache).includes(`${name}-wal`))) {
    const database = new DatabaseSync(`${cache}/${name}`);
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    database.close();
  }
};

/** Refuses a release that cannot even tell its version, before any launcher changes to it. */
const verify = (lib: string, release: Release, [name = ""]: readonly string[]): void => {
  const { success, stdout, stderr } = runAs(lib, release, name, [], { CNI_COMMAND: "VERSION" });
  if (!success || !stdout.includes("supportedVersions")) {
    throw new Error(`Cannot install release "${release.id}": "${name}" does not answer VERSION: ${stderr || stdout}`);
  }
};

/** The releases that the launchers in `bin` name now. */
const releasesInUse = (bin: string): Set<string> => {
  const scripts = filesIn(bin).filter((name) => Deno.statSync(`${bin}/${name}`).size < 10_000);
  const named = scripts.map((name) => releaseOf(Deno.readTextFileSync(`${bin}/${name}`)));
  return new Set(named.filter((id) => id !== null));
};

/** Removes releases that neither the new launchers nor the ones they replaced name: a process may still run those. */
const prune = (lib: string, keep: ReadonlySet<string>): void => {
  const releases = entriesIn(lib).filter((name) => /^[0-9a-f]{12}$/.test(name));
  for (const name of releases.filter((id) => !keep.has(id))) Deno.removeSync(`${lib}/${name}`, { recursive: true });
};

/** Installs, or updates in place. Running plugins finish with the files they started from. */
export async function install(installation: Installation): Promise<Release> {
  const { names, version } = installation;
  makeFolder(installation.out);
  const out = Deno.realPathSync(installation.out);
  const bin = `${out}/bin`, lib = `${out}/lib/cleat`;
  for (const folder of [bin, `${out}/lib`, lib]) makeFolder(folder);
  const id = await identify(installation.bundle);
  const release: Release = { id, version, runtime: `deno-${Deno.version.deno}` };
  installRuntime(lib, release.runtime);
  installRelease(lib, installation, release.id);
  verify(lib, release, names);
  warm(lib, release, names);
  const before = releasesInUse(bin);
  for (const name of names) {
    place(`${bin}/${name}`, 0o755, (temporary) => Deno.writeTextFileSync(temporary, launcher(name, release)));
  }
  prune(lib, before.add(release.id));
  return release;
}
