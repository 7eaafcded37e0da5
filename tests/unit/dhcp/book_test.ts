/** The daemon's book on disk. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { bookIn } from "../../../src/effects/dhcp/book_system.ts";
import { SystemError } from "../../../src/effects/libc/errno.ts";
import { files } from "../../../src/effects/libc/files.ts";
import type { DhcpEvent } from "../../../src/machines/dhcp_event.ts";
import { tree } from "../../support/lab.ts";

const KEY = { network: "lan", containerId: "c1", ifName: "eth0" };

const granted = (since: number): DhcpEvent => ({
  type: "bound",
  boot: "boot-1",
  place: { netns: "/ns/c1", cookie: "7", ifName: "eth0", mac: "02:00:00:00:00:01" },
  speech: { clientId: "006331", options: { 55: "0301" }, priority: 0 },
  terms: {
    address: "192.0.2.5/24",
    routes: [],
    server: "192.0.2.1",
    serverMac: "02:00:00:00:00:fe",
    since,
    renewAt: null,
    rebindAt: null,
    expiresAt: null,
  },
});

const inFolder = async (use: (folder: string) => Promise<void>) => {
  const folder = Deno.makeTempDirSync();
  try {
    await use(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
};

const PATH = "dhcp/streams/lan/c1/eth0/lease.jsonl";

Deno.test("what was written is read by the next daemon, for the owner alone, and nothing is left of what is over", () =>
  inFolder(async (folder) => {
    const book = bookIn(folder);
    assert.deepEqual(await Effect.runPromise(book.read), []);
    for (const since of [1, 2]) await Effect.runPromise(book.write(KEY, granted(since)));
    assert.deepEqual(await Effect.runPromise(bookIn(folder).read), [{ key: KEY, events: [granted(1), granted(2)] }]);
    assert.equal((Deno.statSync(`${folder}/${PATH}`).mode ?? 0) & 0o777, 0o600);
    assert.equal((Deno.statSync(`${folder}/dhcp/streams/lan`).mode ?? 0) & 0o777, 0o700);
    for (const _ of [1, 2]) await Effect.runPromise(book.write(KEY, { type: "released" }));
    assert.deepEqual(tree(folder), {});
  }));

Deno.test("a line that was cut, and one of another version, are passed over", () =>
  inFolder(async (folder) => {
    const book = bookIn(folder);
    await Effect.runPromise(book.write(KEY, granted(1)));
    const text = Deno.readTextFileSync(`${folder}/${PATH}`);
    Deno.writeTextFileSync(`${folder}/${PATH}`, `${text}{"v":2,"event":{"type":"bound"}}\n[]\n${text.slice(0, 40)}`);
    assert.deepEqual(await Effect.runPromise(book.read), [{ key: KEY, events: [granted(1)] }]);
    await Effect.runPromise(book.write(KEY, granted(2)));
    assert.deepEqual(await Effect.runPromise(book.read), [{ key: KEY, events: [granted(1), granted(2)] }]);
  }));

Deno.test("a lease whose file cannot be read costs no other lease", () =>
  inFolder(async (folder) => {
    const book = bookIn(folder);
    for (const containerId of ["c1", "c2"]) await Effect.runPromise(book.write({ ...KEY, containerId }, granted(1)));
    const { read } = files;
    files.read = (fd, bytes) => {
      files.read = read;
      throw new SystemError("EIO", `descriptor ${fd}, ${bytes.length}`);
    };
    assert.equal((await Effect.runPromise(book.read)).length, 1);
  }));

Deno.test("a book does not grow for ever: a long one begins anew with what counts", () =>
  inFolder(async (folder) => {
    const book = bookIn(folder);
    for (let since = 0; since < 300; since++) await Effect.runPromise(book.write(KEY, granted(since)));
    assert.ok(Deno.statSync(`${folder}/${PATH}`).size < 70_000);
    const [booked] = await Effect.runPromise(book.read);
    assert.deepEqual(booked?.events.at(-1), granted(299));
  }));

Deno.test("a link in place of a lease's file is not written through", () =>
  inFolder(async (folder) => {
    const book = bookIn(folder);
    Deno.mkdirSync(`${folder}/dhcp/streams/lan/c1/eth0`, { recursive: true });
    Deno.writeTextFileSync(`${folder}/elsewhere`, "mine");
    Deno.symlinkSync(`${folder}/elsewhere`, `${folder}/${PATH}`);
    const error = await Effect.runPromise(Effect.flip(book.write(KEY, granted(1))));
    assert.match(error.message, /Cannot write leases in .* is not a regular file/);
    assert.equal(Deno.readTextFileSync(`${folder}/elsewhere`), "mine");
  }));
