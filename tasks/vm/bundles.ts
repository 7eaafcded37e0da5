/** Test files as bundles: emulated, loading a thousand modules would take minutes. */
import { deno, projectRoot } from "../bundle.ts";

/** The test files that these paths, relative to the project, name: files, and folders of them. */
export function testFiles(paths: readonly string[]): readonly string[] {
  const filesIn = (path: string): readonly string[] => {
    if (Deno.statSync(`${projectRoot}${path}`).isFile) return [path];
    const folder = path.replace(/\/+$/, "");
    const names = [...Deno.readDirSync(`${projectRoot}${folder}`)].map(({ name }) => name);
    return names.filter((name) => name.endsWith("_test.ts")).sort().map((name) => `${folder}/${name}`);
  };
  return paths.flatMap(filesIn);
}

/**
 * Bundles each of `files` to a script of its own, at the same place below `out`: they find the project's root from
 * where they are. Answers their paths.
 */
export async function bundleTests(files: readonly string[], out: string): Promise<readonly string[]> {
  const folders = Map.groupBy(files, (file) => file.slice(0, file.lastIndexOf("/")));
  for (const [folder, inFolder] of folders) {
    const flags = ["--quiet", "--platform", "deno", "--outdir", `${out}/${folder}`];
    await deno(["bundle", ...flags, ...inFolder], { DENO_CONDITIONS: "module" });
  }
  return files.map((file) => file.replace(/\.ts$/, ".js"));
}
