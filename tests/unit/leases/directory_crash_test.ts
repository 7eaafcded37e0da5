/** Processes that die, and calls that fail, in the middle of a pool's directory. */
import assert from "node:assert/strict";
import { files } from "../../../src/effects/libc/files.ts";
import { isDuplicate, newPool, SMALL } from "../../support/pool.ts";
import { filesOf } from "../../support/stores.ts";
import { osError, replacing, watching } from "../../support/syscalls.ts";

/** Dies at the `at`th call: that one and all after it throw, as nothing runs any more. True when it came so far. */
const dyingAt = async (at: number, run: () => Promise<unknown>): Promise<boolean> => {
  let calls = 0;
  const die = () => {
    if (++calls >= at) throw new Error("died");
  };
  await watching(die, () => run().catch(() => {}));
  return calls >= at;
};

Deno.test("a process that dies at any call of an ADD leaves a pool that DEL cleans and that loses no address", async () => {
  for (let at = 1, died = true; died; at++) {
    using pool = newPool();
    await pool.reserve("a", SMALL);
    died = await dyingAt(at, () => pool.reserve("b", SMALL));
    const files = filesOf(pool.pool);
    if (files["10.1.0.3"] !== undefined) {
      assert.equal(files["10.1.0.3"], "b\r\neth0", `call ${at}`);
      await assert.rejects(pool.reserve("b", SMALL), isDuplicate("10.1.0.3"), `call ${at}`);
    }
    await pool.release("b");
    assert.equal("10.1.0.3" in filesOf(pool.pool), false, `call ${at}`);
    await assert.rejects(pool.reserve("a", SMALL), isDuplicate("10.1.0.2"), `call ${at}`);
    assert.equal((await pool.reserve("c", SMALL))?.address, "10.1.0.3/16", `call ${at}`);
  }
});

Deno.test("a process that dies at any call of a DEL leaves a pool that the next DEL cleans", async () => {
  for (let at = 1, died = true; died; at++) {
    using pool = newPool();
    await pool.reserve("a", SMALL);
    died = await dyingAt(at, () => pool.release("a"));
    await pool.release("a");
    assert.deepEqual(await pool.held("a"), [], `call ${at}`);
    assert.equal((await pool.reserve("a", SMALL))?.address, "10.1.0.3/16", `call ${at}`);
    assert.equal((await pool.reserve("b", SMALL))?.address, "10.1.0.2/16", `call ${at}`);
  }
});

Deno.test("a call of an ADD that fails leaves a reserved address or none, as the answer says", async () => {
  for (let at = 1, failed = true; failed; at++) {
    using pool = newPool();
    await pool.reserve("a");
    let calls = 0;
    const fail = () => {
      if (++calls === at) throw osError("EIO");
    };
    const reserved = await watching(fail, () => pool.reserve("b").then(() => true, () => false));
    failed = calls >= at;
    assert.deepEqual(await pool.held("b"), reserved ? ["10.1.0.3"] : [], `call ${at}`);
  }
});

const { write } = files;

const FAULTS: Record<string, typeof write> = {
  "nothing": () => {
    throw osError("ENOSPC");
  },
  "half of it": (fd, bytes, path) => write(fd, bytes.subarray(0, bytes.length >> 1), path),
};

/** Breaks what is written to the census, and only that. */
const writing = (fault: typeof write, run: () => Promise<unknown>) =>
  replacing({
    write: (fd, bytes, path) => (path.endsWith(".json") ? fault : write)(fd, bytes, path),
  }, () => run().catch(() => {}));

for (const [what, fault] of Object.entries(FAULTS)) {
  Deno.test(`a disk that takes ${what} of the census loses no lease and no address`, async () => {
    using pool = newPool();
    await pool.reserve("a", SMALL);
    await writing(fault, () => pool.reserve("b", SMALL));
    await writing(fault, () => pool.release("b"));
    await pool.release("b");
    await assert.rejects(pool.reserve("a", SMALL), isDuplicate("10.1.0.2"));
    assert.equal((await pool.reserve("c", SMALL))?.address, "10.1.0.3/16");
    await pool.release("a");
    await pool.release("c");
    assert.deepEqual(Object.keys(filesOf(pool.pool)).filter((name) => name.startsWith("10.")), []);
  });
}
