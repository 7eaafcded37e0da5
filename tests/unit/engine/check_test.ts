import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import type { KernelOp } from "../../../src/effects/kernel/op.ts";
import { Leases } from "../../../src/effects/leases/leases.ts";
import { DEFAULT_DATA_DIR } from "../../../src/plugins/host_local_config.ts";
import { registry } from "../../../src/plugins/registry.ts";
import { container, dbnet } from "../../support/dbnet.ts";
import { commandOf, Machine } from "../../support/engine.ts";
import { eventsOf, failed, ok, readingOf, streamOf, wordsOf } from "../../support/outcomes.ts";
import { ADDRESS, LEASE, OPS, RAW, SYSCTL, toy, toys, VETH } from "../../support/toy_plugins.ts";

const blue = container("blue", 8080);
const POOL = `${DEFAULT_DATA_DIR}/dbnet`;

interface Attached {
  readonly machine: Machine;
  /** The host end of the veth pair. */
  readonly veth: string;
}

async function attached(): Promise<Attached> {
  const machine = new Machine(registry);
  machine.kernel.addNetns(blue.netns);
  const result = ok(await machine.network("ADD", dbnet, blue));
  return { machine, veth: result?.interfaces?.[1]?.name ?? "" };
}

const release = async ({ machine }: Attached, containerId: string): Promise<void> => {
  const op = { op: "lease.release", pool: POOL, owner: { containerId, ifName: "eth0" } } as const;
  assert.ok(Exit.isSuccess(await machine.run(Effect.flatMap(Leases, (leases) => leases.apply(op)))));
};

const PORT = {
  family: "inet",
  table: "cleat",
  set: "hostports4",
  key: [{ protocol: "tcp" }, { port: 8080 }],
} as const;
const OURS = [{ ip: "10.1.0.2" }, { port: 80 }] as const;

const inContainer = (...ops: readonly KernelOp[]) => ({ machine }: Attached): void =>
  machine.kernel.drift(blue.netns, ...ops);
const onHost = (ops: (veth: string) => readonly KernelOp[]) => ({ machine, veth }: Attached): void =>
  machine.kernel.drift(blue.netns, ...ops(veth));
const eth0 = { on: "container", link: "eth0" } as const;

/** What happens behind the log's back, and what CHECK must say: the thing, what was expected, what is there. */
const DRIFTS: readonly (readonly [what: string, drift: (to: Attached) => void | Promise<void>, ...words: RegExp[]])[] =
  [
    [
      "the address is gone",
      inContainer({ op: "address.remove", ...eth0, address: "10.1.0.2/16" }),
      /link "eth0" in the container: expected address 10\.1\.0\.2\/16, found fe80:/,
    ],
    [
      "the address is another one",
      inContainer(
        { op: "address.remove", ...eth0, address: "10.1.0.2/16" },
        { op: "address.add", ...eth0, address: "10.1.0.9/16" },
      ),
      /expected address 10\.1\.0\.2\/16, found 10\.1\.0\.9\/16/,
    ],
    [
      "the default route is gone",
      inContainer({ op: "route.remove", ...eth0, dst: "0.0.0.0/0", gw: "10.1.0.1" }),
      /route to 0\.0\.0\.0\/0 in table 254 in the container: expected via 10\.1\.0\.1 over eth0 .*found none/,
    ],
    [
      "the default route leads elsewhere",
      inContainer({ op: "route.remove", ...eth0, dst: "0.0.0.0/0", gw: "10.1.0.1" }, {
        op: "route.add",
        ...eth0,
        dst: "0.0.0.0/0",
        gw: "10.1.0.7",
      }),
      /expected via 10\.1\.0\.1 .*found via 10\.1\.0\.7/,
    ],
    [
      "the container link is down",
      inContainer({ op: "link.set", on: "container", name: "eth0", set: { up: false } }),
      /link "eth0" in the container: expected state up, found down/,
    ],
    [
      "the host end is down",
      onHost((name) => [{ op: "link.set", on: "host", name, set: { up: false } }]),
      /link "veth\w+" on the host: expected state up, found down/,
    ],
    [
      "the host end has left the bridge",
      onHost((name) => [{ op: "link.set", on: "host", name, set: { master: null } }]),
      /link "veth\w+" on the host: expected master "cni0", found none/,
    ],
    [
      "the host end is in another bridge",
      onHost((name) => [
        { op: "link.create", on: "host", name: "br9", link: { kind: "bridge" } },
        { op: "link.set", on: "host", name, set: { master: "br9" } },
      ]),
      /link "veth\w+" on the host: expected master "cni0", found "br9"/,
    ],
    [
      "the pair is gone",
      onHost((name) => [{ op: "link.delete", on: "host", name }]),
      /link "veth\w+" on the host: expected it to exist, found none/,
    ],
    [
      "the bridge is down",
      onHost(() => [{ op: "link.set", on: "host", name: "cni0", set: { up: false } }]),
      /link "cni0" on the host: expected state up, found down/,
    ],
    [
      "a sysctl has another value",
      inContainer({ op: "sysctl.write", on: "container", key: "net/core/somaxconn", value: "128" }),
      /sysctl "net\/core\/somaxconn" in the container: expected 500, found 128/,
    ],
    [
      "the MAC is another one",
      inContainer({ op: "link.set", on: "container", name: "eth0", set: { mac: "02:00:00:00:00:99" } }),
      /link "eth0" in the container: expected MAC 02:00:00:00:1f:90, found 02:00:00:00:00:99/,
    ],
    [
      "the host port is gone",
      onHost(() => [{ op: "nft.apply", on: "host", commands: [{ remove: "element", ...PORT, value: OURS }] }]),
      /element \{ tcp \. 8080 \} of set "hostports4" in table "inet cleat" on the host: expected 10\.1\.0\.2 \. 80, found none/,
    ],
    [
      "the host port leads to somebody else",
      onHost(() => [{
        op: "nft.apply",
        on: "host",
        commands: [
          { remove: "element", ...PORT, value: OURS },
          { add: "element", ...PORT, value: [{ ip: "10.1.0.9" }, { port: 81 }], comment: "dbnet/red/eth0" },
        ],
      }]),
      /expected 10\.1\.0\.2 \. 80, found 10\.1\.0\.9 \. 81 of dbnet\/red\/eth0/,
    ],
    [
      "the lease is gone",
      (to) => release(to, "blue"),
      /lease of blue\/eth0 in pool "[^"]*\/dbnet": expected 10\.1\.0\.2, found none/,
    ],
    [
      "the lease is somebody else's",
      async (to) => {
        await release(to, "blue");
        to.machine.leases.put(POOL, "10.1.0.2", "red\r\neth0");
      },
      /lease of blue\/eth0 in pool "[^"]*\/dbnet": expected 10\.1\.0\.2, found none/,
    ],
  ];

for (const [what, drift, ...words] of DRIFTS) {
  Deno.test(`[C42] CHECK finds that ${what}, with what was expected and what is there, and changes nothing`, async () => {
    const to = await attached();
    ok(await to.machine.network("CHECK", dbnet, blue), "before");
    await drift(to);
    const before = to.machine.dump();
    const failure = failed(await to.machine.network("CHECK", dbnet, blue));
    assert.equal(failure.code, 101);
    assert.match(failure.msg, /^Cannot confirm "blue" on "dbnet": /);
    for (const word of words) assert.match(wordsOf(failure), word);
    assert.deepEqual(to.machine.dump(), before);
    ok(await to.machine.network("DEL", dbnet, blue), "DEL");
  });
}

async function toyMachine(check?: readonly string[]) {
  const machine = new Machine(toys());
  machine.kernel.addNetns("/ns/c1");
  const plugin = toy({ ops: OPS, ...(check === undefined ? {} : { check }) });
  ok(await machine.command(plugin, commandOf("ADD", RAW)));
  return { machine, check: () => machine.command(plugin, commandOf("CHECK", RAW)) };
}

Deno.test("a CHECK that confirms writes nothing, however often", async () => {
  const { machine, check } = await toyMachine();
  const log = machine.log.dump();
  for (let i = 0; i < 3; i++) ok(await check());
  assert.deepEqual(machine.log.dump(), log);
});

Deno.test("a drift is written once, further drift once more, and its repair once", async () => {
  const { machine, check } = await toyMachine();
  const somaxconn = (value: string) => machine.kernel.drift("/ns/c1", { ...SYSCTL, value });
  const steps: readonly (readonly [() => void, boolean])[] = [
    [() => somaxconn("1"), false],
    [() => {}, false],
    [() => somaxconn("2"), false],
    [() => {}, false],
    [() => somaxconn("500"), true],
    [() => {}, true],
  ];
  for (const [change, passes] of steps) {
    change();
    const outcome = await check();
    assert.equal(outcome.ended, passes ? "ok" : "failed");
    assert.equal(await machine.stateOf(streamOf("toy")), passes ? "attached" : "drifted");
  }
  const events = (await eventsOf(machine, streamOf("toy"))).slice(10);
  assert.deepEqual(events, ["CHECK", "check.drifted", "CHECK", "check.drifted", "CHECK", "check.passed"]);
});

Deno.test("all findings come at once: the first as the message, the others as details, and all in the log", async () => {
  const { machine, check } = await toyMachine(["the sky: expected blue, found grey"]);
  machine.kernel.drift("/ns/c1", { ...SYSCTL, value: "1" }, { ...ADDRESS, op: "address.remove" });
  const failure = failed(await check());
  assert.match(failure.msg, /expected address 10\.1\.0\.2\/24, found none \(set by #2 at 2026-01-01T00:00:00\.000Z\)$/);
  assert.match(
    failure.details ?? "",
    /somaxconn.*expected 500, found 1 \(set by #\d+ at [^)]+\); the sky: expected blue, found grey$/,
  );
  const last = (await readingOf(machine, streamOf("toy"))).records.at(-1)?.event;
  assert.equal(last?.type === "check.drifted" ? last.findings.length : 0, 3);
});

Deno.test("a finding names the record that set what is no longer so, and one op for what several miss", async () => {
  const { machine, check } = await toyMachine();
  machine.kernel.drift("/ns/c1", { op: "link.delete", on: VETH.on, name: VETH.name });
  const { msg, details = "" } = failed(await check());
  const { records } = await readingOf(machine, streamOf("toy"));
  const found = [...`${msg}; ${details}`.matchAll(/([^;]+) \(set by #(\d+) at ([^)]+)\)/g)];
  assert(found.length > 0);
  for (const [, , id, at] of found) {
    const record = records.find(({ event }) => event.type === "effect.intended" && event.id === Number(id));
    assert.equal(record?.at, at);
  }
  assert.equal(new Set(found.map(([, finding]) => finding)).size, found.length);
  assert.match(msg, new RegExp(`"${VETH.name}" on the host: expected it to exist, found none \\(set by #1 at `));
});

Deno.test("CHECK of a drifted attachment does not stand in the way of DEL, and ADD is refused until then", async () => {
  const { machine, check } = await toyMachine();
  machine.kernel.drift("/ns/c1", { op: "link.delete", on: VETH.on, name: VETH.name });
  failed(await check());
  assert.match(wordsOf(failed(await machine.command(toy(), commandOf("ADD", RAW)))), /already drifted; run DEL first/);
  ok(await machine.command(toy(), commandOf("DEL", RAW)));
  assert.equal(machine.leases.dump()[LEASE.pool]?.["10.1.0.2"], undefined);
});

Deno.test("CHECK of what the log does not know asks the plugin alone and writes nothing", async () => {
  const machine = new Machine(toys());
  machine.kernel.addNetns("/ns/c1");
  ok(await machine.command(toy(), commandOf("CHECK", RAW)));
  const grey = toy({ check: ["the sky: expected blue, found grey"] });
  assert.equal(failed(await machine.command(grey, commandOf("CHECK", RAW))).code, 101);
  assert.deepEqual(machine.log.dump(), {});
});

Deno.test("[C41] CHECK after DEL is refused, and after a failed ADD too, with the reason", async () => {
  const { machine, check } = await toyMachine();
  ok(await machine.command(toy(), commandOf("DEL", RAW)));
  assert.match(failed(await check()).msg, /^Cannot check .*: detached$/);
  failed(await machine.command(toy({ ops: [SYSCTL], refuse: "Cannot go on" }), commandOf("ADD", RAW)));
  assert.match(failed(await check()).msg, /^Cannot check .*: failed, because Cannot go on$/);
});
