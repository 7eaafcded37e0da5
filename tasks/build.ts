/** `deno task build [--out DIR]`: bundles Cleat and installs it as DIR/bin and DIR/lib/cleat (default: dist). */
import { parseArgs } from "@std/cli/parse-args";
import { PLUGIN_VERSIONS } from "../src/plugins/catalog.ts";
import { bundle, fromCaller, projectRoot, projectVersion } from "./bundle.ts";
import { install } from "./install.ts";
import type { Release } from "./launcher.ts";
import { runTask, say } from "./say.ts";

/** Names of all executables: the plugins, one of which is the operator command as well. */
export const executables: readonly string[] = Object.keys(PLUGIN_VERSIONS);

/** Builds and installs below `out`, which is made where it is missing. */
export async function build(out: string): Promise<Release> {
  const folder = await Deno.makeTempDir({ prefix: "cleat-build-" });
  try {
    await bundle(`${projectRoot}src/cli/main.ts`, folder);
    return await install({ out, bundle: folder, names: executables, version: await projectVersion() });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const { out = "" } = parseArgs(Deno.args, { string: ["out"], default: { out: `${projectRoot}dist` } });
  await runTask(async () => {
    const folder = fromCaller(out);
    const release = await build(folder);
    say(`Built Cleat ${release.version} (${release.id}): ${folder}/bin: ${executables.join(" ")}`);
  });
}
