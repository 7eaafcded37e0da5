/**
 * `deno task test [files or flags of deno test]`: all tests in a private world, then the examples in the
 * documentation, then one line that counts both.
 */
import { build } from "./build.ts";
import { deno, projectRoot } from "./bundle.ts";
import { privateWorld, type World } from "./isolate.ts";
import { complain, say } from "./say.ts";

/** Tests that need nothing of the kernel. */
const PURE = ["tests/unit/", "tests/property/"];

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const add = (a: Counts, b: Counts): Counts => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
});

/** Passes output through, and keeps it. */
const tee = async (from: ReadableStream<Uint8Array>): Promise<string> => {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of from) {
    for (let at = 0; at < chunk.length;) at += Deno.stdout.writeSync(chunk.subarray(at));
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
};

/** Reads deno test's last line; a run that ends badly without one counts as one failure. */
const countsOf = (output: string, success: boolean): Counts => {
  // deno-lint-ignore no-control-regex
  const plain = output.replace(/\x1b\[[0-9;]*m/g, "");
  const summary = plain.split("\n").findLast((line) => /^(ok|FAILED) \| \d+ passed/.test(line)) ?? "";
  const number = (what: string) => Number(new RegExp(`(\\d+) ${what}`).exec(summary)?.[1] ?? 0);
  const failed = number("failed");
  return { passed: number("passed"), failed: success ? failed : Math.max(failed, 1), skipped: number("ignored") };
};

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

const { passed, failed, skipped } = await main();
say(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
Deno.exit(failed > 0 ? 1 : 0);
