/** What somebody plants where our state, leases and cache lie is neither followed, nor overwritten, nor read as truth. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { Files } from "../../../src/effects/files.ts";
import { systemFiles } from "../../../src/effects/files_system.ts";
import { fileNetworkLock } from "../../../src/effects/lock/file.ts";
import { NetworkLock } from "../../../src/effects/lock/network_lock.ts";
import { cachedAttachments, cachePath, readCachedResult, writeCache } from "../../../src/runtime/result_cache.ts";
import { printable, printableLine } from "../../../src/spec/printable.ts";
import { newPool, type Pool, RANGE, SMALL } from "../../support/pool.ts";
import { newFolder } from "../../support/stores.ts";

const PRECIOUS = "precious: longer than any lease or pointer, so that nothing of it can be written over unseen";

/** The ways to lead a name elsewhere. */
const LINKS = [
  ["symbolic link", (target: string, path: string) => Deno.symlinkSync(target, path)],
  ["hard link", (target: string, path: string) => Deno.linkSync(target, path)],
] as const;

/** A file outside of everything, and a way to see whether anybody has touched it. */
function preciousIn(folder: string) {
  const path = `${folder}/precious`;
  Deno.writeTextFileSync(path, PRECIOUS, { mode: 0o640 });
  Deno.utimeSync(path, 1000, 1000);
  const isUntouched = (what: string) => {
    const { mode, mtime } = Deno.statSync(path);
    assert.equal(Deno.readTextFileSync(path), PRECIOUS, what);
    assert.deepEqual([(mode ?? 0) & 0o777, mtime?.getTime()], [0o640, 1_000_000], what);
  };
  return { path, isUntouched };
}

const isPlainFile = (path: string): boolean => {
  const { isFile, nlink } = Deno.lstatSync(path);
  return isFile && nlink === 1;
};

const censusOf = (pool: Pool): string => {
  const [folder] = [...Deno.readDirSync(`${pool.state}/pools`)].map(({ name }) => `${pool.state}/pools/${name}`);
  assert.ok(folder !== undefined);
  return folder;
};

Deno.test("a link in place of a lease is nobody's: its address is passed over, and it is not read as a lease", async () => {
  using pool = newPool();
  await pool.reserve("a", SMALL, "10.1.0.3");
  Deno.symlinkSync(`${pool.pool}/10.1.0.3`, `${pool.pool}/10.1.0.2`);
  assert.deepEqual(await pool.held("a"), ["10.1.0.3"], "the link is no second lease");
  await assert.rejects(pool.reserve("b", SMALL), /all addresses of .* are taken/);
  await assert.rejects(
    pool.reserve("b", SMALL, "10.1.0.2"),
    /10\.1\.0\.2 is held by "a link or a folder, not a lease"/,
  );
  await pool.release("a");
  assert.ok(Deno.lstatSync(`${pool.pool}/10.1.0.2`).isSymlink, "what we have not made we do not remove");
  assert.deepEqual(await pool.reserve("b", SMALL), { address: "10.1.0.3/16", gateway: "10.1.0.1" });
});

Deno.test("a folder, a pipe or a dangling link in place of a lease costs its address and nothing else", async () => {
  using pool = newPool();
  await pool.reserve("a");
  Deno.mkdirSync(`${pool.pool}/10.1.0.3`);
  Deno.symlinkSync(`${pool.path}/nowhere`, `${pool.pool}/10.1.0.4`);
  assert.equal((await pool.reserve("b"))?.address, "10.1.0.5/16");
  assert.throws(() => Deno.lstatSync(`${pool.path}/nowhere`), Deno.errors.NotFound);
  new Deno.Command("mkfifo", { args: [`${pool.pool}/10.1.0.6`] }).outputSync();
  assert.ok((await pool.reserve("c"))?.address, "nobody waits for a writer");
  for (const id of ["a", "b", "c"]) await pool.release(id);
});

Deno.test("a link in place of a pool's lock is refused by name, and its target neither made nor locked", async () => {
  for (const target of ["nowhere", "precious"]) {
    using pool = newPool();
    const precious = preciousIn(pool.path);
    Deno.mkdirSync(pool.pool, { recursive: true });
    Deno.symlinkSync(`${pool.path}/${target}`, `${pool.pool}/lock`);
    for (const verb of [() => pool.reserve("a"), () => pool.release("a"), () => pool.held("a")]) {
      await assert.rejects(verb(), /\/lock" is a link, which is not followed/);
    }
    assert.throws(() => Deno.lstatSync(`${pool.path}/nowhere`), Deno.errors.NotFound);
    precious.isUntouched(target);
  }
});

for (const [kind, plant] of LINKS) {
  Deno.test(`a ${kind} in place of a pointer is replaced, and its target left alone`, async () => {
    using pool = newPool();
    const precious = preciousIn(pool.path);
    await pool.reserve("a");
    for (const at of [1, 2]) {
      const pointer = `${pool.pool}/last_reserved_ip.0`;
      Deno.removeSync(pointer);
      plant(precious.path, pointer);
      assert.ok((await pool.reserve(`b${at}`))?.address);
      precious.isUntouched(kind);
      assert.ok(isPlainFile(pointer));
    }
    assert.deepEqual(await pool.held("b1"), ["10.1.0.3"]);
    // A pointer of another set, which is only dated.
    plant(precious.path, `${pool.pool}/last_reserved_ip.1`);
    await pool.reserve("d");
    precious.isUntouched(`${kind} of another set`);
  });

  Deno.test(`a ${kind} in place of any file of the census is replaced, and its target left alone`, async () => {
    using pool = newPool();
    const precious = preciousIn(pool.path);
    await pool.reserve("a");
    const census = censusOf(pool);
    for (const name of [...Deno.readDirSync(census)].map(({ name }) => name)) {
      Deno.removeSync(`${census}/${name}`);
      plant(precious.path, `${census}/${name}`);
    }
    plant(precious.path, `${census}/lease.tmp`);
    assert.deepEqual(await pool.held("a"), ["10.1.0.2"], "the pool itself tells");
    assert.equal((await pool.reserve("b"))?.address, "10.1.0.3/16");
    await pool.release("a");
    precious.isUntouched(kind);
    assert.deepEqual([await pool.held("a"), await pool.held("b")], [[], ["10.1.0.3"]]);
    for (const { name } of Deno.readDirSync(census)) assert.ok(isPlainFile(`${census}/${name}`), name);
  });

  Deno.test(`a ${kind} in place of a cached result is no result; a new one takes its place, DEL removes it`, async () => {
    using folder = newFolder();
    const cacheDir = `${folder.path}/cache`;
    const key = { network: "net", containerId: "c1", ifName: "eth0" };
    const attachment = { key, netns: "/ns", args: [], capabilityArgs: {}, config: "{}" };
    const run = <A, E>(effect: Effect.Effect<A, E, Files>) => Effect.runPromise(Effect.provide(effect, systemFiles));
    await run(writeCache(cacheDir, attachment, { cniVersion: "1.0.0", ips: [{ address: "10.1.0.2/16" }] }));
    const [path, elsewhere] = [cachePath(cacheDir, key), `${folder.path}/elsewhere`];
    Deno.renameSync(path, elsewhere);
    plant(elsewhere, path);
    const before = Deno.readTextFileSync(elsewhere);
    assert.equal(await run(readCachedResult(cacheDir, key, "1.0.0")), null);
    assert.deepEqual(await run(cachedAttachments(cacheDir)), []);
    await run(writeCache(cacheDir, attachment, { cniVersion: "1.0.0" }));
    assert.equal(Deno.readTextFileSync(elsewhere), before);
    assert.ok(isPlainFile(path));
    assert.deepEqual(await run(readCachedResult(cacheDir, key, "1.0.0")), { cniVersion: "1.0.0" });
    Deno.removeSync(path);
    plant(elsewhere, path);
    await run(Effect.flatMap(Files, (files) => files.remove(path)));
    assert.equal(Deno.readTextFileSync(elsewhere), before);
  });
}

Deno.test("a link in place of the census's folders makes nobody read, overwrite or remove what is there", async () => {
  for (const level of ["pools", "one pool"]) {
    using pool = newPool();
    await pool.reserve("a");
    const census = censusOf(pool);
    const elsewhere = `${pool.path}/elsewhere`;
    const folder = level === "pools" ? `${pool.state}/pools` : census;
    Deno.renameSync(folder, elsewhere);
    Deno.writeTextFileSync(`${elsewhere}/precious`, PRECIOUS);
    Deno.symlinkSync(elsewhere, folder);
    const before = [...Deno.readDirSync(elsewhere)].map(({ name }) => name).sort();
    await assert.rejects(pool.reserve("b"), /is not a folder/);
    assert.deepEqual(await pool.held("a"), ["10.1.0.2"]);
    await pool.release("a");
    assert.deepEqual(await pool.held("a"), [], "DEL needs no census");
    assert.deepEqual([...Deno.readDirSync(elsewhere)].map(({ name }) => name).sort(), before, level);
  }
});

Deno.test("a link in place of a network's lock, or of the folder of locks, is refused and makes nothing elsewhere", async () => {
  using folder = newFolder();
  const take = (state: string) =>
    Effect.runPromise(
      Effect.flip(
        Effect.scoped(Effect.flatMap(NetworkLock, (lock) => lock.network("net", 0))).pipe(
          Effect.provide(fileNetworkLock(state)),
        ),
      ),
    );
  const [one, two] = [`${folder.path}/one`, `${folder.path}/two`];
  Deno.mkdirSync(`${one}/locks`, { recursive: true });
  Deno.symlinkSync(`${folder.path}/nowhere`, `${one}/locks/net.lock`);
  assert.equal((await take(one)).reason, "io");
  Deno.mkdirSync(two);
  Deno.mkdirSync(`${folder.path}/elsewhere`);
  Deno.symlinkSync(`${folder.path}/elsewhere`, `${two}/locks`);
  assert.match((await take(two)).message, /locks" is not a folder/);
  assert.deepEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name).sort(), ["elsewhere", "one", "two"]);
  assert.deepEqual([...Deno.readDirSync(`${folder.path}/elsewhere`)], []);
});

for (const umask of [0, 0o022, 0o777]) {
  Deno.test(`census and cache are their owner's alone under umask 0${umask.toString(8)}`, async () => {
    using pool = newPool();
    const key = { network: "net", containerId: "c1", ifName: "eth0" };
    const attachment = { key, netns: "/ns", args: [], capabilityArgs: {}, config: "{}" };
    Deno.mkdirSync(pool.pool, { recursive: true });
    const before = Deno.umask(umask);
    try {
      await pool.reserve("a", RANGE);
      const write = writeCache(`${pool.path}/cache/cni`, attachment, { cniVersion: "1.0.0" });
      await Effect.runPromise(Effect.provide(write, systemFiles));
    } finally {
      Deno.umask(before);
    }
    const modes = (folder: string): readonly string[] =>
      [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
        const path = `${folder}/${name}`;
        const mode = ((Deno.statSync(path).mode ?? 0) & 0o7777).toString(8);
        assert.equal(mode, isDirectory ? "700" : "600", path);
        return isDirectory ? [mode, ...modes(path)] : [mode];
      });
    assert.ok(modes(pool.state).length > 3);
    assert.deepEqual(modes(`${pool.path}/cache`), ["700", "700", "600"]);
  });
}

Deno.test("text for a terminal moves no cursor, makes up no line, and turns no direction", () => {
  assert.equal(printable("a\u001b]0;title\u0007b\u009b2Jc\rd\n\te"), "a\\u{1b}]0;title\\u{7}b\\u{9b}2Jc\\u{d}d\n\te");
  assert.equal(printableLine("eth0\u202e\u2066x\nDEL succeeded"), "eth0\\u{202e}\\u{2066}x\\u{a}DEL succeeded");
  for (let code = 0; code < 0x100; code++) {
    const shown = printableLine(`<${String.fromCharCode(code)}>`);
    assert.ok(/^<[ -~\t\u00a0-\u00ff]+>$/.test(shown), `${code}: ${shown}`);
  }
  assert.equal(printable("Grüße, 世界 🙂"), "Grüße, 世界 🙂");
});
