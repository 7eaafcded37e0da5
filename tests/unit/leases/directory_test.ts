/** What only pools in directories must get right: host-local's files, strangers, and the price of an ADD. */
import assert from "node:assert/strict";
import { isDuplicate, newPool, RANGE, reserveAsGo, SMALL } from "../../support/pool.ts";
import { filesOf } from "../../support/stores.ts";
import { osError, watching } from "../../support/syscalls.ts";

const mode = (path: string): string => ((Deno.statSync(path).mode ?? 0) & 0o777).toString(8);
Deno.test("directory, lock, lease and pointer have host-local's modes, and no other file is left", async () => {
  using pool = newPool();
  const before = Deno.umask(0o022);
  try {
    await pool.reserve("a");
  } finally {
    Deno.umask(before);
  }
  const names = ["", "/lock", "/10.1.0.2", "/last_reserved_ip.0"];
  assert.deepEqual(names.map((name) => mode(`${pool.pool}${name}`)), ["755", "750", "600", "600"]);
  assert.deepEqual(Array.from(Deno.readDirSync(pool.pool), ({ name }) => name).sort(), [
    "10.1.0.2",
    "last_reserved_ip.0",
    "lock",
  ]);
});

Deno.test("what another program reserved before is found by the duplicate check, by held and by release", async () => {
  using pool = newPool();
  reserveAsGo(pool, "10.1.0.9", "go");
  await assert.rejects(pool.reserve("go"), isDuplicate("10.1.0.9"));
  assert.deepEqual(await pool.held("go"), ["10.1.0.9"]);
  await pool.release("go");
  assert.deepEqual(await pool.reserve("go"), { address: "10.1.0.10/16", gateway: "10.1.0.1" });
});

Deno.test("what another program reserves between two of our commands is found", async () => {
  using pool = newPool();
  await pool.reserve("a");
  reserveAsGo(pool, "10.1.0.3", "go");
  await assert.rejects(pool.reserve("go"), isDuplicate("10.1.0.3"));
  reserveAsGo(pool, "10.1.0.4", "go2");
  await pool.release("go2");
  assert.deepEqual(await pool.held("go2"), []);
});

Deno.test("reservations of another program that leave the pointer as it was are found", async () => {
  using pool = newPool();
  await pool.reserve("a", SMALL);
  await pool.release("a");
  reserveAsGo(pool, "10.1.0.3", "go");
  reserveAsGo(pool, "10.1.0.2", "gone");
  Deno.removeSync(`${pool.pool}/10.1.0.2`);
  assert.equal(Deno.readTextFileSync(`${pool.pool}/last_reserved_ip.0`), "10.1.0.2");
  assert.deepEqual(await pool.held("go"), ["10.1.0.3"]);
  await assert.rejects(pool.reserve("go", SMALL), isDuplicate("10.1.0.3"));
});

Deno.test("a lease that another program released does not count as held", async () => {
  using pool = newPool();
  await pool.reserve("a");
  Deno.removeSync(`${pool.pool}/10.1.0.2`);
  assert.deepEqual(await pool.held("a"), []);
  assert.equal((await pool.reserve("a"))?.address, "10.1.0.3/16");
});

Deno.test("a lease that another owner has by now is not released with the old one", async () => {
  using pool = newPool();
  await pool.reserve("a");
  Deno.writeTextFileSync(`${pool.pool}/10.1.0.2`, "other\r\neth0");
  await pool.release("a");
  assert.equal(Deno.readTextFileSync(`${pool.pool}/10.1.0.2`), "other\r\neth0");
});

Deno.test("a lease that somebody put there by hand, without a pointer, is released all the same", async () => {
  using pool = newPool();
  await pool.reserve("a");
  Deno.writeTextFileSync(`${pool.pool}/10.1.0.9`, "b\r\neth0\n");
  await pool.release("b");
  assert.deepEqual(Object.keys(filesOf(pool.pool)), ["10.1.0.2", "last_reserved_ip.0"]);
});

Deno.test("our pointers are dated back, so that no stranger's bears the same time", async () => {
  using pool = newPool();
  const start = Date.now();
  await pool.reserve("a");
  const { mtime } = Deno.statSync(`${pool.pool}/last_reserved_ip.0`);
  assert(mtime !== null && mtime.getTime() < start - 30_000, String(mtime));
});

Deno.test("the census forgets whoever has released", async () => {
  using pool = newPool();
  await pool.reserve("stays");
  await pool.reserve("goes");
  await pool.release("goes");
  const [census] = Array.from(Deno.readDirSync(`${pool.state}/pools`), ({ name }) => name);
  const folder = `${pool.state}/pools/${census}`;
  const texts = Array.from(Deno.readDirSync(folder), ({ name }) => Deno.readTextFileSync(`${folder}/${name}`)).join();
  assert.deepEqual([texts.includes("stays"), texts.includes("goes")], [true, false]);
});

/** The calls one ADD and one DEL make in a pool of this size, by name; reading takes two for a file, and one for an empty one. */
const callsAt = async (size: number): Promise<Record<string, number>> => {
  using pool = newPool();
  for (let at = 0; at < size; at++) reserveAsGo(pool, `10.1.${3 + (at >> 8)}.${at & 255}`, `go${at}`);
  await pool.reserve("first");
  const calls: Record<string, number> = {};
  const count = (call: string) => {
    if (call !== "read") calls[call] = (calls[call] ?? 0) + 1;
  };
  await watching(count, async () => {
    await pool.reserve("second");
    await pool.release("second");
  });
  return calls;
};

Deno.test("once the pool is known, an ADD and a DEL make as many calls among 600 leases as among 6, and list nothing", async () => {
  const few = await callsAt(6);
  assert.equal(few.readDirSync, undefined);
  assert.deepEqual(await callsAt(600), few);
});

Deno.test("a long run of taken addresses is skipped by listing the pool once", async () => {
  using pool = newPool();
  for (let at = 2; at < 255; at++) reserveAsGo(pool, `10.1.0.${at}`, `go${at}`);
  Deno.writeTextFileSync(`${pool.pool}/last_reserved_ip.0`, "10.1.0.1");
  await pool.held("a");
  const calls: string[] = [];
  const watch = (call: string, path: string) => {
    if (path.startsWith(pool.pool)) calls.push(call);
  };
  const answer = await watching(watch, () => pool.reserve("a"));
  assert.equal(answer?.address, "10.1.0.255/16");
  const scan = 253, listing = calls.filter((call) => call === "readDirSync").length;
  assert.equal(listing, 3); // the scan: leases, pointers to date; and once for the names
  assert(calls.filter((call) => call === "open").length < scan + 50);
});

Deno.test("an empty lease file belongs to nobody and is used again", async () => {
  using pool = newPool();
  await pool.reserve("a", SMALL);
  Deno.writeTextFileSync(`${pool.pool}/10.1.0.3`, "");
  assert.equal((await pool.reserve("b", SMALL))?.address, "10.1.0.3/16");
  assert.equal(Deno.readTextFileSync(`${pool.pool}/10.1.0.3`), "b\r\neth0");
});

Deno.test("an empty lease file in a crowded pool is used before the pool counts as exhausted", async () => {
  using pool = newPool();
  const range = { ...RANGE, rangeEnd: "10.1.0.100" };
  for (let at = 2; at <= 100; at++) reserveAsGo(pool, `10.1.0.${at}`, `go${at}`);
  Deno.writeTextFileSync(`${pool.pool}/10.1.0.77`, "");
  assert.equal((await pool.reserve("a", range))?.address, "10.1.0.77/16");
  await assert.rejects(pool.reserve("b", range), /all addresses of 10\.1\.0\.1-10\.1\.0\.100 are taken/);
});

for (const code of ["EXDEV", "EPERM"]) {
  Deno.test(`where link(2) answers ${code} the lease is created in place`, async () => {
    using pool = newPool();
    const refuse = (call: string) => {
      if (call === "link") throw osError(code);
    };
    assert.equal((await watching(refuse, () => pool.reserve("a")))?.address, "10.1.0.2/16");
    assert.deepEqual(filesOf(pool.pool), { "10.1.0.2": "a\r\neth0", "last_reserved_ip.0": "10.1.0.2" });
    assert.equal(mode(`${pool.pool}/10.1.0.2`), "600");
  });
}

Deno.test("a temporary file left as a second name of a lease does not change that lease", async () => {
  using pool = newPool();
  await pool.reserve("a");
  const [census] = Array.from(Deno.readDirSync(`${pool.state}/pools`), ({ name }) => name);
  Deno.linkSync(`${pool.pool}/10.1.0.2`, `${pool.state}/pools/${census}/lease.tmp`);
  await pool.reserve("b");
  assert.equal(Deno.readTextFileSync(`${pool.pool}/10.1.0.2`), "a\r\neth0");
  assert.equal(Deno.readTextFileSync(`${pool.pool}/10.1.0.3`), "b\r\neth0");
});

Deno.test("a lease that cannot be removed is reported, and the owner's others are removed", async () => {
  using pool = newPool();
  reserveAsGo(pool, "10.1.0.7", "a");
  reserveAsGo(pool, "10.1.0.8", "a");
  const refuse = (call: string, path: string) => {
    if (call === "remove" && path.endsWith("/10.1.0.7")) throw osError("EACCES");
  };
  await assert.rejects(watching(refuse, () => pool.release("a")), /EACCES/);
  assert.deepEqual(await pool.held("a"), ["10.1.0.7"]);
  await pool.release("a");
  assert.deepEqual(await pool.held("a"), []);
});

Deno.test("looking into and releasing from a pool that is not there makes neither pool nor state", async () => {
  using pool = newPool();
  await pool.release("a");
  assert.deepEqual(await pool.held("a"), []);
  assert.deepEqual(Array.from(Deno.readDirSync(pool.path)), []);
});

Deno.test("release and held need no state directory", async () => {
  using pool = newPool();
  reserveAsGo(pool, "10.1.0.7", "a");
  Deno.writeTextFileSync(pool.state, "a file where the folder should be");
  assert.deepEqual(await pool.held("a"), ["10.1.0.7"]);
  await pool.release("a");
  assert.deepEqual(await pool.held("a"), []);
  await assert.rejects(pool.reserve("a"), /Not a directory/);
  assert.deepEqual(Object.keys(filesOf(pool.pool)), ["last_reserved_ip.0"]);
});

const damages: readonly (readonly [string, (text: string) => string])[] = [
  ["emptied", () => ""],
  ["of another shape", () => "{}"],
  ["from another boot", (text) => text.replace(/"boot":"[^"]*"/, '"boot":"before"')],
];
for (const [what, damage] of damages) {
  Deno.test(`a census ${what} is made anew from the pool`, async () => {
    using pool = newPool();
    await pool.reserve("a");
    const [census] = Array.from(Deno.readDirSync(`${pool.state}/pools`), ({ name }) => name);
    for (const { name } of Array.from(Deno.readDirSync(`${pool.state}/pools/${census}`))) {
      const path = `${pool.state}/pools/${census}/${name}`;
      Deno.writeTextFileSync(path, damage(Deno.readTextFileSync(path)));
    }
    await assert.rejects(pool.reserve("a"), isDuplicate("10.1.0.2"));
    await pool.release("a");
    assert.deepEqual(await pool.held("a"), []);
  });
}

Deno.test("host-local's lock is waited for", async () => {
  using pool = newPool();
  await pool.reserve("a");
  using lock = Deno.openSync(`${pool.pool}/lock`, { read: true });
  assert(lock.tryLockSync(true));
  const waiting = pool.reserve("b");
  await Promise.resolve();
  assert.equal("10.1.0.3" in filesOf(pool.pool), false);
  lock.unlockSync();
  assert.equal((await waiting)?.address, "10.1.0.3/16");
});
