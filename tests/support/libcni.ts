/** Go's libcni as a program, built from Debian's source package where there are a Go compiler and that source. */

import { newerSuite } from "./newer_suite.ts";

const root = decodeURIComponent(new URL("../../", import.meta.url).pathname);
const source = `${root}tests/conformance/libcni/main.go`;
const out = `${root}dist/libcni`;

const textOf = (path: string): string | null => {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return null;
  }
};

/** A release of libcni, and what its program is built with. */
export interface GoLibcni {
  readonly name: string;
  /** What is missing here, or null. */
  readonly missing: string | null;
  /** Why it cannot do a verb that only newer releases have, or null where it can. */
  readonly lacksVerb: (verb: string) => string | null;
  /** The GOPATH with its source, the GOROOT of a compiler, the name of the program and the folder of Go's build cache. */
  readonly gopath: string;
  readonly goroot: string;
  readonly program: string;
  readonly goCache: string;
}

const NEWER_VERBS = new Map([
  ["GC", "GCNetworkList"],
  ["STATUS", "GetStatusNetworkList"],
  ["ATTACHMENTS", "GetCachedAttachments"],
]);

const libcniOf = (
  name: string,
  gopath: string,
  goroot: string,
  given: Pick<GoLibcni, "program" | "goCache"> & { readonly lacksSource: string },
): GoLibcni => {
  const { lacksSource, ...rest } = given;
  const api = textOf(`${gopath}/src/github.com/containernetworking/cni/libcni/api.go`);
  const version = textOf(`${goroot}/VERSION`);
  const lacksVerb = (verb: string): string | null => {
    const method = NEWER_VERBS.get(verb);
    return method === undefined || api?.includes(`) ${method}(`) ? null : `this release of libcni has no ${verb}`;
  };
  const [, minor] = /^go1\.(\d+)/.exec(version ?? "") ?? [];
  const tooOld = api?.includes("errors.Join(") && Number(minor) < 20 ? `Go 1.${minor} is too old for it` : null;
  const missing = api === null ? lacksSource : version === null ? "no Go compiler (golang-go)" : tooOld;
  return { name, missing, lacksVerb, gopath, goroot, ...rest };
};

/** The one that is installed. */
export const installedLibcni: GoLibcni = libcniOf("Go's libcni", "/usr/share/gocode", "/usr/lib/go", {
  program: "libcni",
  goCache: `${out}/go-cache`,
  lacksSource: "no libcni source (golang-github-appc-cni-dev)",
});

const newer = newerSuite();

/** The one that is fetched. */
export const newerLibcni: GoLibcni = libcniOf(
  "Go's newer libcni",
  newer?.gocode ?? "",
  newer?.goRoot ?? "/usr/lib/go",
  {
    program: "newer-libcni",
    goCache: `${newer?.root}/go-cache`,
    lacksSource: "no newer libcni (deno task newer-suite)",
  },
);

/** When a file was written, in milliseconds since 1970; 0 for one that is not there. */
const writtenAt = (path: string): number => {
  try {
    return Deno.statSync(path).mtime?.getTime() ?? 0;
  } catch {
    return 0;
  }
};

/**
 * The program, built first when there is none or its source is newer; test files that ask at once wait for one build.
 * What it takes and prints is told at the top of its source.
 */
export async function builtLibcni(libcni: GoLibcni = installedLibcni): Promise<string> {
  const file = `${out}/${libcni.program}`;
  Deno.mkdirSync(out, { recursive: true });
  using lock = Deno.openSync(`${out}/.lock`, { create: true, write: true });
  await lock.lock(true);
  if (writtenAt(file) > Math.max(writtenAt(source), writtenAt(libcni.gopath))) return file;
  const { success, stderr } = await new Deno.Command(`${libcni.goroot}/bin/go`, {
    args: ["build", "-o", file, source],
    clearEnv: true,
    env: {
      PATH: "/usr/bin:/bin",
      HOME: out,
      GO111MODULE: "off",
      GOTOOLCHAIN: "local",
      GOROOT: libcni.goroot,
      GOPATH: libcni.gopath,
      GOCACHE: libcni.goCache,
    },
    cwd: out,
  }).output();
  if (!success) throw new Error(`Cannot build libcni: ${new TextDecoder().decode(stderr)}`);
  return file;
}
