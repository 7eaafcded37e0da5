/** The loopback plugin on a simulated machine. Numbers are those of scenarios/loopback.txt. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { KernelOp } from "../../../src/effects/kernel/op.ts";
import type { Command } from "../../../src/engine/command.ts";
import { loopback } from "../../../src/plugins/loopback.ts";
import type { JsonObject } from "../../../src/spec/json.ts";
import { VERSIONS } from "../../../src/spec/released_versions.ts";
import { renderResult } from "../../../src/spec/render_result.ts";
import { done, failure, result } from "../../support/bridge_machine.ts";
import { testCrashPoints } from "../../support/crash_points.ts";
import { commandOf, Machine } from "../../support/engine.ts";

const NET = { cniVersion: "1.1.0", name: "lo1", type: "loopback" } as const;
const UP: KernelOp = { op: "link.set", on: "container", name: "lo", set: { up: true } };
const DOWN: KernelOp = { ...UP, set: { up: false } };

const machineOf = (...before: KernelOp[]) => {
  const machine = new Machine(new Map());
  machine.kernel.addNetns("/ns/c1");
  machine.kernel.drift("/ns/c1", ...before);
  const run = (verb: Command["verb"], raw: JsonObject = NET, change: Partial<Command> = {}) =>
    machine.command(loopback, commandOf(verb, raw, change));
  const isUp = () => {
    const { netns } = machine.kernel.dump() as unknown as { netns: Record<string, { links: { lo: { up: boolean } } }> };
    return netns["/ns/c1"]?.links.lo.up;
  };
  return { machine, run, isUp, drift: (...ops: KernelOp[]) => machine.kernel.drift("/ns/c1", ...ops) };
};

const RESULT = {
  cniVersion: "1.1.0",
  interfaces: [{ name: "lo", mac: "00:00:00:00:00:00", sandbox: "/ns/c1" }],
  ips: [{ address: "127.0.0.1/8", interface: 0 }, { address: "::1/128", interface: 0 }],
};

for (const version of VERSIONS) {
  Deno.test(`[LO1, LO2] ${version}: ADD sets lo up and says so in its version, DEL sets it down`, async () => {
    const { run, isUp } = machineOf();
    const conf = { ...NET, cniVersion: version };
    const made = result(await run("ADD", conf));
    assert.deepEqual(made, { ...RESULT, cniVersion: version });
    const printed = Effect.runSync(renderResult(made, version));
    const says = version < "0.3.0" ? ["ip4", "ip6"] : ["interfaces", "ips"];
    for (const key of says) assert.ok(key in printed, `${key} in ${JSON.stringify(printed)}`);
    assert.equal(isUp(), true);
    done(await run("DEL", conf));
    assert.equal(isUp(), false);
  });
}

Deno.test("ADD passes on the result of the plugin before it, and does not mind the interface's name", async () => {
  const { run, isUp } = machineOf();
  const prevResult = { cniVersion: "1.1.0", interfaces: [{ name: "net0", sandbox: "/ns/c1" }], ips: [] };
  const change = { key: { network: "lo1", containerId: "c1", ifName: "net0" } };
  const made = result(await run("ADD", { ...NET, prevResult }, change));
  assert.deepEqual([made.interfaces, made.ips ?? []], [[{ name: "net0", sandbox: "/ns/c1" }], []]);
  assert.equal(isUp(), true);
  done(await run("CHECK", { ...NET, prevResult }, change));
});

Deno.test("a lo that was up before ADD is up after DEL, and after one DEL more", async () => {
  const { run, isUp } = machineOf(UP);
  assert.deepEqual(result(await run("ADD")), RESULT);
  for (const _ of [1, 2]) {
    done(await run("DEL"));
    assert.equal(isUp(), true);
  }
});

Deno.test("what an administrator has put on lo is neither an obstacle nor part of the result", async () => {
  const { run } = machineOf(
    { op: "address.add", on: "container", link: "lo", address: "192.0.2.7/32" },
    { op: "address.add", on: "container", link: "lo", address: "127.0.0.2/8" },
  );
  assert.deepEqual(result(await run("ADD")).ips?.map(({ address }) => address), [
    "127.0.0.1/8",
    "127.0.0.2/8",
    "::1/128",
  ]);
});

Deno.test("a container without IPv6 has only 127.0.0.1", async () => {
  const { run } = machineOf({
    op: "sysctl.write",
    on: "container",
    key: "net/ipv6/conf/lo/disable_ipv6",
    value: "1",
  });
  assert.deepEqual(result(await run("ADD")).ips?.map(({ address }) => address), ["127.0.0.1/8"]);
});

const address = (address: string): KernelOp => ({ op: "address.remove", on: "container", link: "lo", address });

for (const known of ["that the log knows", "of another program"] as const) {
  Deno.test(`CHECK of an attachment ${known} finds what has gone, naming it`, async () => {
    const drifts: [KernelOp, RegExp][] = [
      [DOWN, /link "lo" in the container: expected state up, found down/],
      [address("127.0.0.1/8"), /expected address 127\.0\.0\.1\/8, found ::1\/128/],
      [address("::1/128"), /expected address ::1\/128, found 127\.0\.0\.1\/8/],
    ];
    for (const [drift, sentence] of drifts) {
      const made = machineOf();
      if (known === "of another program") made.drift(UP);
      else done(await made.run("ADD"));
      done(await made.run("CHECK", { ...NET, prevResult: RESULT }));
      done(await made.run("CHECK"));
      made.drift(drift);
      assert.match(failure(await made.run("CHECK", { ...NET, prevResult: RESULT })).msg, sentence);
    }
  });
}

Deno.test("CHECK does not miss ::1 where IPv6 was switched off on purpose", async () => {
  const { run, drift } = machineOf();
  done(await run("ADD"));
  drift({ op: "sysctl.write", on: "container", key: "net/ipv6/conf/lo/disable_ipv6", value: "1" });
  done(await run("CHECK", { ...NET, prevResult: RESULT }));
});

Deno.test("DEL of what another program attached sets lo down, if its result says that it has set it up", async () => {
  const named = machineOf(UP);
  done(await named.run("DEL", { ...NET, prevResult: RESULT }));
  assert.equal(named.isUp(), false);
  const unnamed = machineOf(UP);
  const before = unnamed.machine.dump();
  done(await unnamed.run("DEL"));
  assert.deepEqual(unnamed.machine.dump(), before);
});

Deno.test("DEL without a namespace succeeds", async () => {
  const { run } = machineOf();
  done(await run("ADD"));
  done(await run("DEL", NET, { netns: "" }));
});

/** lo has been up once: the kernel leaves 127.0.0.1 on it ever after. */
const prepare = ({ kernel }: Machine) => kernel.drift("/ns/blue", UP, DOWN);

testCrashPoints({ name: "loopback", plugin: { type: "loopback" }, prepare, points: 4 });
