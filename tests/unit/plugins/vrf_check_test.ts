/** CHECK and DEL of the vrf plugin on a simulated machine. */
import assert from "node:assert/strict";
import type { KernelOp } from "../../../src/effects/kernel/op.ts";
import { done, failure } from "../../support/bridge_machine.ts";
import { conf, INTERFACE, link, machineOf, vrfLink } from "../../support/vrf_case.ts";

const DRIFTS: readonly [KernelOp, RegExp][] = [
  [
    { op: "link.set", on: "container", name: "eth0", set: { master: null } },
    /link "eth0" in the container: expected master "red", found none/,
  ],
  [
    { op: "link.delete", on: "container", name: "red" },
    /link "red" in the container: expected it to exist, found none/,
  ],
  [
    { op: "link.delete", on: "container", name: "eth0" },
    /link "eth0" in the container: expected it to exist, found none/,
  ],
];

for (const [drift, words] of DRIFTS) {
  Deno.test(`CHECK finds what has gone, whoever has attached: ${words.source}`, async () => {
    const ours = machineOf();
    done(await ours.run("ADD", conf("red")));
    ours.drift(drift);
    const { msg, details } = failure(await ours.run("CHECK", conf("red")));
    assert.match(`${msg}; ${details}`, words);
    const theirs = machineOf(GO_MADE);
    done(await theirs.run("CHECK", conf("red")));
    theirs.drift(drift);
    assert.match(failure(await theirs.run("CHECK", conf("red"))).msg, words);
  });
}

/** What Go's plugin leaves after its ADD. */
const GO_MADE: readonly KernelOp[] = [
  ...link("eth0"),
  vrfLink("red", 1),
  { op: "link.set", on: "container", name: "eth0", set: { master: "red" } },
];

Deno.test("CHECK compares the table that was asked for, and the kind", async () => {
  const { run } = machineOf(GO_MADE);
  assert.match(failure(await run("CHECK", conf("red", { table: 7 }))).msg, /expected table 7, found 1/);
  assert.match(failure(await run("CHECK", conf("host"))).msg, /link "host" in the container: expected it to exist/);
  const bridge = machineOf([...link("eth0"), {
    op: "link.create",
    on: "container",
    name: "red",
    link: { kind: "bridge" },
  }]);
  assert.match(failure(await bridge.run("CHECK", conf("red"))).msg, /expected kind vrf, found bridge/);
});

Deno.test("DEL of what another vrf has attached takes the interface out, and the VRF with its last member", async () => {
  const both: readonly KernelOp[] = [
    ...GO_MADE,
    ...link("net1"),
    { op: "link.set", on: "container", name: "net1", set: { master: "red" } },
  ];
  const { run, of, link: shown } = machineOf(both);
  done(await run("DEL", conf("red")));
  assert.deepEqual([shown("eth0")?.master, shown("net1")?.master, shown("red")?.kind], [null, "red", "vrf"]);
  done(await run("DEL", conf("red", {}, "net1"), of("net1")));
  assert.equal(shown("red"), undefined);
});

Deno.test("DEL of an attachment that never was touches nobody's VRF", async () => {
  for (const before of [[vrfLink("red", 1)], INTERFACE, [...INTERFACE, vrfLink("red", 1)]]) {
    const { run, ops } = machineOf(before);
    done(await run("DEL", conf("red")));
    done(await run("DEL", conf("host-eth0")));
    assert.deepEqual(ops, []);
  }
});

Deno.test("DEL after the interface, and without a namespace, succeeds", async () => {
  const gone = machineOf();
  done(await gone.run("ADD", conf("red")));
  gone.drift({ op: "link.delete", on: "container", name: "eth0" });
  done(await gone.run("DEL", { cniVersion: "1.1.0", name: "net", type: "vrf" }));
  assert.equal(gone.link("red"), undefined);
  const lost = machineOf();
  done(await lost.run("ADD", conf("red")));
  lost.machine.kernel.removeNetns("/ns/c1");
  done(await lost.run("DEL", conf("red"), { netns: "" }));
});
