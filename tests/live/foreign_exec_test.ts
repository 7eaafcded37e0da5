/** Executables as this machine runs them: real processes, in no namespace of their own and changing nothing. */
import assert from "node:assert/strict";
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { type ExecError, Executables, type Finished, MAX_OUTPUT_BYTES } from "../../src/effects/exec.ts";
import { executablesOfSystem } from "../../src/effects/exec_system.ts";
import { isProcess, runs, Scripts } from "../support/scripts.ts";

const PAUSE_MS = 5;
const layer = executablesOfSystem(PAUSE_MS);

const execute = (file: string, environment: Record<string, string> = {}, stdin = "") =>
  Effect.flatMap(Executables, (executables) => executables.run(file, environment, stdin)).pipe(Effect.provide(layer));

const run = (file: string, environment?: Record<string, string>, stdin?: string): Promise<Finished> =>
  Effect.runPromise(execute(file, environment, stdin));

const errorOf = <A>(exit: Exit.Exit<A, ExecError>): ExecError => {
  assert.ok(Exit.isFailure(exit));
  const error = Cause.findErrorOption(exit.cause);
  assert.ok(error._tag === "Some", Cause.pretty(exit.cause));
  return error.value;
};

/** Lets other things happen until there is an answer. */
async function until<A>(answer: () => A | null): Promise<A> {
  for (;;) {
    const found = answer();
    if (found !== null) return found;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const gone = (pids: readonly number[]) => until(() => pids.some(runs) ? null : true);

Deno.test("[B1, B4, B28, J89] a plugin gets its configuration on stdin, no arguments, and prints what it prints", async () => {
  using scripts = new Scripts();
  const file = scripts.write("plugin", 'echo "$#"; cat; echo words >&2; exit 3');
  const finished = await run(file, {}, '{"name":"net"}');
  assert.deepEqual(finished, { code: 3, signal: null, stdout: '0\n{"name":"net"}', stderr: "words\n" });
});

Deno.test("[B15, B47, J80, J82] the environment is the process's own, with ours in place of inherited variables, each once", async () => {
  using scripts = new Scripts();
  const file = scripts.write("plugin", "tr '\\0' '\\n' < /proc/self/environ");
  const mine = { CNI_IFNAME: "inherited", CLEAT_TEST_INHERITED: "kept", TRACEPARENT: "inherited-trace" };
  const before = Object.keys(mine).map((name) => [name, Deno.env.get(name)] as const);
  try {
    for (const [name, value] of Object.entries(mine)) Deno.env.set(name, value);
    const { stdout } = await run(file, { CNI_IFNAME: "eth0", CNI_CONTAINERID: "" });
    const lines = stdout.split("\n");
    const linesOf = (name: string) => lines.filter((line) => line.startsWith(`${name}=`));
    assert.deepEqual(linesOf("CNI_IFNAME"), ["CNI_IFNAME=eth0"]);
    assert.deepEqual(linesOf("CNI_CONTAINERID"), ["CNI_CONTAINERID="]);
    assert.deepEqual(linesOf("CLEAT_TEST_INHERITED"), ["CLEAT_TEST_INHERITED=kept"]);
    assert.deepEqual(linesOf("TRACEPARENT"), ["TRACEPARENT=inherited-trace"]);
    assert.equal(Deno.env.get("CNI_IFNAME"), "inherited", "our own environment is as it was");
  } finally {
    for (const [name, value] of before) value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  }
});

Deno.test("[B19, B20, D2, H28, J88] the first regular file in the folders of CNI_PATH is found, executable or not", async () => {
  using scripts = new Scripts();
  for (const folder of ["first", "second", "third"]) Deno.mkdirSync(`${scripts.folder}/${folder}`);
  Deno.mkdirSync(`${scripts.folder}/first/plugin`);
  Deno.symlinkSync(scripts.write("elsewhere", "", 0o600), `${scripts.folder}/second/plugin`);
  scripts.write("third/plugin", "");
  const find = (plugin: string, path: string) =>
    Effect.runPromiseExit(
      Effect.flatMap(Executables, (executables) => executables.find(plugin, path, false)).pipe(Effect.provide(layer)),
    );
  const [first, second, third] = ["first", "second", "third"].map((folder) => `${scripts.folder}/${folder}`);
  assert.deepEqual(
    await find("plugin", `/nowhere:${first}:${second}:${third}`),
    Exit.succeed({ ours: false, file: `${second}/plugin` }),
  );
  const failures: readonly (readonly [plugin: string, path: string, text: RegExp])[] = [
    ["", `${second}`, /no plugin name/],
    ["plugin", "", /Cannot find plugin "plugin": there is no CNI_PATH/],
    ["../second/plugin", `${first}`, /must not contain a slash/],
    ["missing", `${first}:${second}`, new RegExp(`Cannot find plugin "missing".*"${first}", "${second}"`)],
    ["missing", "", /no CNI_PATH/],
    ["no-such-plugin", ":/nowhere", /"\.", "\/nowhere"/],
  ];
  for (const [plugin, path, text] of failures) assert.match(errorOf(await find(plugin, path)).message, text);
  const inThis = await find("deno.json", ":/nowhere");
  assert.deepEqual(inThis, Exit.succeed({ ours: false, file: "./deno.json" }), "an empty folder is the current one");
});

Deno.test("[B19, B56, J89, J122] what is found but cannot be started is an error that says why", async () => {
  using scripts = new Scripts();
  const unable = scripts.write("unable", "", 0o644);
  const orphan = `${scripts.folder}/orphan`;
  Deno.writeTextFileSync(orphan, "#!/no/such/interpreter\n", { mode: 0o755 });
  for (const [file, why] of [[unable, "Permission denied"], [orphan, "No such file"], ["/nowhere/x", "No such file"]]) {
    const error = errorOf(await Effect.runPromiseExit(execute(file ?? "")));
    assert.equal(error.reason, "not startable");
    assert.ok(error.message.startsWith(`Cannot start plugin "${file}"`) && error.message.includes(why ?? ""));
  }
});

Deno.test("[B58, I32, J128] a file that is being replaced is started when it is whole, and is an error when that never comes", async () => {
  using scripts = new Scripts();
  const file = `${scripts.folder}/busy`;
  Deno.copyFileSync("/bin/true", file);
  Deno.chmodSync(file, 0o755);
  const writer = Deno.openSync(file, { write: true });
  const error = errorOf(await Effect.runPromiseExit(execute(file)));
  assert.match(error.message, /Text file busy/);
  const running = run(file);
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  writer.close();
  assert.equal((await running).code, 0);
});

Deno.test("[B61, J128] a plugin that never reads its stdin breaks nothing, however much there is to read", async () => {
  using scripts = new Scripts();
  const file = scripts.write("plugin", "exec <&-; echo done");
  const finished = await run(file, {}, JSON.stringify({ filler: "x".repeat(2 ** 20) }));
  assert.deepEqual(finished, { code: 0, signal: null, stdout: "done\n", stderr: "" });
});

Deno.test("[B32, J128] output is read to its end, also by children that outlive the plugin", async () => {
  using scripts = new Scripts();
  const file = scripts.write("plugin", "(sleep 0.05; echo late) & echo early");
  assert.equal((await run(file)).stdout, "early\nlate\n");
});

Deno.test("a plugin may read and print at once as much as it likes, below the limit", async () => {
  using scripts = new Scripts();
  const file = scripts.write("plugin", "cat; echo end");
  const text = "0123456789abcdef".repeat(2 ** 18);
  const { code, stdout } = await run(file, {}, text);
  assert.equal(code, 0);
  assert.ok(stdout === `${text}end\n`, `${stdout.length} characters`);
});

for (const output of ["stdout", "stderr"] as const) {
  Deno.test(`a plugin that floods ${output} is killed with its children, and the rest is not read`, async () => {
    using scripts = new Scripts();
    const redirect = output === "stderr" ? " >&2" : "";
    const file = scripts.write(
      "plugin",
      `sleep 1000 & echo $$ $! > pids.new; mv pids.new pids; exec cat /dev/zero${redirect}`.replaceAll(
        "pids",
        `${scripts.folder}/pids`,
      ),
    );
    const finished = await run(file);
    assert.deepEqual([finished.flooded, finished.signal], [output, "SIGKILL"]);
    assert.ok(finished[output].length <= MAX_OUTPUT_BYTES);
    const pids = (scripts.read("pids") ?? "").trim().split(" ").map(Number);
    assert.equal(pids.length, 2);
    await gone(pids);
  });
}

Deno.test("[B57, J60] an interrupted execution ends at once, and with it all that the plugin has started", async () => {
  using scripts = new Scripts();
  const file = scripts.write(
    "plugin",
    `sh -c 'sleep 1000 & echo $! > ${scripts.folder}/inner; wait' & echo $$ $! > ${scripts.folder}/outer; wait`,
  );
  const controller = new AbortController();
  const ended = Effect.runPromiseExit(execute(file), { signal: controller.signal });
  const pids = await until(() => {
    const [outer, inner] = [scripts.read("outer"), scripts.read("inner")];
    return outer === null || inner === null ? null : `${outer} ${inner}`.trim().split(/\s+/).map(Number);
  });
  assert.equal(pids.length, 3);
  assert.ok(pids.every(runs));
  controller.abort();
  assert.ok(Exit.hasInterrupts(await ended));
  assert.ok(!isProcess(pids[0] ?? 0), "the plugin has been waited for");
  await gone(pids);
});

Deno.test("an interruption does not wait for a child that has left the plugin's group and holds its output", async () => {
  using scripts = new Scripts();
  const file = scripts.write("plugin", `setsid sh -c 'echo $$ > ${scripts.folder}/pid; exec sleep 1000' & wait`);
  const controller = new AbortController();
  const ended = Effect.runPromiseExit(execute(file), { signal: controller.signal });
  const pid = Number(await until(() => scripts.read("pid")));
  controller.abort();
  assert.ok(Exit.hasInterrupts(await ended));
  assert.ok(runs(pid), "it is somebody else's");
  Deno.kill(pid, "SIGKILL");
});

Deno.test("an interruption between attempts at a busy file starts nothing", async () => {
  using scripts = new Scripts();
  const file = `${scripts.folder}/busy`;
  Deno.copyFileSync("/bin/true", file);
  Deno.chmodSync(file, 0o755);
  using _writer = Deno.openSync(file, { write: true });
  const slow = Effect.provide(
    Effect.flatMap(Executables, (executables) => executables.run(file, {}, "")),
    executablesOfSystem(1_000_000),
  );
  const controller = new AbortController();
  const ended = Effect.runPromiseExit(slow, { signal: controller.signal });
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  controller.abort();
  assert.ok(Exit.hasInterrupts(await ended));
});

Deno.test("executions leave no descriptor open and no process behind", async () => {
  using scripts = new Scripts();
  const file = scripts.write("plugin", "echo $$; cat > /dev/null");
  const descriptors = () => [...Deno.readDirSync("/proc/self/fd")].length;
  await run(file, {}, "{}");
  const before = descriptors();
  const finished = await Promise.all(Array.from({ length: 16 }, () => run(file, {}, "{}")));
  assert.ok(descriptors() <= before, `${before} before, ${descriptors()} after`);
  const pids = finished.map(({ stdout }) => Number(stdout));
  assert.equal(new Set(pids).size, 16);
  assert.deepEqual(pids.filter(isProcess), []);
});
