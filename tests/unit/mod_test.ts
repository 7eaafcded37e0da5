/** The library as programs see it: what it offers, and what its promises do. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as library from "../../mod.ts";
import { Cleat, type NetworkList } from "../../mod.ts";

const MAPPING = Deno.readTextFileSync("docs/libcni.md");
const SOURCE = Deno.readTextFileSync("mod.ts");

/** Rows of the tables: number, Go's words, ours, and what differs. */
const rows = MAPPING.split("\n").filter((line) => /^\| H\d/.test(line)).map((line) => {
  const [, number = "", go = "", ours = "", note = ""] = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
  return { number, go, ours: [...ours.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name), note };
});

/** Everything that mod.ts exports, types included. */
const exported = new Set(
  [...SOURCE.matchAll(/^export (?:type )?\{([^}]+)\}/gm)].flatMap(([, names = ""]) =>
    names.split(",").map((name) => name.trim().replace(/^type /, "").replace(/^.* as /, "")).filter((name) =>
      name !== ""
    )
  ),
);

Deno.test("[H1, H5, H40] every name of Go's library is mapped to one of ours that exists, or says why there is none", () => {
  assert.ok(rows.length > 60);
  for (const { number, go, ours, note } of rows) {
    assert.ok(ours.length > 0 || note !== "", `${number} ${go}: neither a name nor a reason`);
    for (const name of ours) {
      const [, method] = /^Cleat#(\w+)$/.exec(name) ?? [];
      const there = method === undefined ? exported.has(name) : Object.hasOwn(Cleat.prototype, method);
      assert.ok(there, `${number} ${go}: there is no ${name}`);
    }
  }
  const numbers = new Set(rows.map(({ number }) => Number(number.slice(1))));
  for (let number = 1; number <= 39; number++) assert.ok(numbers.has(number), `H${number} is not in docs/libcni.md`);
});

Deno.test("[H5] every verb and getter is there as an Effect and as a method that takes a signal", () => {
  for (const name of ["attach", "check", "detach", "gc", "status", "pluginVersions", "cachedResult"] as const) {
    assert.equal(typeof library[name], "function", name);
    assert.equal(typeof Cleat.prototype[name], "function", name);
  }
});

/** A library over a folder of its own, with a network in it. */
class Library implements AsyncDisposable {
  readonly folder = Deno.makeTempDirSync();
  readonly cacheDir = `${this.folder}/cache`;
  readonly said: string[] = [];
  readonly cleat = new Cleat({
    stateDir: `${this.folder}/state`,
    onNotice: (sentence) => void this.said.push(sentence),
  });

  /** A foreign plugin as a shell script. */
  script(name: string, body: string): void {
    Deno.writeTextFileSync(`${this.folder}/${name}`, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  }

  list(...plugins: readonly object[]): Promise<NetworkList> {
    return this.cleat.parse(JSON.stringify({ cniVersion: "1.1.0", name: "lab", plugins }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cleat[Symbol.asyncDispose]();
    Deno.removeSync(this.folder, { recursive: true });
  }
}

Deno.test("[H15, H16, H17, H19] networks are read from a folder, a file, a text, and a configuration of one plugin", async () => {
  await using lib = new Library();
  const { folder, cleat } = lib;
  const text = '{"cniVersion":"1.1.0","name":"lab","plugins":[{"type":"bridge"}]}';
  Deno.writeTextFileSync(`${folder}/10.conflist`, text);
  Deno.mkdirSync(`${folder}/lab`);
  Deno.writeTextFileSync(`${folder}/lab/a.conf`, '{"type":"tuning"}');
  const types = ({ plugins }: NetworkList) => plugins.map(({ type }) => type);
  assert.deepEqual(types(await cleat.load(folder, "lab")), ["bridge", "tuning"]);
  assert.deepEqual(types(await cleat.loadFile(`${folder}/10.conflist`)), ["bridge", "tuning"]);
  assert.deepEqual(types(await cleat.parse(text)), ["bridge"]);
  const one = await Effect.runPromise(
    Effect.flatMap(
      library.parsePluginConf('{"name":"one","type":"bridge"}', "one.conf"),
      (conf) => library.listFromPluginConf(conf, "one.conf"),
    ),
  );
  assert.deepEqual([one.name, types(one)], ["one", ["bridge"]]);
  const confs = Effect.provide(library.loadPluginFolder(folder, "lab"), library.layer());
  assert.deepEqual((await Effect.runPromise(confs)).map(({ type }) => type), ["tuning"]);
  const outside = Effect.provide(Effect.flip(library.loadPluginFolder(folder, "../lab")), library.layer());
  assert.match((await Effect.runPromise(outside)).message, /network name "\.\.\/lab"/);
});

Deno.test("[H20, A51] a name that is not found and a folder without networks are told apart", async () => {
  await using lib = new Library();
  const missing = await lib.cleat.load(lib.folder, "lab").catch((error: unknown) => error);
  assert.ok(missing instanceof library.NetworkNotFound && missing.empty);
  Deno.writeTextFileSync(`${lib.folder}/10.conflist`, '{"name":"other","plugins":[{"type":"bridge"}]}');
  const other = await lib.cleat.load(lib.folder, "lab").catch((error: unknown) => error);
  assert.ok(other instanceof library.NetworkNotFound && !other.empty);
});

Deno.test("[H13, H14, H28] plugins are found, asked for their versions and held against a network", async () => {
  await using lib = new Library();
  lib.script("old", `echo '{"cniVersion":"0.4.0","supportedVersions":["0.3.1","0.4.0"]}'`);
  const options = { cniPath: lib.folder };
  assert.deepEqual(await lib.cleat.pluginVersions("old", options), ["0.3.1", "0.4.0"]);
  assert.deepEqual(await lib.cleat.validate(await lib.list({ type: "bridge", capabilities: { mac: true } })), ["mac"]);
  const list = await lib.list({ type: "old" }, { type: "none" });
  await assert.rejects(lib.cleat.validate(list, options), /"old".*none of 0\.3\.1, 0\.4\.0; Cannot find plugin "none"/);
  const found = Effect.provide(library.findPlugin("old", lib.folder), library.layer());
  assert.deepEqual(await Effect.runPromise(found), { ours: false, file: `${lib.folder}/old` });
});

Deno.test("[B31] what a plugin says on stderr reaches the program that wants to hear it", async () => {
  await using lib = new Library();
  lib.script("loud", `echo "hello there" >&2; echo '{"cniVersion":"1.1.0","supportedVersions":["1.1.0"]}'`);
  await lib.cleat.pluginVersions("loud", { cniPath: lib.folder });
  assert.deepEqual(lib.said, ["hello there"]);
});

Deno.test("[H41] the trace of a call reaches its plugins, and only those", async () => {
  await using lib = new Library();
  const answer = `{"cniVersion":"1.1.0","supportedVersions":["1.1.0"]}`;
  lib.script("traced", `echo "$TRACEPARENT" >>"${lib.folder}/traces"; echo '${answer}'`);
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  await lib.cleat.pluginVersions("traced", { cniPath: lib.folder, trace: { traceparent } });
  await lib.cleat.pluginVersions("traced", { cniPath: lib.folder });
  const inherited = Deno.env.get("TRACEPARENT") ?? "";
  assert.equal(Deno.readTextFileSync(`${lib.folder}/traces`), `${traceparent}\n${inherited}\n`);
});

Deno.test("[J60] a plugin that hangs is ended by the signal of the call, or by its limit", async () => {
  await using lib = new Library();
  lib.script("hangs", "exec sleep 1000");
  const list = await lib.list({ type: "hangs" });
  const cniPath = lib.folder;
  const limits = { each: 50, cleanUp: 50 };
  await assert.rejects(lib.cleat.validate(list, { cniPath, limits }), /hangs/);
  await assert.rejects(lib.cleat.status(list, { cniPath, limits }), /hangs/);
  const controller = new AbortController();
  const asked = lib.cleat.pluginVersions("hangs", { cniPath, signal: controller.signal });
  controller.abort("enough");
  await assert.rejects(asked, (reason) => reason === "enough");
});

Deno.test("a call whose signal is aborted already does nothing and rejects", async () => {
  await using lib = new Library();
  lib.script("writes", `touch "${lib.folder}/ran"`);
  const signal = AbortSignal.abort();
  const blue = { containerId: "blue", netns: "/run/netns/blue", ifName: "eth0", cacheDir: lib.cacheDir };
  const list = await lib.list({ type: "writes" });
  const options = { signal, cniPath: lib.folder, cacheDir: lib.cacheDir };
  const calls: readonly (() => Promise<unknown>)[] = [
    () => lib.cleat.status(list, options),
    () => lib.cleat.gc(list, null, options),
    () => lib.cleat.attach(list, { ...blue, cniPath: lib.folder }, options),
    () => lib.cleat.detach(list, { ...blue, cniPath: lib.folder }, options),
    () => lib.cleat.load(lib.folder, "lab", options),
    () => lib.cleat.cachedAttachments(options),
  ];
  for (const call of calls) await assert.rejects(call, (error) => error === signal.reason);
  assert.deepEqual([...Deno.readDirSync(lib.folder)].map(({ name }) => name), ["writes"]);
});

Deno.test("[H10, H11, H12] the cache's getters answer as promises", async () => {
  await using lib = new Library();
  const entry = {
    kind: "cniCacheV1",
    containerId: "blue",
    config: btoa('{"name":"lab"}'),
    ifName: "eth0",
    networkName: "lab",
    netns: "/run/netns/blue",
    result: { cniVersion: "1.0.0", ips: [{ address: "10.1.0.2/24" }] },
  };
  Deno.mkdirSync(`${lib.cacheDir}/results`, { recursive: true });
  Deno.writeTextFileSync(`${lib.cacheDir}/results/lab-blue-eth0`, JSON.stringify(entry));
  const blue = { containerId: "blue", netns: "", ifName: "eth0", cacheDir: lib.cacheDir };
  const list = await lib.list({ type: "bridge" });
  const result = { cniVersion: "1.1.0", ips: [{ address: "10.1.0.2/24" }] };
  assert.deepEqual(await lib.cleat.cachedResult(list, blue), result, "in the version of the list");
  assert.equal((await lib.cleat.cachedConfig(list, blue))?.config, '{"name":"lab"}');
  const [found] = await lib.cleat.cachedAttachments({ cacheDir: lib.cacheDir, containerId: "blue" });
  assert.deepEqual([found?.netns, found?.config, found?.result], [entry.netns, { name: "lab" }, entry.result]);
  assert.deepEqual(await lib.cleat.cachedAttachments({ cacheDir: lib.cacheDir, containerId: "red" }), []);
});

Deno.test("[C59, I29] a cache file of the longest name is written at once, with the modes of libcni, and leaves no other", async () => {
  await using lib = new Library();
  const path = `${lib.folder}/new/results/${"x".repeat(255)}`;
  Deno.mkdirSync(`${lib.folder}/new/results`, { recursive: true, mode: 0o700 });
  Deno.writeTextFileSync(`${lib.folder}/new/results/.${Deno.pid}.1.tmp`, "left by a process that was killed");
  const write = (text: string) => Effect.flatMap(library.Files, (files) => files.write(path, text));
  for (const text of ["one", "two"]) await Effect.runPromise(Effect.provide(write(text), library.layer()));
  assert.equal(Deno.readTextFileSync(path), "two");
  assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
  const names = [...Deno.readDirSync(`${lib.folder}/new/results`)].map(({ name }) => name.length);
  assert.deepEqual(names.sort(), [255, `.${Deno.pid}.1.tmp`.length].sort());
});
