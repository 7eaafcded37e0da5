/** The firewall plugin on a simulated machine. Numbers are those of scenarios/firewall.txt. */
import assert from "node:assert/strict";
import { runStatus } from "../../../src/engine/run_status.ts";
import { firewall } from "../../../src/plugins/firewall.ts";
import { ADMIN, BOTH, JUMP, machineOf, NET, pair, prev } from "../../support/firewall_machine.ts";
import { failed, ok } from "../../support/outcomes.ts";

Deno.test("[FW1, FW2] ADD passes the result on and makes the chains, jumps and rules of both families", async () => {
  const { run, firewallOf } = machineOf();
  const result = ok(await run("ADD", { ...NET, prevResult: BOTH }));
  assert.deepEqual(JSON.parse(JSON.stringify(result)), BOTH);
  assert.deepEqual(firewallOf().rules, {
    "filter 4 CNI-ADMIN": [],
    "filter 4 CNI-FORWARD": [`${ADMIN}CNI-ADMIN`, ...pair("10.1.0.2/32")],
    "filter 4 FORWARD": [JUMP],
    "filter 6 CNI-ADMIN": [],
    "filter 6 CNI-FORWARD": [`${ADMIN}CNI-ADMIN`, ...pair("fd00:1::2/128")],
    "filter 6 FORWARD": [JUMP],
  });
  assert.deepEqual(firewallOf().elements, ["containers4 net/c1/eth0 open", "containers6 net/c1/eth0 open"]);
});

Deno.test("[FW3] further ADDs make chains and jumps no second time; one of the same attachment is refused", async () => {
  const { run, of, firewallOf } = machineOf();
  ok(await run("ADD", { ...NET, prevResult: BOTH }));
  ok(await run("ADD", { ...NET, prevResult: prev("10.1.0.3/24") }, of("c2")));
  const { rules } = firewallOf();
  assert.deepEqual(rules["filter 4 FORWARD"], [JUMP]);
  assert.deepEqual(rules["filter 4 CNI-FORWARD"], [
    `${ADMIN}CNI-ADMIN`,
    ...pair("10.1.0.2/32"),
    ...pair("10.1.0.3/32"),
  ]);
  assert.match(failed(await run("ADD", { ...NET, prevResult: BOTH })).msg, /already/);
  assert.deepEqual(firewallOf().rules, rules);
});

Deno.test("[FW4] an admin chain of another name is there for both families", async () => {
  const { run, firewallOf } = machineOf();
  ok(await run("ADD", { ...NET, iptablesAdminChainName: "OPS-FIRST", prevResult: BOTH }));
  const { rules } = firewallOf();
  for (const family of [4, 6]) {
    assert.deepEqual(rules[`filter ${family} OPS-FIRST`], []);
    assert.equal(rules[`filter ${family} CNI-FORWARD`]?.[0], `${ADMIN}OPS-FIRST`);
  }
});

Deno.test("[FW5] after ADD and CHECK, DEL takes the rules away and leaves chains and jumps, without config or result", async () => {
  const { run, firewallOf, drift } = machineOf();
  ok(await run("ADD", { ...NET, prevResult: BOTH }));
  ok(await run("CHECK", { ...NET, prevResult: BOTH }));
  drift({ op: "iptables.close", on: "host", family: 4, addresses: ["10.1.0.2"] });
  const { msg, details } = failed(await run("CHECK", { ...NET, prevResult: BOTH }));
  assert.match(
    `${msg} ${details}`,
    /iptables: expected the rule "-A CNI-FORWARD -d 10\.1\.0\.2\/32.*-s 10\.1\.0\.2\/32/,
  );
  ok(await run("DEL", { ...NET, iptablesAdminChainName: "no name" }, { netns: "" }));
  const { rules, elements } = firewallOf();
  assert.deepEqual(rules["filter 4 CNI-FORWARD"], [`${ADMIN}CNI-ADMIN`]);
  assert.deepEqual(rules["filter 6 CNI-FORWARD"], [`${ADMIN}CNI-ADMIN`]);
  assert.deepEqual([rules["filter 4 FORWARD"], elements], [[JUMP], []]);
});

Deno.test("[FW6, FW8, FW9] firewalld: a source for each address, in the zone, from ADD to DEL", async () => {
  const { run, firewallOf, drift } = machineOf({ firewalld: true });
  const config = { ...NET, backend: "firewalld", prevResult: BOTH };
  assert.deepEqual(JSON.parse(JSON.stringify(ok(await run("ADD", config)))), BOTH);
  assert.deepEqual(firewallOf().firewalld, { "10.1.0.2/32": "trusted", "fd00:1::2/128": "trusted" });
  assert.deepEqual(firewallOf().rules, {});
  ok(await run("CHECK", config));
  drift({ op: "firewalld.remove", on: "host", zone: "trusted", source: "10.1.0.2/32" });
  assert.match(
    failed(await run("CHECK", config)).msg,
    /"10\.1\.0\.2\/32" in firewalld: expected zone trusted, found none/,
  );
  ok(await run("DEL", NET));
  assert.deepEqual(firewallOf().firewalld, {});
});

Deno.test("[FW7] without a backend it is firewalld where that runs, and DEL finds what ADD took, whatever runs by then", async () => {
  const { machine, run, firewallOf } = machineOf({ firewalld: true });
  ok(await run("ADD", { ...NET, firewalldZone: "cni", prevResult: BOTH }));
  assert.deepEqual(firewallOf().firewalld, { "10.1.0.2/32": "cni", "fd00:1::2/128": "cni" });
  machine.kernel.setFirewalld(false);
  ok(await run("DEL", NET));
  ok(await run("ADD", { ...NET, prevResult: BOTH }));
  machine.kernel.setFirewalld(true);
  ok(await run("DEL", NET));
  assert.deepEqual(firewallOf().rules["filter 4 CNI-FORWARD"], [`${ADMIN}CNI-ADMIN`]);
});

Deno.test("a source that is in another zone is refused, and stays there", async () => {
  const { run, firewallOf, drift } = machineOf({ firewalld: true });
  drift({ op: "firewalld.add", on: "host", zone: "drop", source: "fd00:1::2/128" });
  const { msg } = failed(await run("ADD", { ...NET, prevResult: BOTH }));
  assert.match(msg, /fd00:1::2\/128 in zone trusted.*EEXIST/);
  assert.deepEqual(firewallOf(), { rules: {}, firewalld: { "fd00:1::2/128": "drop" }, elements: [] });
});

Deno.test("the jump goes behind the one to Go's isolation, and before everything else", async () => {
  const { machine, run, firewallOf } = machineOf();
  const isolation = ["-j", "CNI-ISOLATION-STAGE-1"];
  machine.kernel.putForward(4, ["-j", "DOCKER-USER"], isolation, ["-j", "DOCKER-FORWARD"]);
  ok(await run("ADD", { ...NET, prevResult: prev("10.1.0.2/24") }));
  assert.deepEqual(firewallOf().rules["filter 4 FORWARD"], [
    "-j DOCKER-USER",
    "-j CNI-ISOLATION-STAGE-1",
    JUMP,
    "-j DOCKER-FORWARD",
  ]);
});

Deno.test("ingressPolicy: chains are made once for a bridge, and links of one container are its own", async () => {
  const { run, of, firewallOf, host } = machineOf();
  const policy = (ingressPolicy: string, ...ips: string[]) => ({ ...NET, ingressPolicy, prevResult: prev(...ips) });
  ok(await run("ADD", policy("same-bridge", "10.1.0.2/24")));
  ok(await run("ADD", policy("isolated", "10.1.0.3/24"), of("c2")));
  assert.deepEqual(firewallOf().elements, [
    "containers4 net/c1/eth0 same-bridge-br0",
    "containers4 net/c2/eth0 isolated",
  ]);
  assert.equal(JSON.stringify(host()).match(/"chain":"managed","exprs":\[\{"chain":"managed-br0"/g)?.length, 1);
  const alone = { ...NET, ingressPolicy: "same-bridge" };
  const result = { ...prev("10.1.0.4/32"), interfaces: [{ name: "v2" }, { name: "eth0", sandbox: "/ns/c3" }] };
  ok(await run("ADD", { ...alone, prevResult: result }, of("c3")));
  const last = firewallOf().elements.slice(-2);
  assert.deepEqual(last, ["containers4 net/c3/eth0 isolated", "links net/c3/eth0"]);
  for (const id of ["c1", "c2", "c3"]) ok(await run("DEL", NET, of(id)));
  assert.deepEqual(firewallOf().elements, []);
});

Deno.test("isolated also isolates the container's port of the bridge, so that it needs no bridge netfilter, until DEL", async () => {
  const { run, ops } = machineOf();
  ok(await run("ADD", { ...NET, ingressPolicy: "isolated", prevResult: prev("10.1.0.2/24") }));
  ok(await run("DEL", NET));
  const ports = ops.flatMap((op) => op.op === "port.set" ? [[op.name, op.set]] : []);
  assert.deepEqual(ports, [["v1", { isolated: true }], ["v1", { isolated: false }]]);
});

Deno.test.each([
  [{ backend: "nft" }, 7, /backend/],
  [{ ingressPolicy: "closed" }, 7, /ingressPolicy/],
  [{ iptablesAdminChainName: "-j" }, 7, /"iptablesAdminChainName": "-j" is not a name/],
  [{ iptablesAdminChainName: "A".repeat(29) }, 7, /1 to 28 letters/],
  [{ iptablesAdminChainName: "CNI-FORWARD" }, 7, /a meaning of its own/],
  [{ firewalldZone: "zone with spaces" }, 7, /"firewalldZone": "zone with spaces"/],
])("%j is refused before anything is done", async (settings, code, words) => {
  const { run, ops } = machineOf();
  ops.length = 0;
  const failure = failed(await run("ADD", { ...NET, ...settings, prevResult: BOTH }));
  assert.equal(failure.code, code, failure.msg);
  assert.match(`${failure.msg} ${failure.details}`, words);
  assert.deepEqual(ops, []);
});

Deno.test("a policy without a link of the host, and a missing prevResult, are refused before anything is done", async () => {
  const { run, ops } = machineOf();
  ops.length = 0;
  const inside = { ...BOTH, interfaces: [{ name: "eth0", sandbox: "/ns/c1" }] };
  const config = { ...NET, ingressPolicy: "isolated", prevResult: inside };
  const { code, msg, details } = failed(await run("ADD", config));
  assert.equal(code, 7);
  assert.match(`${msg} ${details}`, /"ingressPolicy": "isolated" to "c1".*names no link.*eth0 of the container/);
  assert.match(failed(await run("ADD", NET)).msg, /prevResult is missing/);
  assert.match(failed(await run("CHECK", NET)).msg, /prevResult is missing/);
  assert.deepEqual(ops, []);
});

Deno.test("a program that is missing or fails is named, and nothing is left", async () => {
  const { machine, run, firewallOf } = machineOf();
  machine.kernel.fail((op) => op.op === "iptables.open" && op.family === 6, "ENOENT: it is in none of /sbin");
  const { msg } = failed(await run("ADD", { ...NET, prevResult: BOTH }));
  assert.match(msg, /fd00:1::2.*in none of/);
  assert.deepEqual(firewallOf().elements, []);
  assert.deepEqual(firewallOf().rules["filter 4 CNI-FORWARD"], [`${ADMIN}CNI-ADMIN`]);
});

Deno.test("STATUS says that firewalld, which the configuration wants, does not run", async () => {
  const { machine } = machineOf();
  const ask = (backend: string) =>
    machine.run(runStatus(firewall, { raw: { ...NET, backend }, cniVersion: "1.1.0", path: "" }));
  assert.equal((await ask("iptables"))._tag, "Success");
  assert.equal((await ask("firewalld"))._tag, "Failure");
  machine.kernel.setFirewalld(true);
  assert.equal((await ask("firewalld"))._tag, "Success");
});
