import assert from "node:assert/strict";
import { countsOf, summary } from "../../../tasks/counts.ts";
import { testFiles } from "../../../tasks/vm/bundles.ts";
import { kernelIn, newestOf } from "../../../tasks/vm/kernel.ts";
import { findTool, Unavailable } from "../../../tasks/vm/tools.ts";

Deno.test("the newest kernel is the one that Debian's meta package depends on, in its version", () => {
  const shown =
    "Package: linux-image-amd64\nVersion: 6.1.9-1\nDepends: linux-image-6.1.0-5-amd64 (= 6.1.9-1)\nSize: 4\n";
  assert.deepEqual(newestOf(shown), { name: "linux-image-6.1.0-5-amd64", version: "6.1.9-1" });
  assert.equal(newestOf(""), null);
});

Deno.test("a kernel counts as there when its image and the index of its modules are filled, not before", () => {
  const root = Deno.makeTempDirSync({ prefix: "cleat-kernel-" });
  try {
    assert.equal(kernelIn(root), null);
    Deno.mkdirSync(`${root}/boot`);
    Deno.mkdirSync(`${root}/lib/modules/6.1`, { recursive: true });
    Deno.writeTextFileSync(`${root}/boot/vmlinuz-6.1`, "x");
    Deno.writeTextFileSync(`${root}/lib/modules/6.1/modules.dep`, "");
    assert.equal(kernelIn(root), null);
    Deno.writeTextFileSync(`${root}/lib/modules/6.1/modules.dep`, "x");
    assert.equal(kernelIn(root)?.release, "6.1");
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});

Deno.test("a missing program is named with its package, and is a reason to skip", () => {
  assert.throws(() => findTool("no-such-program", "some-package"), (error) => {
    assert.ok(error instanceof Unavailable);
    assert.equal(error.message, '"no-such-program" is missing (Debian\'s package some-package)');
    return true;
  });
});

Deno.test("folders stand for their test files, in order; a file for itself", () => {
  const files = testFiles(["tests/unit/tasks/", "tests/support/lab.ts"]);
  assert.deepEqual(files.slice(-2), ["tests/unit/tasks/vm_test.ts", "tests/support/lab.ts"]);
  assert.deepEqual([...files].slice(0, -1), [...files].slice(0, -1).sort());
});

Deno.test("the counts of a run are those of its last line; one that ends badly without a line has one failure", () => {
  const output = "x ... ok\n\x1b[32mok\x1b[0m | 12 passed | 0 failed | 3 ignored (2s)\n";
  assert.deepEqual(countsOf(output, true), { passed: 12, failed: 0, skipped: 3 });
  assert.equal(summary(countsOf(output, true)), "12 passed, 0 failed, 3 skipped");
  assert.equal(summary(countsOf("", false)), "0 passed, 1 failed");
  assert.equal(countsOf(output, false).failed, 1);
});
