/** ADD of the sbr plugin on a simulated machine. */
import assert from "node:assert/strict";
import { done, failure, result } from "../../support/bridge_machine.ts";
import { address, BOTH, conf, FIRST, IP, machineOf, MAIN, OWN, route, rule, TWO, V6 } from "../../support/sbr_case.ts";

for (const version of ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]) {
  Deno.test(`[SB1, SB2] ${version}: the interface's routes move to table 100 with a default, DEL moves them back`, async () => {
    const { run, rules, routes, state } = machineOf();
    const before = state();
    const raw = conf({}, [FIRST, IP], version);
    const made = result(await run("ADD", raw));
    assert.deepEqual(made.ips?.map(({ address }) => address), [FIRST.address, IP.address]);
    assert.deepEqual(rules(), ["192.168.1.209/32 → 100"]);
    assert.deepEqual(routes(100), OWN);
    assert.deepEqual(routes(254), MAIN);
    if (version >= "0.4.0") done(await run("CHECK", raw));
    const { prevResult: _, ...bare } = raw;
    for (const _ of [1, 2]) done(await run("DEL", bare));
    assert.deepEqual(state(), before);
  });
}

Deno.test("[SB3] a default route that the interface has is not made twice", async () => {
  const { run, routes } = machineOf([...TWO, route("net1", "0.0.0.0/0", { gw: "192.168.1.1" })]);
  done(await run("ADD", conf()));
  assert.deepEqual(routes(100), OWN);
  assert.deepEqual(routes(254), MAIN);
});

Deno.test("[SB4] two addresses: tables 100 and 101, each with its own routes, the rule of the second comes first", async () => {
  const { run, rules, routes, state } = machineOf([...TWO, address("net1", "192.168.101.209/24")]);
  const before = state();
  const second = { address: "192.168.101.209/24", gateway: "192.168.101.1", interface: 1 };
  done(await run("ADD", conf({}, [IP, second])));
  assert.deepEqual(rules(), ["192.168.101.209/32 → 101", "192.168.1.209/32 → 100"]);
  assert.deepEqual(routes(100), OWN);
  assert.deepEqual(routes(101), [
    "0.0.0.0/0 via 192.168.101.1 net1",
    "192.168.101.0/24 net1 from 192.168.101.209",
  ]);
  assert.deepEqual(routes(254), MAIN);
  done(await run("DEL", conf({}, [IP, second])));
  assert.deepEqual(state(), before);
});

Deno.test("[SB5] without a previous result, or without addresses in it, ADD is refused and nothing is changed", async () => {
  const { run, ops } = machineOf();
  for (const cniVersion of ["0.2.0", "1.1.0"]) {
    const { code, msg } = failure(await run("ADD", { cniVersion, name: "net", type: "sbr" }));
    assert.deepEqual([code, /must be called as chained plugin/.test(msg)], [7, true], msg);
  }
  assert.match(failure(await run("ADD", conf({}, []))).msg, /prevResult has no addresses/);
  assert.deepEqual(ops, []);
});

Deno.test("[SB6] with a table of the user's there are only rules, and no route moves", async () => {
  const { run, rules, routes, state } = machineOf([...TWO, address("net1", "192.168.101.209/24")]);
  const before = state();
  const main = routes(254);
  const both = [IP, { address: "192.168.101.209/24", interface: 1 }];
  done(await run("ADD", conf({ table: 5000 }, both)));
  assert.deepEqual(rules(), ["192.168.101.209/32 → 5000", "192.168.1.209/32 → 5000"]);
  assert.deepEqual([routes(254), routes(5000)], [main, []]);
  done(await run("CHECK", conf({ table: 5000 }, both)));
  done(await run("DEL", { cniVersion: "1.1.0", name: "net", type: "sbr" }));
  assert.deepEqual(state(), before);
});

Deno.test("a table that the kernel could not name is refused", async () => {
  const { run, ops } = machineOf();
  for (const table of [0, -1, 1.5, 2 ** 32]) assert.match(failure(await run("ADD", conf({ table }))).msg, /table/);
  assert.deepEqual(ops, []);
});

Deno.test("[SB7] a configured IPv4 gateway is taken instead of the result's, and of a default route that is there", async () => {
  const { run, routes } = machineOf([...TWO, route("net1", "0.0.0.0/0", { gw: "192.168.1.1" })]);
  done(await run("ADD", conf({ gateways: ["192.168.1.254"] })));
  assert.ok(routes(100).includes("0.0.0.0/0 via 192.168.1.254 net1"));
  assert.equal(routes(100).filter((text) => text.startsWith("0.0.0.0/0")).length, 1);
});

Deno.test("[SB8] a configured IPv6 gateway is taken instead of the result's", async () => {
  const { run, routes, rules } = machineOf(BOTH);
  done(await run("ADD", conf({ gateways: ["2001:db8:1::FE"] }, [IP, V6])));
  assert.deepEqual(rules(), ["192.168.1.209/32 → 100", "2001:db8:1::209/128 → 101"]);
  assert.deepEqual(routes(101), ["2001:db8:1::/64 net1", "::/0 via 2001:db8:1::fe net1"]);
  assert.deepEqual(routes(100), OWN);
});

Deno.test("[SB9] one configured gateway of each family", async () => {
  const { run, routes, state } = machineOf(BOTH);
  const before = state();
  done(await run("ADD", conf({ gateways: ["2001:db8:1::fe", "192.168.1.254"] }, [IP, V6])));
  assert.ok(routes(100).includes("0.0.0.0/0 via 192.168.1.254 net1"));
  assert.ok(routes(101).includes("::/0 via 2001:db8:1::fe net1"));
  done(await run("DEL", conf()));
  assert.deepEqual(state(), before);
});

Deno.test("[SB10] gateways that are none, or two of one family, are refused", async () => {
  const { run, ops } = machineOf();
  const cases: [string[], RegExp][] = [
    [["192.168.1.1", "192.168.1.2"], /"192\.168\.1\.1" and "192\.168\.1\.2" are both IPv4/],
    [["fd00::1", "fd00::2", "10.0.0.1"], /are both IPv6/],
    [["gateway"], /"gateway" is not an IP address/],
  ];
  for (const [gateways, words] of cases) assert.match(failure(await run("ADD", conf({ gateways }))).msg, words);
  assert.deepEqual(ops, []);
});

Deno.test("[SB11] with source hints the main table keeps the way to the interface's networks", async () => {
  const { run, routes, rules, state } = machineOf([...BOTH, address("net1", "192.168.1.210/24")]);
  const before = state();
  done(await run("ADD", conf({ addSourceHints: true }, [IP, V6])));
  assert.deepEqual(rules(), ["192.168.1.209/32 → 100", "2001:db8:1::209/128 → 101"]);
  assert.deepEqual(routes(100), OWN);
  assert.deepEqual(routes(254), [
    ...MAIN,
    "192.168.1.0/24 net1",
    "2001:db8:1::/64 net1 from 2001:db8:1::209",
  ]);
  done(await run("CHECK", conf({ addSourceHints: true }, [IP, V6])));
  done(await run("DEL", conf()));
  assert.deepEqual(state(), before);
});

Deno.test("an address that is not the first of its network gets a hint of its own", async () => {
  const { run, routes } = machineOf([...TWO, address("net1", "192.168.1.210/24")]);
  done(await run("ADD", conf({ addSourceHints: true }, [{ address: "192.168.1.210/24", interface: 1 }])));
  assert.ok(routes(254).includes("192.168.1.0/24 net1 from 192.168.1.210"));
});

Deno.test("addresses of other interfaces are none of its business: it changes nothing where there are no others", async () => {
  const { run, ops } = machineOf();
  done(await run("ADD", conf({}, [FIRST])));
  assert.deepEqual(ops, []);
  done(await run("DEL", conf({}, [FIRST])));
});

Deno.test("addresses without an interface, and with one that is not there, are the interface's own", async () => {
  const { run, rules } = machineOf();
  const { interface: _, ...anywhere } = IP;
  done(
    await run("ADD", conf({}, [{ ...anywhere, gateway: "192.168.1.1" }, { address: "192.168.1.7/24", interface: 9 }])),
  );
  assert.deepEqual(rules(), ["192.168.1.7/32 → 101", "192.168.1.209/32 → 100"]);
});

Deno.test("routes of another address of the link and of routers stay where they are", async () => {
  const others = [
    address("net1", "10.77.0.1/24"),
    route("net1", "10.78.0.0/16", { gw: "10.77.0.9" }),
    route("net1", "fd05::/64", { gw: "fe80::1", protocol: 9 }),
  ];
  const { run, routes } = machineOf([...BOTH, ...others]);
  done(await run("ADD", conf({}, [IP, V6])));
  assert.deepEqual(routes(100), OWN);
  assert.deepEqual(routes(101), ["2001:db8:1::/64 net1", "::/0 via 2001:db8:1::1 net1"]);
  assert.deepEqual(routes(254), [
    ...MAIN,
    "10.77.0.0/24 net1",
    "10.78.0.0/16 via 10.77.0.9 net1",
    "fd05::/64 via fe80::1 net1",
  ]);
});

Deno.test("routes that belong to no address in particular go to the table of every address of their family", async () => {
  const { run, routes } = machineOf([
    ...BOTH,
    route("net1", "10.79.0.0/16"),
    route("net1", "fd07::/64", { gw: "fe80::7" }),
  ]);
  done(await run("ADD", conf({}, [IP, V6])));
  assert.deepEqual(routes(100), [OWN[0], "10.79.0.0/16 net1", OWN[1], OWN[2]]);
  assert.deepEqual(routes(101), [
    "2001:db8:1::/64 net1",
    "::/0 via 2001:db8:1::1 net1",
    "fd07::/64 via fe80::7 net1",
  ]);
  assert.deepEqual(routes(254), MAIN);
});

Deno.test("a table with a rule, a route, or a VRF is not taken, in whatever family", async () => {
  const { run, rules } = machineOf([
    ...TWO,
    rule("10.0.0.2/32", 100, 200),
    route("eth0", "10.9.0.0/16", { table: 101 }),
    { op: "link.create", on: "container", name: "red", link: { kind: "vrf", table: 102 } },
    rule("fd00::/64", 103, 200),
  ]);
  done(await run("ADD", conf()));
  assert.deepEqual(rules().toSorted(), ["10.0.0.2/32 → 100", "192.168.1.209/32 → 104", "fd00::/64 → 103"]);
});

Deno.test("who is there first at a table has it, and the other takes another", async () => {
  const { run, rules, machine, drift } = machineOf();
  let isFirst = true;
  machine.kernel.onApply((op, phase) => {
    if (op.op !== "rule.add" || phase !== "before" || !isFirst) return;
    isFirst = false;
    drift(rule("10.0.0.2/32", op.table, op.priority));
  });
  done(await run("ADD", conf()));
  const [mine, other] = ["192.168.1.209/32", "10.0.0.2/32"].map((from) =>
    rules().find((text) => text.startsWith(from))?.split(" → ")[1]
  );
  assert.ok(mine !== undefined && mine !== other, `${mine} ${other}`);
  done(await run("CHECK", conf()));
});

Deno.test("a rule that a user has made for the same address stays, before, during and after", async () => {
  const mine = rule("192.168.1.209/32", 5000, 7);
  const { run, rules, state, ops } = machineOf([...TWO, mine]);
  const before = state();
  done(await run("ADD", conf({ table: 5000 })));
  assert.deepEqual([rules(), ops], [["192.168.1.209/32 → 5000"], []]);
  done(await run("CHECK", conf({ table: 5000 })));
  done(await run("DEL", conf({ table: 5000 })));
  assert.deepEqual(state(), before);
});

Deno.test("a rule that an earlier sbr has left for the address is used again", async () => {
  const { run, rules, routes } = machineOf([
    ...TWO,
    rule("192.168.1.209/32", 100, 32_765),
    route("net1", "0.0.0.0/0", { gw: "192.168.1.1", table: 100 }),
  ]);
  done(await run("ADD", conf()));
  assert.deepEqual(rules(), ["192.168.1.209/32 → 100"]);
  assert.deepEqual(routes(100), OWN);
});
