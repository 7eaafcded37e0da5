/** CHECK and DEL of the sbr plugin on a simulated machine. */
import assert from "node:assert/strict";
import type { KernelOp } from "../../../src/effects/kernel/op.ts";
import { done, failure } from "../../support/bridge_machine.ts";
import { conf, FIRST, INTERFACES, IP, machineOf, route, rule, TWO } from "../../support/sbr_case.ts";

const DRIFTS: readonly [KernelOp, RegExp][] = [
  [
    { op: "rule.remove", on: "container", from: "192.168.1.209/32", table: 100, priority: 32_765 },
    /rule for 192\.168\.1\.209\/32 in the container: expected (table 100 with priority 32765|a table with routes over "net1" alone), found none/,
  ],
  [
    { op: "route.remove", on: "container", link: "net1", dst: "0.0.0.0/0", gw: "192.168.1.1", table: 100 },
    /route.*table 100.*in the container: expected via 192\.168\.1\.1 over net1.*found none/,
  ],
];

for (const [drift, words] of DRIFTS) {
  Deno.test(`CHECK finds what has gone, naming it: ${drift.op}`, async () => {
    const ours = machineOf();
    done(await ours.run("ADD", conf()));
    ours.drift(drift);
    assert.match(failure(await ours.run("CHECK", conf())).msg, words);
    const theirs = machineOf([...TWO, ...GO_MADE]);
    done(await theirs.run("CHECK", conf()));
    theirs.drift(drift);
    assert.match(failure(await theirs.run("CHECK", conf())).msg, words);
  });
}

/** What Go's plugin leaves after its ADD. */
const GO_MADE: readonly KernelOp[] = [
  rule("192.168.1.209/32", 100, 32_765),
  route("net1", "0.0.0.0/0", { gw: "192.168.1.1", table: 100 }),
  route("net1", "192.168.1.0/24", { table: 100, scope: 253 }),
];

Deno.test("CHECK of a table that a user keeps names the table", async () => {
  const { run } = machineOf([...TWO, rule("192.168.1.209/32", 7, 5)]);
  const { msg } = failure(await run("CHECK", conf({ table: 5000 })));
  assert.match(msg, /expected table 5000, found table 7/);
});

Deno.test("DEL of what another sbr has set up removes its rules, and no others", async () => {
  const { run, rules } = machineOf([
    ...TWO,
    ...GO_MADE,
    rule("10.0.0.2/32", 101, 8),
    route("eth0", "10.9.0.0/16", { table: 102 }),
    rule("192.168.1.209/32", 102, 9),
    rule("192.168.1.209/32", 99, 10),
  ]);
  done(await run("DEL", { cniVersion: "1.1.0", name: "net", type: "sbr" }));
  assert.deepEqual(rules(), ["10.0.0.2/32 → 101", "192.168.1.209/32 → 102", "192.168.1.209/32 → 99"]);
});

Deno.test("DEL finds the rules of an interface that is gone by the result, those to the configured table alone", async () => {
  const { run, rules } = machineOf([
    ...TWO.slice(0, 3),
    rule("192.168.1.209/32", 5000, 7),
    rule("192.168.1.209/32", 77, 8),
  ]);
  const conf5000 = { ...conf({ table: 5000 }), prevResult: { ...RESULT } };
  done(await run("DEL", conf5000));
  assert.deepEqual(rules(), ["192.168.1.209/32 → 77"]);
});

const RESULT = { cniVersion: "1.1.0", interfaces: INTERFACES, ips: [FIRST, IP] };

Deno.test("DEL without a namespace, and after the interface, succeeds", async () => {
  const gone = machineOf();
  done(await gone.run("ADD", conf()));
  gone.drift({ op: "link.delete", on: "container", name: "net1" });
  done(await gone.run("DEL", { cniVersion: "1.1.0", name: "net", type: "sbr" }));
  assert.deepEqual(gone.rules(), []);
  const lost = machineOf();
  done(await lost.run("ADD", conf()));
  lost.machine.kernel.removeNetns("/ns/c1");
  done(await lost.run("DEL", conf(), { netns: "" }));
});

Deno.test("DEL succeeds where what the routes stood on has changed since", async () => {
  for (
    const drift of [
      { op: "link.set", on: "container", name: "net1", set: { up: false } },
      { op: "address.remove", on: "container", link: "net1", address: "192.168.1.209/24" },
    ] as const
  ) {
    const { run, drift: change, rules } = machineOf();
    done(await run("ADD", conf()));
    change(drift);
    done(await run("DEL", conf()));
    assert.deepEqual(rules(), []);
  }
});
