/** Go's libcni as a program, built from Debian's source package where there are a Go compiler and that source. */

const GOPATH = "/usr/share/gocode";
const LIBCNI = `${GOPATH}/src/github.com/containernetworking/cni/libcni`;
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

const api = textOf(`${LIBCNI}/api.go`);

/** What is missing here, or null. */
export const missingForLibcni: string | null = api === null
  ? "no libcni source (golang-github-appc-cni-dev)"
  : textOf("/usr/lib/go/VERSION") === null
  ? "no Go compiler (golang-go)"
  : null;

/** Why this libcni cannot do a verb that only newer releases have, or null where it can. */
export const lacksVerb = (verb: string): string | null => {
  const method = {
    GC: "GCNetworkList",
    STATUS: "GetStatusNetworkList",
    ATTACHMENTS: "GetCachedAttachments",
  }[verb];
  return method === undefined || api?.includes(`) ${method}(`) ? null : `this release of libcni has no ${verb}`;
};

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
export async function builtLibcni(): Promise<string> {
  const file = `${out}/libcni`;
  Deno.mkdirSync(out, { recursive: true });
  using lock = Deno.openSync(`${out}/.lock`, { create: true, write: true });
  await lock.lock(true);
  if (writtenAt(file) > writtenAt(source)) return file;
  const { success, stderr } = await new Deno.Command("/usr/lib/go/bin/go", {
    args: ["build", "-o", file, source],
    clearEnv: true,
    env: { PATH: "/usr/bin:/bin", HOME: out, GO111MODULE: "off", GOPATH, GOCACHE: `${out}/go-cache` },
    cwd: out,
  }).output();
  if (!success) throw new Error(`Cannot build libcni: ${new TextDecoder().decode(stderr)}`);
  return file;
}
