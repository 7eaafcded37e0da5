/** The firewall plugin where the log does not know all, and addresses that are used again. */
import assert from "node:assert/strict";
import { runGc } from "../../../src/engine/run_gc.ts";
import { firewall } from "../../../src/plugins/firewall.ts";
import { ADMIN, BOTH, BRIDGED, machineOf, NET, pair, prev } from "../../support/firewall_machine.ts";
import { failed, ok } from "../../support/outcomes.ts";

Deno.test("an address that another has since keeps what lets that through, also when DEL is repeated", async () => {
  const { run, of, firewallOf } = machineOf();
  const config = { ...NET, ingressPolicy: "same-bridge", prevResult: prev("10.1.0.2/24") };
  ok(await run("ADD", config));
  ok(await run("ADD", config, of("c2")));
  assert.equal(firewallOf().rules["filter 4 CNI-FORWARD"]?.length, 5);
  for (const _ of [1, 2, 3]) ok(await run("DEL", config));
  const { rules, elements } = firewallOf();
  assert.deepEqual(rules["filter 4 CNI-FORWARD"]?.slice(1), pair("10.1.0.2/32"));
  assert.deepEqual(elements, ["containers4 net/c2/eth0 same-bridge-br0.b"]);
  ok(await run("CHECK", config, of("c2")));
  ok(await run("DEL", config, of("c2")));
  assert.deepEqual(firewallOf().elements, []);
});

Deno.test("without a log DEL closes what Go's plugin has opened, or finds its own elements; GC finds those, too", async () => {
  const { run, firewallOf, drift } = machineOf();
  const go = (...addresses: string[]) =>
    drift({ op: "iptables.open", on: "host", family: 4, addresses, adminChain: "CNI-ADMIN" });
  go("10.1.0.2", "10.1.0.9");
  const config = { ...NET, prevResult: prev("10.1.0.2/24") };
  ok(await run("CHECK", config));
  assert.match(failed(await run("CHECK", { ...config, prevResult: BOTH })).msg, /ip6tables: expected the rule/);
  assert.match(failed(await run("CHECK", { ...config, backend: "firewalld" })).msg, /zone trusted, found none/);
  ok(await run("DEL", config));
  assert.deepEqual(firewallOf().rules["filter 4 CNI-FORWARD"]?.slice(1), pair("10.1.0.9/32"));
});

Deno.test("with a lost log DEL finds what the elements name, and GC whom they name", async () => {
  const before = machineOf({ firewalld: true });
  for (const [id, backend] of [["c3", "iptables"], ["c4", "firewalld"], ["c5", "iptables"]] as const) {
    const config = { ...NET, backend, ingressPolicy: "isolated", prevResult: prev(`10.1.0.${id[1]}/24`) };
    ok(await before.run("ADD", config, before.of(id)));
  }
  const { machine, run, of, firewallOf } = machineOf({ firewalld: true }, [...BRIDGED, ...before.ops]);
  assert.deepEqual(firewallOf(), before.firewallOf());
  ok(await run("DEL", NET, of("c3")));
  assert.deepEqual(firewallOf().rules["filter 4 CNI-FORWARD"]?.slice(1), pair("10.1.0.5/32"));
  const valid = [{ containerID: "c5", ifname: "eth0" }];
  const raw = { ...NET, "cni.dev/valid-attachments": valid };
  const exit = await machine.run(runGc(firewall, { raw, cniVersion: "1.1.0", path: "" }));
  assert.equal(exit._tag, "Success");
  assert.deepEqual(firewallOf().firewalld, {});
  assert.deepEqual(firewallOf().elements, ["containers4 net/c5/eth0 isolated"]);
});

Deno.test("a log whose end is lost still tells of whom the rules are that it does not mention", async () => {
  const { machine, run, firewallOf } = machineOf();
  ok(await run("ADD", { ...NET, prevResult: BOTH }));
  const [whole = ""] = Object.values(machine.log.dump());
  const lines = whole.split("\n");
  const end = lines.findIndex((line) => line.includes('"iptables.open"'));
  machine.log.put(
    { network: "net", containerId: "c1", ifName: "eth0", slot: "firewall" },
    `${lines.slice(0, end).join("\n")}\n`,
  );
  ok(await run("DEL", NET));
  assert.deepEqual(firewallOf().rules["filter 4 CNI-FORWARD"], [`${ADMIN}CNI-ADMIN`]);
  assert.deepEqual(firewallOf().elements, []);
});
