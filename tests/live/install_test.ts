import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { install } from "../../tasks/install.ts";
import { unless } from "../support/capabilities.ts";
import { miniBundle } from "../support/mini_bundle.ts";

const names = ["bridge", "cleat"];

/** A folder to install into, with a space in its path, that other users may enter. */
const place = (): { readonly root: string; readonly out: string } & Disposable => {
  const root = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "cleat-install-" }));
  Deno.chmodSync(root, 0o755);
  return { root, out: `${root}/opt cni`, [Symbol.dispose]: () => Deno.removeSync(root, { recursive: true }) };
};

const installMini = (at: { root: string; out: string }, answer: string) =>
  install({ out: at.out, bundle: miniBundle(at.root, answer), names, version: "1.2.3" });

const run = (file: string, options: Deno.CommandOptions = {}) => {
  const { clearEnv = true, env, ...rest } = options;
  const command = new Deno.Command(file, { stdin: "null", ...rest, clearEnv, env: { CNI_COMMAND: "VERSION", ...env } });
  const { code, stdout, stderr } = command.outputSync();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
};

const version = (name: string, answer: string, ...args: string[]) => ({
  code: 0,
  stdout: `${JSON.stringify({ supportedVersions: ["1.1.0"], name, args, answer })}\n`,
  stderr: "",
});

const releases = (out: string) => [...Deno.readDirSync(`${out}/lib/cleat`)].filter(({ isDirectory }) => isDirectory);

Deno.test("an executable starts from any folder, by any path, without an environment", async () => {
  using at = place();
  await installMini(at, "a");
  const bridge = `${at.out}/bin/bridge`;
  Deno.symlinkSync(bridge, `${at.root}/elsewhere`);
  Deno.symlinkSync(`${at.out}/bin`, `${at.root}/bin`);
  const expected = version("bridge", "a");
  assert.deepEqual(run(bridge), expected);
  assert.deepEqual(run(bridge, { cwd: "/" }), expected);
  assert.deepEqual(run("bin/bridge", { cwd: at.out }), expected, "relative");
  assert.deepEqual(run("./bridge", { cwd: `${at.out}/bin` }), expected, "in its own folder");
  assert.deepEqual(run("sh", { args: ["bridge"], cwd: `${at.out}/bin` }), expected, "without a folder");
  assert.deepEqual(run(`${at.root}/elsewhere`), expected, "through a link to it");
  assert.deepEqual(run(`${at.root}/bin/bridge`), expected, "through a link to its folder");
  assert.deepEqual(run(`${at.out}/bin/cleat`, { args: ["log", "a b"] }), version("cleat", "a", "log", "a b"));
});

Deno.test("what the caller has set for Deno, and project files where it stands, change nothing", async () => {
  using at = place();
  await installMini(at, "a");
  for (const file of ["deno.json", "package.json", "deno.lock", "tsconfig.json", ".npmrc"]) {
    Deno.writeTextFileSync(`${at.root}/${file}`, "{ this is not JSON");
  }
  const env = {
    DENO_DIR: "/nowhere/cache",
    DENO_V8_FLAGS: "--stack-size=1",
    DENO_COVERAGE_DIR: `${at.root}/coverage`,
    DENO_AUDIT_PERMISSIONS: `${at.root}/audit`,
    DENO_TRACE_PERMISSIONS: "1",
    DENO_LOG: "debug",
    DENO_TOKIO_EVENT_INTERVAL: "x",
    DENO_UNSTABLE_CONTROL_SOCK: "/nowhere.sock",
    NODE_CHANNEL_FD: "3",
    DENO_CERT: "/nowhere/cert",
    DENO_CONDITIONS: "browser",
    NODE_OPTIONS: "--require=/nowhere.js",
    NODE_V8_COVERAGE: `${at.root}/coverage`,
    NODE_EXTRA_CA_CERTS: "/nowhere/ca",
    OTEL_DENO: "true",
  };
  assert.deepEqual(run(`${at.out}/bin/bridge`, { env, cwd: at.root }), version("bridge", "a"));
  const made = [...Deno.readDirSync(at.root)].map(({ name }) => name);
  assert.ok(!made.includes("coverage") && !made.includes("audit"), made.join(" "));
});

Deno.test("eight processes may start at once", async () => {
  using at = place();
  await installMini(at, "a");
  const bridge = new Deno.Command(`${at.out}/bin/bridge`, { clearEnv: true, env: { CNI_COMMAND: "VERSION" } });
  const all = await Promise.all(Array.from({ length: 8 }, () => bridge.output()));
  for (const { code, stdout, stderr } of all) {
    const text = { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
    assert.deepEqual(text, version("bridge", "a"));
  }
});

const works = (command: string, options: Deno.CommandOptions): boolean => {
  try {
    return new Deno.Command(command, { ...options, stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
};

const canMount = works("unshare", { args: ["-m", "true"] });
Deno.test({
  ...unless(canMount, "an executable starts from a read-only file system", "no mount namespaces"),
  async fn() {
    using at = place();
    await installMini(at, "a");
    const readOnly =
      'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && ! touch "$1/x" 2>/dev/null && exec "$1/bin/bridge"';
    const started = run("unshare", { args: ["-m", "sh", "-c", readOnly, "sh", at.out], clearEnv: false });
    assert.deepEqual(started, version("bridge", "a"));
  },
});

const nobody = { uid: 65534, gid: 65534 };
Deno.test({
  ...unless(works("true", nobody), "an executable starts as a user who may not write its caches", "no other user ids"),
  async fn() {
    using at = place();
    await installMini(at, "a");
    assert.deepEqual(run(`${at.out}/bin/bridge`, { ...nobody, cwd: "/" }), version("bridge", "a"));
  },
});

Deno.test("code is cached before the first run", async () => {
  using at = place();
  const { id } = await installMini(at, "a");
  const release = `${at.out}/lib/cleat/${id}`;
  using cache = new DatabaseSync(`${release}/cache/v8_code_cache_v2`, { readOnly: true });
  const cached = cache.prepare("SELECT specifier FROM codecache ORDER BY specifier").all();
  const expected = ["chunk-a.js", "main.js"].map((file) => `file://${encodeURI(`${release}/${file}`)}`);
  assert.deepEqual(cached.map(({ specifier }) => specifier), expected);
});

Deno.test("an update does not disturb a running process, and keeps one release back", async () => {
  using at = place();
  const first = await installMini(at, "a");
  const running = new Deno.Command(`${at.out}/bin/bridge`, { clearEnv: true, stdin: "piped", stdout: "piped" }).spawn();
  const second = await installMini(at, "b");
  assert.deepEqual(run(`${at.out}/bin/bridge`), version("bridge", "b"));
  await running.stdin.close();
  assert.equal(new TextDecoder().decode((await running.output()).stdout), "a\n");
  assert.deepEqual(releases(at.out).map(({ name }) => name).sort(), [first.id, second.id].sort());
  const third = await installMini(at, "c");
  assert.deepEqual(releases(at.out).map(({ name }) => name).sort(), [second.id, third.id].sort());
});

Deno.test("executables that start during updates answer as the old release or as the new one", async () => {
  using at = place();
  const bundles = ["a", "b"].map((answer) => miniBundle(at.root, answer));
  const update = (bundle: string) => install({ out: at.out, bundle, names, version: "1.2.3" });
  for (const bundle of bundles) await update(bundle);
  let updating = true;
  const answers = new Set<string>();
  const start = async () => {
    const env = { CNI_COMMAND: "VERSION" };
    while (updating) {
      const { stdout } = await new Deno.Command(`${at.out}/bin/bridge`, { clearEnv: true, env }).output();
      answers.add(new TextDecoder().decode(stdout));
    }
  };
  const starting = start();
  for (const bundle of [...bundles, ...bundles]) await update(bundle);
  updating = false;
  await starting;
  const allowed = ["a", "b"].map((answer) => version("bridge", answer).stdout);
  assert.deepEqual([...answers].filter((answer) => !allowed.includes(answer)), []);
});

Deno.test("a bundle that does not start is refused, and the installed release stays", async () => {
  using at = place();
  await installMini(at, "a");
  const broken = miniBundle(at.root, "b");
  Deno.writeTextFileSync(`${broken}/main.js`, 'throw new Error("broken");');
  await assert.rejects(install({ out: at.out, bundle: broken, names, version: "1.2.4" }), /VERSION.*broken/s);
  assert.deepEqual(run(`${at.out}/bin/bridge`), version("bridge", "a"));
});

Deno.test("installing leaves executables, releases and the runtime, and nothing half-made", async () => {
  using at = place();
  const { id, runtime } = await installMini(at, "a");
  await installMini(at, "a");
  const listed = (folder: string) => [...Deno.readDirSync(`${at.out}/${folder}`)].map(({ name }) => name).sort();
  assert.deepEqual(listed("bin"), [...names].sort());
  assert.deepEqual(listed("lib/cleat"), [id, runtime].sort());
  assert.deepEqual(listed(`lib/cleat/${id}`), ["VERSION", "cache", "chunk-a.js", "main.js"]);
  assert.equal(Deno.readTextFileSync(`${at.out}/lib/cleat/${id}/VERSION`), "1.2.3\n");
});

Deno.test("a launcher without its library fails with a CNI error object", async () => {
  using at = place();
  await installMini(at, "a");
  Deno.removeSync(`${at.out}/lib`, { recursive: true });
  const { code, stdout } = run(`${at.out}/bin/bridge`);
  assert.equal(code, 1);
  assert.equal(JSON.parse(stdout).code, 100);
});
