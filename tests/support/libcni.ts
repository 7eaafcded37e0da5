/** Go's libcni as a program, built from Debian's source package where there are a Go compiler and that source. */

const GOPATH = "/usr/share/gocode";
const source = decodeURIComponent(new URL("../conformance/libcni/main.go", import.meta.url).pathname);

const isFolder = (path: string): boolean => {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
};

/** What is missing here, or null. */
export const missingForLibcni: string | null = !isFolder(`${GOPATH}/src/github.com/containernetworking/cni/libcni`)
  ? "no libcni source (golang-github-appc-cni-dev)"
  : !isFolder("/usr/lib/go")
  ? "no Go compiler (golang-go)"
  : null;

/** Builds the program into a folder; answers its path. */
export function buildLibcni(folder: string): string {
  const file = `${folder}/libcni`;
  const { success, stderr } = new Deno.Command("/usr/lib/go/bin/go", {
    args: ["build", "-o", file, source],
    clearEnv: true,
    env: { PATH: "/usr/bin:/bin", HOME: folder, GO111MODULE: "off", GOPATH, GOCACHE: `${folder}/go-cache` },
    cwd: folder,
  }).outputSync();
  if (!success) throw new Error(`Cannot build libcni: ${new TextDecoder().decode(stderr)}`);
  return file;
}
