/** What the crash matrix calls residue, and how its page tells of it. */
import assert from "node:assert/strict";
import { renderPage } from "../../../tasks/crash_matrix/page.ts";
import { residueOf, type Share } from "../../../tasks/crash_matrix/report.ts";
import { leftBehind } from "../../support/dying_world.ts";

const BEFORE = ["host links: lo: up", "container sysctls: somaxconn:4096"];
const AFTER = [
  ...BEFORE,
  "host links: br8: up",
  "host addresses: br8 inet 10.8.0.1/24",
  "host firewall: table inet cleat",
];

Deno.test("a host that is as before, or as a whole ADD and DEL leave it, has no residue", () => {
  assert.deepEqual(leftBehind(BEFORE, BEFORE, AFTER), []);
  assert.deepEqual(leftBehind(AFTER, BEFORE, AFTER), []);
  assert.deepEqual(leftBehind(AFTER, AFTER, AFTER), []);
});

Deno.test("a link, a lease and a value of somebody who died are residue, and so is what is missing", () => {
  const now = [
    ...AFTER.filter((line) => !line.startsWith("container")),
    "host links: veth1: up",
    "file leases/10.8.0.2",
  ];
  assert.deepEqual(leftBehind([...now, "container sysctls: somaxconn:500"], BEFORE, AFTER).toSorted(), [
    "+ container sysctls: somaxconn:500",
    "+ file leases/10.8.0.2",
    "+ host links: veth1: up",
    "- container sysctls: somaxconn:4096",
  ]);
});

Deno.test("a line that stands there twice, where once is right, is residue", () => {
  assert.deepEqual(leftBehind([...BEFORE, "host links: lo: up"], BEFORE, AFTER), ["+ host links: lo: up"]);
});

Deno.test("a bridge that is half made is no residue after a death, and one after a new ADD and DEL", () => {
  const half = [...BEFORE, "host links: br8: down"];
  assert.deepEqual(leftBehind(half, BEFORE, AFTER), []);
  assert.notDeepEqual(leftBehind(half, AFTER, AFTER), []);
});

const share = (left: readonly string[]): Share => ({
  steps: [{
    scenario: "toy",
    ways: ["DEL"],
    steps: { ADD: [{ kind: "kernel", words: "create a | b" }], CHECK: [], DEL: [], GC: [] },
  }],
  deaths: [
    { scenario: "toy", verb: "ADD", at: 1, way: "DEL", left },
    { scenario: "toy", verb: "ADD", at: 0, way: "DEL", left: [] },
  ],
  disks: [],
  lost: [],
});

const pageOf = (left: readonly string[]): string => renderPage({ share: share(left), rounds: 8, killed: [], cuts: [] });

Deno.test("a step is a row, and each way a cell: of dying before it, and after it", () => {
  assert.match(pageOf([]), /^\| 1 \| request \| create a \\\| b \| ok ok \|$/m);
  assert.match(pageOf([]), /\| points at which a process died \| 2 \|\n(.*\n)*\| \*\*residue\*\* \| \*\*0\*\* \|/);
});

Deno.test("what is left stands in its cell, in the total, and in a sentence", () => {
  assert.match(pageOf(["+ veth1"]), /\| ok \*\*residue\*\* \|$/m);
  assert.match(pageOf(["+ veth1"]), /\| \*\*residue\*\* \| \*\*1\*\* \|/);
  assert.deepEqual(residueOf(share(["+ veth1"])), ["toy: ADD died after step 1, then DEL:\n    + veth1"]);
});
