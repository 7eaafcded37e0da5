/**
 * The one entry point of every executable. The first argument names the executable (a launcher passes it; a compiled
 * binary is asked for its own file name). VERSION is answered before anything is loaded.
 */
import "./prelude.ts";
import { PLUGIN_VERSIONS } from "../plugins/catalog.ts";
import { LATEST } from "../spec/released_versions.ts";
import { writeOut } from "./stdio.ts";

const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** Whether Deno runs a script, so that the launcher has passed the name as the first argument. */
const isScript = baseName(Deno.execPath()).startsWith("deno");
const name = isScript ? Deno.args[0] ?? "cleat" : baseName(Deno.execPath());
const args = isScript ? Deno.args.slice(1) : Deno.args;
const versions = PLUGIN_VERSIONS[name];

if (versions === undefined) {
  const { runOperator } = await import("./operator.ts");
  Deno.exitCode = await runOperator(args);
} else if (Deno.env.get("CNI_COMMAND") === "VERSION") {
  // The newest version, as Go's skeleton answers, whatever was asked.
  writeOut(`${JSON.stringify({ cniVersion: LATEST, supportedVersions: versions })}\n`);
} else {
  const { runPlugin } = await import("./plugin_door.ts");
  Deno.exitCode = await runPlugin(name);
}
if (args[0] !== "--warm") Deno.exit();
