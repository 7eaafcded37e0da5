/**
 * `deno task compile [--out DIR]`: one self-contained executable, DIR/bin/cleat, and a hard link to it for each plugin
 * (default: dist/compiled). It does what the name it is started by says. Set DENORT_BIN to use a base binary of your own.
 */
import { parseArgs } from "@std/cli/parse-args";
import { executables } from "./build.ts";
import { bundle, deno, fromCaller, projectRoot } from "./bundle.ts";
import { runTask, say } from "./say.ts";

/** Puts the base binary and the bundle together as `file`. Throws an Error of one sentence when there is no base. */
const compile = async (folder: string, file: string): Promise<void> => {
  const flags = ["--quiet", "-A", "--no-config", "--no-lock", "--v8-flags=--no-lazy,--min-semi-space-size=16"];
  try {
    await deno(["compile", ...flags, "--include", folder, "--output", file, `${folder}/main.js`]);
  } catch (error) {
    const lines = (error instanceof Error ? error.message : String(error)).split("\n");
    const reason = (lines.find((line) => /^\s+1: /.test(line)) ?? lines[0] ?? "").replace(/^\s+1: /, "");
    const base = `the base binary of Deno ${Deno.version.deno} (DENORT_BIN may name one)`;
    throw new Error(`Cannot compile: could not use ${base}: ${reason}`);
  }
};

/** Compiles into `out`/bin; each name changes by one rename, so that running plugins are not disturbed. */
export async function compileAll(out: string): Promise<void> {
  const bin = `${out}/bin`;
  Deno.mkdirSync(bin, { recursive: true });
  const folder = Deno.makeTempDirSync({ dir: out, prefix: ".compile-" });
  try {
    await bundle(`${projectRoot}src/cli/main.ts`, `${folder}/bundle`);
    await compile(`${folder}/bundle`, `${folder}/cleat`);
    Deno.chmodSync(`${folder}/cleat`, 0o755);
    for (const name of executables) {
      Deno.linkSync(`${folder}/cleat`, `${folder}/link`);
      Deno.renameSync(`${folder}/link`, `${bin}/${name}`);
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const { out = "" } = parseArgs(Deno.args, { string: ["out"], default: { out: `${projectRoot}dist/compiled` } });
  await runTask(async () => {
    const folder = fromCaller(out);
    await compileAll(folder);
    say(`Compiled ${folder}/bin: ${executables.join(" ")}`);
  });
}
