/**
 * `deno task test [files or flags of deno test]`: all tests in a private world, then the examples in the
 * documentation, then one line that counts both.
 */
import { build } from "./build.ts";
import { deno, projectRoot } from "./bundle.ts";
import { add, type Counts, countsOf, summary, tee } from "./counts.ts";
import { privateWorld, type World } from "./isolate.ts";
import { complain, say } from "./say.ts";

/** Tests that need nothing of the kernel. */
const PURE = ["tests/unit/", "tests/property/"];

/** Runs `deno test` with `args`, in `world` if there is one. */
const run = async (world: World | null, args: readonly string[]): Promise<Counts> => {
  const [program = "", ...rest] = [...(world?.prefix ?? []), Deno.execPath(), "test", "-A", ...args];
  const child = new Deno.Command(program, {
    args: rest,
    cwd: projectRoot,
    env: Deno.stdout.isTerminal() ? { FORCE_COLOR: "1" } : { NO_COLOR: "1" },
    stdout: "piped",
  }).spawn();
  const output = await tee(child.stdout);
  const { success } = await child.status;
  return countsOf(output, success);
};

const isPath = (argument: string): boolean => {
  try {
    Deno.statSync(`${projectRoot}${argument}`);
    return !argument.startsWith("-");
  } catch {
    return false;
  }
};

/**
 * In the private world there is no network: what tests import, and what bundling needs, must be there before. Counts
 * as a failed test when it does not work.
 */
const makeReady = async (): Promise<Counts> => {
  try {
    await deno(["cache", "--quiet", "mod.ts", "src/", "tests/", "tasks/"]);
    await build(`${projectRoot}dist`);
    return { passed: 0, failed: 0, skipped: 0 };
  } catch (error) {
    complain(error instanceof Error ? error.message : String(error));
    return { passed: 0, failed: 1, skipped: 0 };
  }
};

const main = async (): Promise<Counts> => {
  const world = privateWorld();
  say(
    world
      ? `Tests run in ${world.name}.`
      : `SKIPPED: all tests but ${PURE.join(" and ")}, because this machine allows no private namespaces.`,
  );
  const ready = await makeReady();
  const chosen = Deno.args.some(isPath) ? [] : world ? ["tests/"] : PURE;
  const tests = add(ready, await run(world, ["--parallel", ...chosen, ...Deno.args]));
  if (Deno.args.length > 0) return tests;
  say("\nExamples in the documentation:");
  return add(tests, await run(world, ["--doc", "--parallel", "mod.ts", "src/", "README.md"]));
};

const counts = await main();
say(summary(counts));
Deno.exit(counts.failed > 0 ? 1 : 0);
