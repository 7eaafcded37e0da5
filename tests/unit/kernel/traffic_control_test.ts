/** Ops of traffic control: their undo, what no longer holds of them, and the numbers of token buckets. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { belongs } from "../../../src/effects/kernel/belongs.ts";
import type { FilterOp, KernelOp, Op } from "../../../src/effects/kernel/op.ts";
import { createdLinks, undoFor } from "../../../src/effects/kernel/undo.ts";
import { describeOp } from "../../../src/machines/describe.ts";
import { burstTicks, bytesIn, sameBurst } from "../../../src/spec/token_bucket.ts";
import { holds } from "../../../src/effects/kernel/holds.ts";
import { type Case, drop, noLeases, testDrifts } from "../../support/drift.ts";
import { NETNS, newMachine, pair } from "../../support/machine.ts";

const IFB: KernelOp = { op: "link.create", on: "host", name: "bwp1", link: { kind: "ifb" } };
const VETH = { on: "host", link: "veth1" } as const;
const TBF = {
  op: "qdisc.add",
  ...VETH,
  parent: "root",
  handle: "1:",
  qdisc: { kind: "tbf", rate: 1_000, burst: 10, limit: 35 },
} as const;
const NO_TBF = { op: "qdisc.delete", ...VETH, parent: "root", handle: "1:", kind: "tbf" } as const;
const INGRESS = { op: "qdisc.add", ...VETH, parent: "ingress", handle: "ffff:", qdisc: { kind: "ingress" } } as const;
const NO_INGRESS = { op: "qdisc.delete", ...VETH, parent: "ingress", handle: "ffff:", kind: "ingress" } as const;
const FILTER = {
  op: "filter.add",
  ...VETH,
  parent: "ffff:",
  priority: 1,
  protocol: "all",
  flow: "1:1",
  redirect: "bwp1",
} as const;
const HTB = {
  op: "qdisc.add",
  ...VETH,
  parent: "root",
  handle: "1:",
  qdisc: { kind: "htb", fallback: "1:30" },
} as const;
const CLASS = { op: "class.add", ...VETH, parent: "1:", class: "1:30", rate: 1_000, burst: 10 } as const;
const FIFO = { op: "qdisc.add", ...VETH, parent: "1:30", handle: "30:", qdisc: { kind: "bfifo", limit: 35 } } as const;
const BY_PREFIX = {
  op: "filter.add",
  ...VETH,
  parent: "1:",
  priority: 16,
  protocol: "ip",
  match: { field: "src", prefix: "10.1.2.3/8" },
  flow: "1:",
} as const;

const undoOf = (op: Op, created: readonly Op[] = [], before: readonly KernelOp[] = []): Op | null => {
  const { kernel, host } = newMachine();
  kernel.addDevice("eth9", "pci/0000:00:04.0", "02:00:00:00:00:09");
  kernel.drift(NETNS, pair(), ...before);
  return Effect.runSync(undoFor(op, { view: host, created: createdLinks(created) }));
};

Deno.test("a queueing discipline of a link that was there is deleted by handle and kind", () => {
  assert.deepEqual(undoOf(TBF), NO_TBF);
  assert.deepEqual(undoOf(INGRESS), NO_INGRESS);
});

Deno.test("of a link that the stream has made, of hardware, and where one is already, it has no undo", () => {
  assert.equal(undoOf(TBF, [pair()]), null);
  assert.equal(undoOf({ ...TBF, link: "bwp1" }, [IFB]), null);
  assert.equal(undoOf({ ...TBF, link: "eth9" }), null);
  assert.equal(undoOf({ ...TBF, link: "none" }), null);
  assert.equal(undoOf(TBF, [], [TBF]), null);
});

Deno.test("an ifb is the attachment's own; classes and filters go with what they hang on", () => {
  assert.deepEqual(undoOf(IFB), { op: "link.delete", on: "host", name: "bwp1" });
  assert.deepEqual(createdLinks([IFB]), new Set(["host/bwp1"]));
  for (const op of [CLASS, FILTER, NO_TBF]) assert.equal(undoOf(op), null);
});

Deno.test("only what deletes that very queueing discipline belongs to the op that added it", () => {
  const key = { network: "net", containerId: "c1", ifName: "eth0" };
  assert.ok(belongs(key, TBF, NO_TBF));
  for (
    const forged of [
      { ...NO_TBF, link: "eth9" },
      { ...NO_TBF, on: "container" },
      { ...NO_TBF, parent: "ingress" },
      { ...NO_TBF, handle: "2:" },
      { ...NO_TBF, kind: "htb" },
      NO_INGRESS,
    ] as const
  ) {
    assert.ok(!belongs(key, TBF, forged), JSON.stringify(forged));
  }
  assert.ok(!belongs(key, CLASS, NO_TBF) && !belongs(key, FILTER, NO_INGRESS) && !belongs(key, NO_TBF, TBF));
});

const AT_ROOT = 'queueing discipline at root of link "veth1" on the host';

/** Cases whose op needs others before it: they are part of its drift, and so is the op. */
const drifted = (
  what: string,
  before: readonly KernelOp[],
  op: KernelOp,
  after: readonly KernelOp[],
  finding: string,
) => [what, before, op, after, finding] as const;

const CASES: readonly Case[] = [
  ["a bucket is gone", TBF, [NO_TBF], `${AT_ROOT}: expected tbf 1:, found none`],
  ["another kind is there", TBF, [NO_TBF, HTB], `${AT_ROOT}: expected tbf 1:, found htb 1:`],
  [
    "another rate",
    TBF,
    [NO_TBF, { ...TBF, qdisc: { ...TBF.qdisc, rate: 2_000, burst: 20 } }],
    `${AT_ROOT}: expected a rate of 1000 bytes per second, found 2000 bytes per second`,
  ],
  [
    "another burst",
    TBF,
    [NO_TBF, { ...TBF, qdisc: { ...TBF.qdisc, burst: 20 } }],
    `${AT_ROOT}: expected a burst of 10 bytes, found 20 bytes`,
  ],
  [
    "another queue",
    TBF,
    [NO_TBF, { ...TBF, qdisc: { ...TBF.qdisc, limit: 70 } }],
    `${AT_ROOT}: expected a queue of 35 bytes, found 70 bytes`,
  ],
  ["the link is gone", TBF, [drop("veth1")], `${AT_ROOT}: expected tbf 1:, found none`],
  [
    "what comes in is not looked at",
    INGRESS,
    [NO_INGRESS],
    'queueing discipline at ingress of link "veth1" on the host: expected ingress ffff:, found none',
  ],
  [
    "another class for all else",
    HTB,
    [{ ...NO_TBF, kind: "htb" }, { ...HTB, qdisc: { kind: "htb" } }],
    `${AT_ROOT}: expected the class for all else to be 1:30, found none`,
  ],
];

testDrifts(CASES);

const ALL = 'filter for all packets of link "veth1" on the host';
const PREFIX = 'filter for ip packets with src 10.1.2.3/8 of link "veth1" on the host';
const AGAIN: KernelOp = { ...NO_TBF, kind: "htb" };

for (
  const [what, before, op, after, finding] of [
    drifted("a filter is gone", [IFB, INGRESS], FILTER, [NO_INGRESS], `${ALL}: expected it to exist, found none`),
    drifted(
      "its target is gone",
      [IFB, INGRESS],
      FILTER,
      [drop("bwp1")],
      `${ALL}: expected a redirection to "bwp1", found a link that is gone`,
    ),
    drifted(
      "it leads elsewhere",
      [IFB, INGRESS],
      FILTER,
      [NO_INGRESS, INGRESS, { ...FILTER, redirect: "veth1" }],
      `${ALL}: expected a redirection to "bwp1", found "veth1"`,
    ),
    drifted(
      "it leads nowhere",
      [IFB, INGRESS],
      FILTER,
      [NO_INGRESS, INGRESS, withoutRedirect(FILTER)],
      `${ALL}: expected a redirection to "bwp1", found none`,
    ),
    drifted(
      "a class is gone",
      [HTB],
      CLASS,
      [AGAIN, HTB],
      'class 1:30 of link "veth1" on the host: expected it to exist, found none',
    ),
    drifted(
      "a class has another rate",
      [HTB],
      CLASS,
      [AGAIN, HTB, { ...CLASS, rate: 2_000, burst: 20 }],
      'class 1:30 of link "veth1" on the host: expected a rate of 1000 bytes per second, found 2000 bytes per second',
    ),
    drifted(
      "a class has another queue",
      [HTB, CLASS],
      FIFO,
      [AGAIN, HTB, CLASS, { ...FIFO, qdisc: { kind: "bfifo", limit: 36 } }],
      'queueing discipline at 1:30 of link "veth1" on the host: expected a queue of 35 bytes, found 36 bytes',
    ),
    drifted(
      "a filter for another prefix",
      [HTB, CLASS],
      BY_PREFIX,
      [AGAIN, HTB, CLASS, { ...BY_PREFIX, match: { field: "dst", prefix: "10.0.0.0/8" } }],
      `${PREFIX}: expected it to exist, found none`,
    ),
    drifted(
      "a filter to another class",
      [HTB, CLASS],
      BY_PREFIX,
      [AGAIN, HTB, CLASS, { ...BY_PREFIX, flow: "1:30" }],
      `${PREFIX}: expected to lead to 1:, found 1:30`,
    ),
  ]
) {
  Deno.test(`one finding says what drifted: ${what}`, () => {
    const { kernel, host } = newMachine();
    kernel.drift(NETNS, pair(), ...before, op);
    assert.deepEqual(Effect.runSync(holds(op, host, noLeases)), []);
    kernel.drift(NETNS, ...after);
    assert.deepEqual(Effect.runSync(holds(op, host, noLeases)), [finding]);
  });
}

function withoutRedirect({ redirect: _, ...filter }: typeof FILTER): KernelOp & FilterOp {
  return filter;
}

Deno.test("a burst is counted in ticks of 64 ns, long ones in whole microseconds, and no longer than 32 bits say", () => {
  const vectors = [
    [1_000, 10, 156_250],
    [1, 1, 15_625_000],
    [2, 1, 7_812_500],
    [1_000_000, 100_000, 1_562_500],
    [3, 1, 5_208_328],
    [1_250_000_000, 1_514, 19],
    [1, 1_000, 0xffff_ffff],
  ] as const;
  for (const [rate, burst, ticks] of vectors) assert.equal(burstTicks({ rate, burst }), ticks, `${burst} at ${rate}`);
  assert.ok(bytesIn(19, 1_250_000_000) >= 1_514, "what takes less than 100 microseconds is not rounded down");
  assert.ok(sameBurst({ rate: 1_000, burst: 10 }, 156_234) && !sameBurst({ rate: 1_000, burst: 10 }, 156_200));
});

Deno.test("ops of traffic control are told in the words of tc", () => {
  assert.deepEqual([IFB, TBF, NO_TBF, INGRESS, CLASS, FILTER, BY_PREFIX].map(describeOp), [
    "create ifb bwp1 on the host",
    "add qdisc tbf (rate 1000, burst 10, limit 35) to root of veth1 on the host",
    "delete qdisc tbf 1: of root of veth1 on the host",
    "add qdisc ingress to ingress of veth1 on the host",
    "add class 1:30 (rate 1000, burst 10) to veth1 on the host",
    "add filter of all packets to veth1 on the host redirect to bwp1",
    "add filter of ip packets, src 10.1.2.3/8, to veth1 on the host flow 1:",
  ]);
});
