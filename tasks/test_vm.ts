/**
 * `deno task test:vm [files or flags of deno test]`: tests of what small kernels lack, under Debian's stock kernel in a
 * virtual machine. Nothing is installed; of this machine only a cache of the kernel is written, and a build. The last
 * line counts; where there can be no such machine, one test counts as skipped.
 */
import { build } from "./build.ts";
import { projectRoot } from "./bundle.ts";
import { type Counts, countsOf, summary } from "./counts.ts";
import { privateWorld } from "./isolate.ts";
import { complain, say } from "./say.ts";
import { bundleTests, testFiles } from "./vm/bundles.ts";
import { debianKernel, type Kernel } from "./vm/kernel.ts";
import { runInMachine } from "./vm/machine.ts";
import { Unavailable } from "./vm/tools.ts";

/** What is tried there when nothing is named. */
const TESTS = ["tests/vm/"];

/** What tests there run as processes of their own: bundled as they are. */
const SCRIPTS = ["tests/support/dying_door.ts"];

/** Variables that tests may be told something by. */
const HANDED_ON = ["CLEAT_VM_CRASHES"];

/**
 * For everything there, in milliseconds; `$CLEAT_VM_LIMIT` has other seconds, for a busy machine. Emulated, a test file
 * takes 3 s, and then 1.5 s for each run of a plugin.
 */
const LIMIT = 1000 * Number(Deno.env.get("CLEAT_VM_LIMIT") || 230);

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** Runs `deno test` as on the host, with bundles in place of the sources, and caches of its own. */
const commandOf = (args: readonly string[]): string => {
  const environment = {
    PATH: `${Deno.env.get("PATH") ?? ""}:/usr/sbin:/usr/bin:/sbin:/bin`,
    HOME: Deno.env.get("HOME") ?? "/root",
    DENO_DIR: "/.cleat-deno",
    ...(Deno.stdout.isTerminal() ? { FORCE_COLOR: "1" } : { NO_COLOR: "1" }),
    CLEAT_TEST_KINDS: "required",
    ...Object.fromEntries(HANDED_ON.map((name) => [name, Deno.env.get(name) ?? ""])),
  };
  const exports = Object.entries(environment).map(([name, value]) => `export ${name}=${quoted(value)}`);
  const test = [Deno.execPath(), "test", "-A", "--no-check", "--no-lock", "--cached-only", "--parallel", ...args];
  const inWorld = [...(privateWorld()?.prefix ?? []), ...test].map(quoted).join(" ");
  return [...exports, `cd ${quoted(projectRoot)}`, "cp -r /.cleat-vm/tests .", inWorld].join("\n");
};

const testUnder = async (kernel: Kernel): Promise<Counts> => {
  const paths = Deno.args.filter((argument) => argument.startsWith("tests/"));
  const flags = Deno.args.filter((argument) => !argument.startsWith("tests/"));
  const exchange = await Deno.makeTempDir({ prefix: "cleat-vm-" });
  try {
    await build(`${projectRoot}dist`);
    const bundles = await bundleTests(testFiles(paths.length > 0 ? paths : TESTS), exchange);
    await bundleTests(SCRIPTS, exchange);
    const { output, status } = await runInMachine(kernel, commandOf([...flags, ...bundles]), {
      exchange,
      limit: LIMIT,
    });
    return countsOf(output, status === 0);
  } finally {
    await Deno.remove(exchange, { recursive: true });
  }
};

const main = async (): Promise<Counts> => {
  try {
    return await testUnder(await debianKernel());
  } catch (error) {
    if (error instanceof Unavailable) {
      say(`SKIPPED: all tests under Debian's kernel, because ${error.message}.`);
      return { passed: 0, failed: 0, skipped: 1 };
    }
    complain(error instanceof Error ? error.message : String(error));
    return { passed: 0, failed: 1, skipped: 0 };
  }
};

const counts = await main();
say(summary(counts));
Deno.exit(counts.failed > 0 ? 1 : 0);
