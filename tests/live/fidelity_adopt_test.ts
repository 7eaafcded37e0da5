/** Lists and removals of what is nobody's element: the simulated kernel and the real one tell the same story. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { HostError, HostShape } from "../../src/effects/kernel/host.ts";
import type { NftCommand, NftExpr, NftRule } from "../../src/effects/kernel/nft.ts";
import type { KernelOp } from "../../src/effects/kernel/op.ts";
import { can, unless } from "../support/capabilities.ts";
import { batch } from "../support/host_ops.ts";
import { kernelStage, simulatedStage, type Stage } from "../support/host_stage.ts";

const T = { family: "inet", table: "theirs" } as const;
const address: readonly NftExpr[] = [
  { expr: "payload", base: "network", offset: 12, length: 4, to: 1 },
  { expr: "cmp", is: "==", from: 1, bytes: "0a010002" },
];

const TABLE: readonly NftCommand[] = [
  { add: "table", ...T },
  { add: "set", ...T, set: "ports", key: ["inet_proto", "inet_service"], value: ["ipv4_addr", "inet_service"] },
  { add: "set", ...T, set: "masq", key: ["ipv4_addr"], value: "verdict" },
  { add: "set", ...T, set: "names", key: ["ifname"] },
  { add: "chain", ...T, chain: "first" },
  { add: "chain", ...T, chain: "second" },
  {
    add: "rule",
    ...T,
    chain: "first",
    exprs: [...address, { expr: "verdict", verdict: "jump", chain: "second" }],
    comment: "one",
  },
  { add: "rule", ...T, chain: "first", exprs: address, comment: "two" },
  { add: "rule", ...T, chain: "first", exprs: [{ expr: "counter" }] },
  { add: "rule", ...T, chain: "second", exprs: address, comment: "one" },
  {
    add: "element",
    ...T,
    set: "ports",
    key: [{ protocol: "udp" }, { port: 53 }],
    value: [{ ip: "10.1.0.2" }, { port: 53 }],
    comment: "c1",
  },
  { add: "element", ...T, set: "masq", key: [{ ip: "10.1.0.2" }], value: { verdict: "goto", chain: "second" } },
  { add: "element", ...T, set: "names", key: [{ ifName: "veth0" }], comment: "c1" },
];

const done = (effect: Effect.Effect<unknown, HostError>): unknown =>
  Effect.runSync(Effect.match(effect, { onSuccess: (value) => value ?? "ok", onFailure: ({ errno }) => errno }));

const rulesIn = (host: HostShape, chain: string): readonly NftRule[] =>
  Effect.runSync(host.rules("host", { ...T, chain }));

/** Everything in the table, without numbers. */
const look = (host: HostShape) => ({
  chains: Effect.runSync(host.chains("host", T)).toSorted(),
  rules: ["first", "second", "none"].map((chain) => rulesIn(host, chain).map(({ handle: _, ...rule }) => rule)),
  elements: Effect.runSync(host.elements("host", T)).map((element) => JSON.stringify(element)).toSorted(),
  named: Effect.runSync(host.elements("host", T, "c1")).map(({ set }) => set).toSorted(),
});

const story = ({ host }: Stage): readonly unknown[] => {
  const told: unknown[] = [];
  const tell = (op: KernelOp) => told.push(done(host.apply(op)), look(host));
  const remove = (chain: string, at: number, comment?: string): NftCommand => {
    const { handle, comment: own } = rulesIn(host, chain)[at] ?? assert.fail("no such rule");
    return { remove: "rule", ...T, chain, handle, comment: comment ?? own ?? "" };
  };
  told.push(look(host));
  tell(batch(...TABLE));
  tell(batch({ remove: "chain", ...T, chain: "second" }));
  tell(batch(remove("first", 1, "one")));
  tell(batch(remove("first", 2)));
  tell(batch(remove("first", 1), { add: "chain", family: "inet", table: "none", chain: "c" }));
  tell(batch(remove("first", 1), remove("first", 1), { remove: "chain", ...T, chain: "gone" }));
  const masq = { ...T, set: "masq", key: [{ ip: "10.1.0.2" }] } as const;
  tell(batch(remove("first", 0), { remove: "element", ...masq }));
  tell(batch({ remove: "chain", ...T, chain: "second" }, { remove: "chain", ...T, chain: "second" }));
  tell(batch({ remove: "rule", ...T, chain: "second", handle: "1", comment: "one" }));
  for (const family of [4, 6] as const) {
    tell({ op: "iptables.delete", on: "host", family, table: "nat", chain: "CNI-1", from: "POSTROUTING" });
    told.push(done(host.iptablesChains("host", family)), done(host.iptablesRules("host", family)));
  }
  return told;
};

Deno.test({
  ...unless(can.netns && can.nft, "chains and rules are listed and removed as the kernel does it", "no nf_tables"),
  fn() {
    using twin = simulatedStage();
    using kernel = kernelStage();
    const told = story(kernel);
    assert.deepEqual(story(twin), told);
    assert.deepEqual(told.filter((answer) => typeof answer === "string"), [
      "ok",
      "EBUSY",
      "ok",
      "ok",
      "ENOENT",
      "ok",
      "ok",
      "ok",
      "ok",
      "ok",
      "ok",
    ]);
  },
});
