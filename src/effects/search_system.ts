/** Searching plugin executables in the folders of CNI_PATH, as libcni's FindInPath does. */
import { ExecError, type Found } from "./exec.ts";
import { LAUNCHER_TITLE } from "./program.ts";

const isFile = (path: string): boolean => {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
};

/** Bytes of a launcher that tell whose it is: its first two lines. */
const LAUNCHER_HEAD_BYTES = 96;

/** Whether a file is this very version of Cleat: one of its launchers, or the compiled executable under another name. */
function isOurs(file: string): boolean {
  try {
    using opened = Deno.openSync(file, { read: true });
    const head = new Uint8Array(LAUNCHER_HEAD_BYTES);
    const length = opened.readSync(head) ?? 0;
    const [shebang, title] = new TextDecoder().decode(head.subarray(0, length)).split("\n");
    if (shebang === "#!/bin/sh") return title?.endsWith(`, ${LAUNCHER_TITLE}`) ?? false;
    const self = Deno.statSync(Deno.execPath());
    const stat = opened.statSync();
    return stat.ino === self.ino && stat.dev === self.dev;
  } catch {
    return false;
  }
}

/**
 * Where a plugin type leads: the first regular file of that name, executable or not, in the folders of `path`; an empty
 * folder is the current one. An empty path, and a file that is this version of Cleat, lead to our recipe where `known`
 * says that there is one.
 */
export function search(plugin: string, path: string, known: boolean): Found | ExecError {
  const fail = (detail: string) => new ExecError({ plugin, reason: "not found", detail });
  if (plugin === "") return fail("no plugin name provided");
  if (plugin.includes("/")) return fail("the name must not contain a slash");
  if (path === "") return known ? { ours: true } : fail("there is no CNI_PATH to search");
  const folders = path.split(":").map((folder) => folder || ".");
  const folder = folders.find((folder) => isFile(`${folder}/${plugin}`));
  if (folder === undefined) return fail(`not found in CNI_PATH ${folders.map((folder) => `"${folder}"`).join(", ")}`);
  const file = `${folder}/${plugin}`;
  return known && isOurs(file) ? { ours: true } : { ours: false, file };
}
