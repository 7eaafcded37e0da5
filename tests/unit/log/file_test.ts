/** What only the store in files must get right: modes, planted links, torn and damaged files. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { fileEventStore } from "../../../src/effects/log/file.ts";
import { EventStore } from "../../../src/effects/log/store.ts";
import { append, DEL, DONE, failToAppend, id, newStore, open, typesNow } from "../../support/log_folder.ts";
import { newFolder, origin, runOnLog, streamId } from "../../support/stores.ts";

const mode = (path: string): string => ((Deno.statSync(path).mode ?? 0) & 0o7777).toString(8);

for (const umask of [0, 0o777]) {
  Deno.test(`folders are 0700 and files 0600 under umask 0${umask.toString(8)}`, async () => {
    using store = newStore();
    Deno.mkdirSync(store.state);
    const before = Deno.umask(umask);
    try {
      await runOnLog(store, append(DEL));
    } finally {
      Deno.umask(before);
    }
    const folders = ["", "/net", "/net/c1", "/net/c1/eth0"].map((path) => mode(`${store.state}/streams${path}`));
    assert.deepEqual(folders, ["700", "700", "700", "700"]);
    assert.equal(mode(store.file), "600");
  });
}

Deno.test("a symbolic link in place of a stream's file is refused and its target left alone", async () => {
  using store = newStore();
  const target = `${store.path}/target`;
  Deno.mkdirSync(`${store.state}/streams/net/c1/eth0`, { recursive: true });
  Deno.writeTextFileSync(target, "precious, and without a newline");
  Deno.symlinkSync(target, store.file);
  const error = await runOnLog(store, failToAppend(DEL));
  assert.equal(error.reason, "io");
  assert.match(error.detail, /bridge\.jsonl" is not a regular file/);
  const read = Effect.flip(Effect.flatMap(EventStore, (log) => log.read(id)));
  assert.match((await runOnLog(store, read)).detail, /is not a regular file/);
  assert.equal(Deno.readTextFileSync(target), "precious, and without a newline");
});

Deno.test("a dangling symbolic link in place of a stream's file does not become a file elsewhere", async () => {
  using store = newStore();
  Deno.mkdirSync(`${store.state}/streams/net/c1/eth0`, { recursive: true });
  Deno.symlinkSync(`${store.path}/target`, store.file);
  const error = await runOnLog(store, failToAppend(DEL));
  assert.equal(error.reason, "io");
  assert.match(error.detail, /is not a regular file/);
  assert.throws(() => Deno.lstatSync(`${store.path}/target`), Deno.errors.NotFound);
});

Deno.test("a hard link in place of a stream's file is refused", async () => {
  using store = newStore();
  await runOnLog(store, append(DEL));
  Deno.linkSync(store.file, `${store.path}/second`);
  const error = await runOnLog(store, failToAppend(DONE));
  assert.match(error.detail, /more than one name/);
});

for (const folder of ["", "/net", "/net/c1", "/net/c1/eth0"]) {
  Deno.test(`a symbolic link in place of the folder streams${folder} is refused`, async () => {
    using store = newStore();
    const elsewhere = `${store.path}/elsewhere`;
    Deno.mkdirSync(elsewhere);
    const link = `${store.state}/streams${folder}`;
    Deno.mkdirSync(link.slice(0, link.lastIndexOf("/")), { recursive: true });
    Deno.symlinkSync(elsewhere, link);
    const error = await runOnLog(store, failToAppend(DEL));
    assert.equal(error.reason, "io");
    assert.match(error.detail, /is not a folder/);
    assert.deepEqual(Array.from(Deno.readDirSync(elsewhere)), []);
  });
}

Deno.test("a torn last line is cut when the stream is opened, and the next append follows the last whole one", async () => {
  using store = newStore();
  await runOnLog(store, append(DEL));
  Deno.writeTextFileSync(store.file, '{"v":1,"seq":2,"at"', { append: true });
  await runOnLog(store, append(DONE));
  assert.deepEqual(await runOnLog(store, typesNow), ["DEL", "del.succeeded"]);
  assert.equal(Deno.readTextFileSync(store.file).split("\n").length, 3);
});

Deno.test("reading without the lock leaves a torn line alone: its writer may still be at it", async () => {
  using store = newStore();
  await runOnLog(store, append(DEL));
  Deno.writeTextFileSync(store.file, "{", { append: true });
  const reading = await runOnLog(store, Effect.flatMap(EventStore, (log) => log.read(id)));
  assert.deepEqual([reading.records.length, reading.corruption], [1, null]);
  assert(Deno.readTextFileSync(store.file).endsWith("{"));
});

Deno.test("a file that its maker left empty is a stream without records", async () => {
  using store = newStore();
  Deno.mkdirSync(`${store.state}/streams/net/c1/eth0`, { recursive: true });
  Deno.writeTextFileSync(store.file, "");
  await runOnLog(store, append(DEL));
  assert.deepEqual(await runOnLog(store, typesNow), ["DEL"]);
});

Deno.test("a damaged stream opens with its good prefix, refuses appends, and starts anew once it is set aside", async () => {
  using store = newStore();
  await runOnLog(store, append(DEL, { type: "CHECK" }, DONE));
  const damaged = Deno.readTextFileSync(store.file).replace("CHECK", "CHICK");
  Deno.writeTextFileSync(store.file, damaged);
  const [records, line, error] = await runOnLog(
    store,
    Effect.scoped(Effect.gen(function* () {
      const stream = yield* open;
      const refused = yield* Effect.flip(stream.append([DEL]));
      yield* stream.setAside;
      yield* stream.append([DONE]);
      return [stream.records.length, stream.corruption?.line, refused] as const;
    })),
  );
  assert.deepEqual([records, line, error.reason], [1, 2, "corrupt"]);
  assert.equal(error.message, 'Cannot read log "net/c1/eth0/bridge": line 2: it has an unknown type of event');
  assert.deepEqual(await runOnLog(store, typesNow), ["del.succeeded"]);
  const aside = `${store.file}.corrupt-2026-01-01T00:00:00.000Z`;
  assert.equal(Deno.readTextFileSync(aside), damaged);
  const listed = await runOnLog(store, Effect.flatMap(EventStore, (log) => log.list({})));
  assert.deepEqual(listed, [id]);
});

Deno.test("setting aside twice at one time keeps both files", async () => {
  using store = newStore();
  const setAside = Effect.scoped(Effect.flatMap(open, (stream) => stream.setAside));
  for (const text of ["first\n", "second\n"]) {
    await runOnLog(store, append(DEL));
    Deno.writeTextFileSync(store.file, text);
    await runOnLog(store, setAside);
  }
  const aside = `${store.file}.corrupt-2026-01-01T00:00:00.000Z`;
  assert.deepEqual([aside, `${aside}.2`].map((path) => Deno.readTextFileSync(path)), ["first\n", "second\n"]);
});

Deno.test("prune removes the folders that become empty, and no others", async () => {
  using store = newStore();
  const other = streamId({ containerId: "c2" });
  await runOnLog(store, append(DEL, DONE));
  await runOnLog(
    store,
    Effect.scoped(
      Effect.flatMap(EventStore, (log) => Effect.flatMap(log.open(other), (stream) => stream.append([DEL]))),
    ),
  );
  assert.equal(await runOnLog(store, Effect.flatMap(EventStore, (log) => log.prune("2027-01-01"))), 1);
  const names = Array.from(Deno.readDirSync(`${store.state}/streams/net`), ({ name }) => name);
  assert.deepEqual(names, ["c2"]);
});

Deno.test("a state directory that cannot be made is an error of the append, naming the reason", async () => {
  using folder = newFolder();
  Deno.writeTextFileSync(`${folder.path}/file`, "");
  const layer = fileEventStore(`${folder.path}/file/state`);
  const error = await runOnLog({ layer }, failToAppend(DEL), origin());
  assert.equal(error.reason, "io");
  assert.match(error.detail, /Not a directory/);
});
