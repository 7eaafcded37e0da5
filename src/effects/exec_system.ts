/** Executables of this machine. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Schedule from "effect/Schedule";
import { ExecError, Executables, type Finished, type Found } from "./exec.ts";
import { LAUNCHER_TITLE } from "./program.ts";

/** Pauses between attempts to start a file that is being replaced (ETXTBSY), in milliseconds, and their number: Go libcni's. */
const BUSY_PAUSE_MS = 1_000;
const BUSY_RETRIES = 5;

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

function find(plugin: string, path: string, known: boolean): Found | ExecError {
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

/** Deno reports ETXTBSY as a plain error with this code. */
const isBusy = (error: unknown): boolean =>
  error instanceof Error &&
  ((error as { readonly code?: string }).code === "ETXTBSY" || /os error 26/.test(error.message));

async function run(
  file: string,
  environment: Readonly<Record<string, string>>,
  stdin: string,
  signal: AbortSignal,
): Promise<Finished> {
  const child = new Deno.Command(file, {
    env: { ...environment },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    signal,
  }).spawn();
  const output = child.output();
  const writer = child.stdin.getWriter();
  // A plugin may end without reading its stdin; that is no error (broken pipe).
  await writer.write(new TextEncoder().encode(stdin)).catch(() => {});
  await writer.close().catch(() => {});
  const { code, signal: killed, stdout, stderr } = await output;
  const decoder = new TextDecoder();
  return { code, signal: killed, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Executables of this machine, found in the file system and run as child processes. */
export const systemExecutables: Layer.Layer<Executables> = Layer.succeed(Executables)({
  find: (plugin, path, known) =>
    Effect.suspend(() => {
      const found = find(plugin, path, known);
      return found instanceof ExecError ? Effect.fail(found) : Effect.succeed(found);
    }),
  run: (file, environment, stdin) =>
    Effect.tryPromise({ try: (signal) => run(file, environment, stdin, signal), catch: (error) => error }).pipe(
      Effect.retry({ while: isBusy, times: BUSY_RETRIES, schedule: Schedule.spaced(BUSY_PAUSE_MS) }),
      Effect.mapError((error) =>
        new ExecError({
          plugin: file,
          reason: "not startable",
          detail: error instanceof Error ? error.message : `${error}`,
        })
      ),
    ),
});
