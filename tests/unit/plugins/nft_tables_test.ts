import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { NftElement } from "../../../src/effects/kernel/nft.ts";
import { View } from "../../../src/engine/view.ts";
import { masquerade } from "../../../src/plugins/masquerade.ts";
import { applyElements, attachmentComment, isOurs, type Layout } from "../../../src/plugins/nft_elements.ts";
import { BRIDGE_SKELETON, NAT_SKELETON, NAT_TABLE } from "../../../src/plugins/nft_tables.ts";
import { spoofCheck } from "../../../src/plugins/spoof_check.ts";
import { recipeMachine } from "../../support/recipe.ts";

const key = (containerId: string, network = "net1") => ({ network, containerId, ifName: "eth0" });

const port = (hostPort: number, ip: string): NftElement => ({
  ...NAT_TABLE,
  set: "hostports4",
  key: [{ protocol: "tcp" }, { port: hostPort }],
  value: [{ ip }, { port: 80 }],
});
const PORTS: Layout = { skeleton: NAT_SKELETON, chains: [], name: () => "host port" };

const masq = (containerId: string, ...addresses: string[]) =>
  masquerade({ key: key(containerId), network: "net1", addresses });

const look = (which: Omit<NftElement, "family" | "table">) =>
  Effect.flatMap(View, ({ host }) => host.element("host", { ...NAT_TABLE, ...which }));
const chainOf = (element: NftElement | null): string | null =>
  element?.value !== undefined && "chain" in element.value ? element.value.chain : null;

Deno.test("every name a skeleton's rules use is made before them, in one batch that begins with the table", () => {
  for (const skeleton of [NAT_SKELETON, BRIDGE_SKELETON]) {
    const made = new Set<string>();
    const [table] = skeleton;
    assert.ok(table !== undefined && "add" in table && table.add === "table" && table.exclusive === true);
    for (const command of skeleton) {
      assert.ok("add" in command && command.add !== "element");
      if (command.add === "set") made.add(`set ${command.set}`);
      if (command.add === "chain") made.add(`chain ${command.chain}`);
      if (command.add !== "rule") continue;
      assert.ok(made.has(`chain ${command.chain}`), command.chain);
      for (const expr of command.exprs) {
        if (expr.expr === "lookup") assert.ok(made.has(`set ${expr.set}`), expr.set);
        if (expr.expr === "verdict" && "chain" in expr) assert.ok(made.has(`chain ${expr.chain}`), expr.chain);
      }
    }
  }
});

Deno.test("a comment names the attachment in at most 190 bytes, the container's ID kept", () => {
  assert.equal(attachmentComment(key("c1")), "net1/c1/eth0");
  const id = "f".repeat(64);
  const long = attachmentComment({ network: "n".repeat(250), containerId: id, ifName: "eth0" });
  assert.ok(new TextEncoder().encode(long).length <= 190);
  assert.ok(long.endsWith(`…/${id}/eth0`) && long.startsWith("nnn"), long);
  const longest = attachmentComment({ network: "n".repeat(255), containerId: "c".repeat(255), ifName: "i".repeat(15) });
  assert.ok(new TextEncoder().encode(longest).length <= 190, longest);
});

Deno.test("a cut comment does not prove whose an element is", () => {
  const long = { network: "n".repeat(250), containerId: "c1", ifName: "eth0" };
  assert.equal(isOurs({ ...port(1, "10.1.0.2"), comment: attachmentComment(long) }, long), false);
  assert.equal(isOurs({ ...port(1, "10.1.0.2"), comment: "net1/c1/eth0" }, key("c1")), true);
});

Deno.test("the first attachment makes the table, the second adds its elements in one request", async () => {
  const machine = recipeMachine();
  await machine.run(masq("c1", "10.1.0.2/24"));
  const first = machine.asked.splice(0).length;
  await machine.run(masq("c2", "10.1.0.3/24"));
  assert.ok(first > 1);
  assert.equal(machine.asked.length, 1);
});

Deno.test("a new subnet on a host that has the table makes its chain, not the table again", async () => {
  const machine = recipeMachine();
  await machine.run(masq("c1", "10.1.0.2/24"));
  machine.asked.length = 0;
  await machine.run(masq("c2", "10.2.0.2/24"));
  assert.equal(machine.asked.length, 3);
  assert.ok(!JSON.stringify(machine.asked).includes('"add":"table"'));
});

Deno.test("nothing to add asks the kernel nothing", async () => {
  const machine = recipeMachine();
  await machine.run(masq("c1"));
  assert.equal(machine.asked.length, 0);
});

Deno.test("of two first users the slower one finds everything there and goes on", async () => {
  const machine = recipeMachine();
  let raced = false;
  machine.onApply((op, phase) => {
    if (raced || phase !== "before" || !JSON.stringify(op).includes('"add":"table"')) return;
    raced = true;
    machine.drift(null, { op: "nft.apply", on: "host", commands: NAT_SKELETON });
  });
  await machine.run(masq("c1", "10.1.0.2/24", "fd00:1::2/64"));
  assert.equal(raced, true);
  const found = await machine.run(look({ set: "masq6", key: [{ ip: "fd00:1::2" }] }));
  assert.equal(chainOf(found), "masq-fd00_1__/64");
});

Deno.test("undoing every attachment leaves the rules and no element", async () => {
  const machine = recipeMachine();
  await machine.run(masq("c1", "10.1.0.2/24", "fd00:1::2/64"));
  const before = machine.dump();
  machine.takeUndo();
  await machine.run(masq("c2", "10.1.0.3/24", "fd00:1::3/64"));
  assert.notDeepEqual(machine.dump(), before);
  await machine.undo(machine.takeUndo());
  assert.deepEqual(machine.dump(), before);
});

Deno.test("a host port somebody holds is refused, naming the holder, and nothing is changed", async () => {
  const machine = recipeMachine();
  await machine.run(applyElements(key("c1"), [port(8080, "10.1.0.2")], PORTS));
  const before = machine.dump();
  const both = [port(8081, "10.1.0.3"), port(8080, "10.1.0.3")];
  const refused = await machine.run(Effect.flip(applyElements(key("c2"), both, PORTS)));
  assert.ok(refused._tag === "Refused");
  assert.equal(refused.code, 102);
  assert.equal(refused.msg, 'Cannot use host port: "net1/c1/eth0" holds it');
  assert.deepEqual(machine.dump(), before);
});

Deno.test("an element without a comment is another program's", async () => {
  const machine = recipeMachine();
  await machine.run(applyElements(key("c1"), [port(8080, "10.1.0.2")], PORTS));
  machine.drift(null, { op: "nft.apply", on: "host", commands: [{ add: "element", ...port(8081, "10.1.0.9") }] });
  const refused = await machine.run(Effect.flip(applyElements(key("c2"), [port(8081, "10.1.0.3")], PORTS)));
  assert.match(refused.message, /another program holds it/);
});

Deno.test("what the same attachment left behind is replaced", async () => {
  const machine = recipeMachine();
  await machine.run(applyElements(key("c1"), [port(8080, "10.1.0.2")], PORTS));
  await machine.run(applyElements(key("c1"), [port(8080, "10.1.0.7")], PORTS));
  const found = await machine.run(look({ set: "hostports4", key: [{ protocol: "tcp" }, { port: 8080 }] }));
  assert.deepEqual(found?.value, [{ ip: "10.1.0.7" }, { port: 80 }]);
});

Deno.test("a holder that goes before we look at it is no obstacle", async () => {
  const machine = recipeMachine();
  await machine.run(applyElements(key("c1"), [port(8080, "10.1.0.2")], PORTS));
  machine.fail("nft.apply", "EEXIST");
  await machine.run(applyElements(key("c2"), [port(8081, "10.1.0.3")], PORTS));
  const found = await machine.run(look({ set: "hostports4", key: [{ protocol: "tcp" }, { port: 8081 }] }));
  assert.equal(found?.comment, "net1/c2/eth0");
});

Deno.test("an error that is neither absence nor presence is passed on", async () => {
  const machine = recipeMachine();
  machine.fail("nft.apply", "ENOMEM");
  const error = await machine.run(Effect.flip(masq("c1", "10.1.0.2/24")));
  assert.ok(error._tag === "HostError");
  assert.equal(error.errno, "ENOMEM");
});

Deno.test("[ip 8.3] an address used again before the old container's DEL keeps the new container's masquerade", async () => {
  const machine = recipeMachine();
  await machine.run(masq("old", "10.1.0.2/24"));
  const undoOld = machine.takeUndo();
  await machine.run(masq("new", "10.1.0.2/24"));
  const undoNew = machine.takeUndo();
  await machine.undo(undoOld);
  const kept = await machine.run(look({ set: "masq4", key: [{ ip: "10.1.0.2" }] }));
  assert.equal(kept?.comment, "net1/new/eth0");
  assert.equal(chainOf(kept), "masq-10.1.0.0/24.b");
  await machine.undo(undoNew);
  assert.equal(await machine.run(look({ set: "masq4", key: [{ ip: "10.1.0.2" }] })), null);
});

Deno.test("[ip 8.3] four containers of two networks have an element per address and a chain per subnet", async () => {
  const machine = recipeMachine();
  await machine.run(masq("one", "192.168.1.5/24"));
  await machine.run(masq("two", "192.168.1.6/24", "2001:db8::2/112"));
  await machine.run(masq("three", "192.168.99.5/24"));
  await machine.run(masquerade({
    key: key("four", "alternate"),
    network: "alternate",
    addresses: ["192.168.1.7/24", "2001:db8::3/112"],
  }));
  const chains = new Set<string | null>();
  for (
    const [ip, owner] of [
      ["192.168.1.5", "net1/one/eth0"],
      ["192.168.1.6", "net1/two/eth0"],
      ["2001:db8::2", "net1/two/eth0"],
      ["192.168.99.5", "net1/three/eth0"],
      ["192.168.1.7", "alternate/four/eth0"],
      ["2001:db8::3", "alternate/four/eth0"],
    ] as const
  ) {
    const found = await machine.run(look({ set: ip.includes(":") ? "masq6" : "masq4", key: [{ ip }] }));
    assert.equal(found?.comment, owner);
    chains.add(chainOf(found));
  }
  assert.deepEqual([...chains].sort(), ["masq-192.168.1.0/24", "masq-192.168.99.0/24", "masq-2001_db8__/112"]);
});

Deno.test("[link 8.4] the spoof check is two elements, and undo takes both", async () => {
  const machine = recipeMachine();
  const check = (containerId: string, hostVeth: string) =>
    spoofCheck({ key: key(containerId), hostVeth, mac: "02:00:00:00:00:01" });
  await machine.run(check("c1", "veth1"));
  machine.takeUndo();
  const before = machine.dump();
  await machine.run(check("c2", "veth2"));
  assert.equal(JSON.stringify(machine.dump()).includes("veth2"), true);
  await machine.undo(machine.takeUndo());
  assert.deepEqual(machine.dump(), before);
});
