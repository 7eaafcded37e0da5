/**
 * The one entry point of every executable. The first argument names the executable (a launcher passes it; a compiled
 * binary is asked for its own file name). VERSION is answered before anything is loaded.
 */
import "./prelude.ts";
import { PLUGIN_VERSIONS } from "../plugins/catalog.ts";
import { versionAnswer } from "../spec/version_answer.ts";
import { readInIfAny, writeOut } from "./stdio.ts";

const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** Whether Deno runs a script, so that the launcher has passed the name as the first argument. */
const isScript = baseName(Deno.execPath()).startsWith("deno");
const name = isScript ? Deno.args[0] ?? "cleat" : baseName(Deno.execPath());
const args = isScript ? Deno.args.slice(1) : Deno.args;
const verb = Deno.env.get("CNI_COMMAND") ?? "";
const versions = PLUGIN_VERSIONS[name];
/** `dhcp daemon`, as Go's executable has it, and `cleat dhcp daemon`. */
const daemonWords = name === "dhcp" ? args : name === "cleat" && args[0] === "dhcp" ? args.slice(1) : [];
/** `cleat` is the plugin of that name where a runtime executes it: with a verb, and without arguments. */
const isPlugin = versions !== undefined && (name !== "cleat" || (verb !== "" && args.length === 0));

if (args[0] === "--warm") {
  await warm();
} else {
  await run();
  Deno.exit();
}

async function run(): Promise<void> {
  if (daemonWords[0] === "daemon") {
    const { runDaemon } = await import("./dhcp/daemon.ts");
    Deno.exitCode = await runDaemon(daemonWords.slice(1));
  } else if (!isPlugin) {
    const { runOperator } = await import("./operator.ts");
    Deno.exitCode = await runOperator(args);
  } else if (verb === "VERSION") {
    writeOut(versionAnswer(readInIfAny(), versions ?? []));
  } else {
    const { runPlugin } = await import("./plugin_door.ts");
    Deno.exitCode = await runPlugin(name);
  }
}

/** Loads what this executable can need and ends by itself: only then does Deno write its code cache, never in `Deno.exit`. */
async function warm(): Promise<void> {
  const { loadPlugin } = await import("./plugin_door.ts");
  await loadPlugin(name);
  if (name === "dhcp") await import("./dhcp/daemon.ts");
  if (name === "cleat") await import("./operator.ts");
}
