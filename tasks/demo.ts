/**
 * `deno task demo`: the life of three containers, told step by step. Everything happens in a private world, so nothing
 * of this machine is touched. The story is also a test: it ends with status 1 at the first step that is not as told.
 */
import { builtBin } from "../tests/support/built.ts";
import { deno, projectRoot } from "./bundle.ts";
import { privateWorld } from "./isolate.ts";
import { runTask, say } from "./say.ts";

/** The program that tells the story inside the private world. */
const STORY = "tasks/demo/story.ts";

/** A story takes a few seconds; one that takes this long, in milliseconds, hangs. */
const LIMIT_MS = 60_000;

await runTask(async () => {
  const world = privateWorld();
  if (world === null) {
    throw new Error("Cannot run the demo: it needs namespaces of its own, as root or with user namespaces allowed");
  }
  // There is no network inside: what the story imports, and the executables, must be there before.
  await deno(["cache", "--quiet", STORY]);
  const bin = await builtBin();
  say(`This demo runs in ${world.name}.`);
  say("It cannot reach this machine's network, and /var/lib and /run are empty folders of its own.");
  const [program = "", ...prefix] = world.prefix;
  const child = new Deno.Command(program, {
    args: [...prefix, Deno.execPath(), "run", "--quiet", "--cached-only", "-A", `${projectRoot}${STORY}`, bin],
    cwd: projectRoot,
    stdin: "null",
    signal: AbortSignal.timeout(LIMIT_MS),
  }).spawn();
  const { code, signal } = await child.status;
  if (signal !== null) throw new Error(`Cannot finish the demo: it was ended by ${signal}`);
  Deno.exit(code);
});
