/**
 * The newer release of Go's plugins and of its libcni, which `deno task newer-suite` fetches: where they are kept, and
 * what is there.
 */

const environment = (name: string): string => Deno.env.get(name) ?? "";

/** Where fetched releases are kept, a folder for each. */
export const suiteCache = (): string =>
  `${environment("XDG_CACHE_HOME") || `${environment("HOME") || "/tmp"}/.cache`}/cleat-suite`;

/** A release: what is in the root that its packages were unpacked to. */
export interface NewerSuite {
  readonly root: string;
  /** The release of the plugins, such as "1.9.1"; "newer" where the folder does not tell. */
  readonly release: string;
  /** The folder of the plugins. */
  readonly plugins: string;
  /** The GOPATH that has libcni's source. */
  readonly gocode: string;
  /** A Go compiler's folder (GOROOT), or null where none was needed. */
  readonly goRoot: string | null;
}

const names = (folder: string): readonly string[] => {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name);
  } catch {
    return [];
  }
};

/** The release in a root, or null where there is none. */
export function suiteIn(root: string): NewerSuite | null {
  const plugins = `${root}/usr/lib/cni`;
  if (!names(plugins).includes("bridge")) return null;
  const go = names(`${root}/usr/lib`).find((name) => /^go-\d/.test(name));
  return {
    root,
    release: /^\d+\.\d+\.\d+/.exec(root.slice(root.lastIndexOf("/") + 1))?.[0] ?? "newer",
    plugins,
    gocode: `${root}/usr/share/gocode`,
    goRoot: go === undefined ? null : `${root}/usr/lib/${go}`,
  };
}

/** The release to test beside: the root in `$CLEAT_NEWER_SUITE`, else the newest that was fetched, else null. */
export function newerSuite(): NewerSuite | null {
  const chosen = environment("CLEAT_NEWER_SUITE");
  if (chosen !== "") return suiteIn(chosen);
  const releases = names(suiteCache()).filter((name) => /^\d/.test(name))
    .sort((a, b) => b.localeCompare(a, "en", { numeric: true }));
  return releases.map((name) => suiteIn(`${suiteCache()}/${name}`)).find((suite) => suite !== null) ?? null;
}
