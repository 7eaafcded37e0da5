/** What every kind of pool does, in a directory and in memory. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { type Lease, type LeaseError, Leases } from "../../../src/effects/leases/leases.ts";
import type { LeaseOwner, LeaseRange } from "../../../src/effects/kernel/op.ts";
import { leasePools, type PoolsUnderTest, runOnPools } from "../../support/stores.ts";

const SLASH_29: LeaseRange = {
  subnet: "192.168.1.0/29",
  rangeStart: "192.168.1.1",
  rangeEnd: "192.168.1.6",
  gateway: "192.168.1.1",
};
const SIX: LeaseRange = { subnet: "fd00::/64", rangeStart: "fd00::1", rangeEnd: "fd00::ff", gateway: "fd00::1" };

const owner = (containerId: string, ifName = "eth0"): LeaseOwner => ({ containerId, ifName });

const reserve = (
  { pool }: PoolsUnderTest,
  who: LeaseOwner,
  over: { readonly want?: string; readonly set?: number; readonly ranges?: readonly LeaseRange[] } = {},
): Effect.Effect<Lease | undefined, LeaseError, Leases> =>
  Effect.flatMap(
    Leases,
    (leases) => leases.apply({ op: "lease.reserve", pool, owner: who, set: 0, ranges: [SLASH_29], ...over }),
  );
const release = ({ pool }: PoolsUnderTest, who: LeaseOwner, ranges?: readonly LeaseRange[]) =>
  Effect.flatMap(
    Leases,
    (leases) => leases.apply({ op: "lease.release", pool, owner: who, ...(ranges === undefined ? {} : { ranges }) }),
  );
const held = ({ pool }: PoolsUnderTest, who: LeaseOwner) => Effect.flatMap(Leases, (leases) => leases.held(pool, who));
const holds = ({ pool }: PoolsUnderTest, who: LeaseOwner, ip: string) =>
  Effect.flatMap(Leases, (leases) => leases.holds(pool, who, ip));
const available = ({ pool }: PoolsUnderTest, ranges = [SLASH_29]) =>
  Effect.flatMap(Leases, (leases) => leases.available(pool, ranges));

/** Runs one step after another; a refusal is told as `reason: detail`. */
const told = async (pools: PoolsUnderTest, ...steps: readonly Effect.Effect<unknown, LeaseError, Leases>[]) => {
  const answers: unknown[] = [];
  for (const step of steps) {
    const refusal = (error: LeaseError) => Effect.succeed(`${error.reason}: ${error.detail}`);
    answers.push(await runOnPools(pools, Effect.catchTag(step, "LeaseError", refusal)));
  }
  return answers;
};
const lease = (ip: string): Lease => ({ address: `192.168.1.${ip}/29`, gateway: "192.168.1.1" });

for (const [kind, make] of leasePools) {
  Deno.test(`[HL7, HL13] ${kind}: a reservation is a lease file and a pointer, as host-local writes them`, async () => {
    using pools = make();
    assert.deepEqual(await told(pools, reserve(pools, owner(" c1 "))), [lease("2")]);
    assert.deepEqual(pools.files(), { "192.168.1.2": "c1\r\neth0", "last_reserved_ip.0": "192.168.1.2" });
  });

  Deno.test(`${kind}: an IPv6 lease has the compressed lower case name, and its set its own pointer`, async () => {
    using pools = make();
    const answer = await told(pools, reserve(pools, owner("c1"), { set: 1, ranges: [SIX] }));
    assert.deepEqual(answer, [{ address: "fd00::2/64", gateway: "fd00::1" }]);
    assert.deepEqual(pools.files(), { "fd00::2": "c1\r\neth0", "last_reserved_ip.1": "fd00::2" });
  });

  Deno.test(`[HL24] ${kind}: a released address comes round last`, async () => {
    using pools = make();
    const answers = await told(
      pools,
      reserve(pools, owner("a")),
      release(pools, owner("a")),
      ...["b", "c", "d", "e", "f"].map((id) => reserve(pools, owner(id))),
    );
    assert.deepEqual(answers.slice(2), ["3", "4", "5", "6", "2"].map(lease));
  });

  Deno.test(`[HL14, HL16] ${kind}: what is taken behind the pointer is passed over`, async () => {
    using pools = make();
    const want = (ip: string) => ({ want: `192.168.1.${ip}` });
    const answers = await told(
      pools,
      reserve(pools, owner("a"), want("4")),
      reserve(pools, owner("b"), want("3")),
      reserve(pools, owner("c"), want("2")),
      reserve(pools, owner("d")),
    );
    assert.deepEqual(answers, ["4", "3", "2", "5"].map(lease));
  });

  Deno.test(`[HL21, HL22, HL28] ${kind}: three subnets in one set follow one another, round to the first`, async () => {
    using pools = make();
    const ranges = [0, 4, 8].map((first): LeaseRange => ({
      subnet: `192.168.1.${first}/30`,
      rangeStart: `192.168.1.${first + 1}`,
      rangeEnd: `192.168.1.${first + 2}`,
      gateway: `192.168.1.${first + 1}`,
    }));
    const next = (id: string) => reserve(pools, owner(id), { ranges });
    const answers = await told(
      pools,
      ...["a", "b", "c"].map(next),
      next("d"),
      release(pools, owner("a")),
      release(pools, owner("b")),
      ...["e", "f"].map(next),
      reserve(pools, owner("g"), { ranges: ranges.slice(0, 1) }),
    );
    const of = (last: number) => ({ address: `192.168.1.${last}/30`, gateway: `192.168.1.${last - 1}` });
    assert.deepEqual(answers, [
      ...[2, 6, 10].map(of),
      "exhausted: all addresses of 192.168.1.1-192.168.1.2, 192.168.1.5-192.168.1.6, 192.168.1.9-192.168.1.10 are taken",
      undefined,
      undefined,
      ...[2, 6].map(of),
      "exhausted: all addresses of 192.168.1.1-192.168.1.2 are taken",
    ]);
  });

  Deno.test(`[HL27, HL36] ${kind}: the first and the last of a range are in it, and their neighbours are not`, async () => {
    const four = { ...SLASH_29, rangeStart: "192.168.1.3", rangeEnd: "192.168.1.5" };
    const six = { ...SIX, rangeStart: "fd00::10", rangeEnd: "fd00::20" };
    for (
      const [range, inside, outside] of [
        [four, ["192.168.1.3", "192.168.1.5"], ["192.168.1.2", "192.168.1.6"]],
        [six, ["fd00::10", "fd00::20"], ["fd00::f", "fd00::21"]],
      ] as const
    ) {
      using pools = make();
      const want = (ip: string, id: string) => reserve(pools, owner(id), { want: ip, ranges: [range] });
      const answers = await told(pools, ...[...inside, ...outside].map((ip, at) => want(ip, `c${at}`)));
      assert.deepEqual(
        answers.map((answer) => typeof answer === "string" ? answer.split(":")[0] : "given"),
        ["given", "given", "outside", "outside"],
      );
    }
  });

  Deno.test(`[HL19, HL23] ${kind}: a full set is exhausted until something is released`, async () => {
    using pools = make();
    const all = ["a", "b", "c", "d", "e"].map((id) => reserve(pools, owner(id)));
    const answers = await told(
      pools,
      available(pools),
      ...all,
      available(pools),
      reserve(pools, owner("f")),
      release(pools, owner("c")),
      available(pools),
      reserve(pools, owner("f")),
    );
    assert.deepEqual([answers[0], ...answers.slice(6)], [
      true,
      false,
      "exhausted: all addresses of 192.168.1.1-192.168.1.6 are taken",
      undefined,
      true,
      lease("4"),
    ]);
  });

  Deno.test(`${kind}: an owner gets one address per set, and the refusal names the one it has`, async () => {
    using pools = make();
    const answers = await told(
      pools,
      reserve(pools, owner("a")),
      reserve(pools, owner("a")),
      reserve(pools, owner("a", "eth1")),
      reserve(pools, owner("a"), { set: 1, ranges: [SIX] }),
      held(pools, owner("a")),
    );
    assert.deepEqual(answers, [
      lease("2"),
      'duplicate: "a" (eth0) already holds 192.168.1.2; run DEL first',
      lease("3"),
      { address: "fd00::2/64", gateway: "fd00::1" },
      ["192.168.1.2", "fd00::2"],
    ]);
  });

  Deno.test(`[HL25, HL26, HL27] ${kind}: a wanted address is given, moves the pointer, and is refused for four reasons`, async () => {
    using pools = make();
    const want = (ip: string, id = "b") => reserve(pools, owner(id), { want: ip });
    const answers = await told(
      pools,
      want("192.168.1.5", "a"),
      want("192.168.1.5"),
      want("192.168.1.5", "a"),
      want("192.168.1.1"),
      want("192.168.1.7"),
      want("fd00::2"),
      want("nonsense"),
      reserve(pools, owner("b")),
    );
    assert.deepEqual(answers, [
      lease("5"),
      'taken: 192.168.1.5 is held by "a" (eth0)',
      'duplicate: "a" (eth0) already holds 192.168.1.5; run DEL first',
      "gateway: 192.168.1.1 is the gateway of 192.168.1.0/29",
      "outside: 192.168.1.7 is in no range of the set (192.168.1.1-192.168.1.6)",
      "outside: fd00::2 is in no range of the set (192.168.1.1-192.168.1.6)",
      "outside: nonsense is in no range of the set (192.168.1.1-192.168.1.6)",
      lease("6"),
    ]);
  });

  Deno.test(`${kind}: release takes the owner's leases within the ranges and leaves all others`, async () => {
    using pools = make();
    await told(
      pools,
      reserve(pools, owner("a")),
      reserve(pools, owner("a"), { set: 1, ranges: [SIX] }),
      reserve(pools, owner("a", "eth1")),
      reserve(pools, owner("b")),
      release(pools, owner("a"), [SLASH_29]),
    );
    assert.deepEqual(Object.keys(pools.files()), [
      "192.168.1.3",
      "192.168.1.4",
      "fd00::2",
      "last_reserved_ip.0",
      "last_reserved_ip.1",
    ]);
    await told(pools, release(pools, owner("a")));
    assert.equal("fd00::2" in pools.files(), false);
    assert.equal("192.168.1.3" in pools.files(), true);
  });

  Deno.test(`${kind}: releasing what is not held, and from a pool that is not there, is success`, async () => {
    using pools = make();
    assert.deepEqual(await told(pools, release(pools, owner("a")), held(pools, owner("a"))), [undefined, []]);
    await told(pools, reserve(pools, owner("a")));
    assert.deepEqual(await told(pools, release(pools, owner("b")), held(pools, owner("a"))), [undefined, [
      "192.168.1.2",
    ]]);
  });

  Deno.test(`${kind}: leases in the old format, without an interface, count for every interface without one of its own`, async () => {
    using pools = make();
    pools.put("192.168.1.4", "a\n");
    pools.put("192.168.1.3", "a\r\neth1\n");
    const answers = await told(
      pools,
      held(pools, owner("a")),
      held(pools, owner("a", "eth1")),
      holds(pools, owner("a"), "192.168.1.4"),
      reserve(pools, owner("a")),
      release(pools, owner("a", "eth1")),
      held(pools, owner("a", "eth1")),
      release(pools, owner("a")),
      held(pools, owner("a")),
    );
    assert.deepEqual(answers, [
      ["192.168.1.4"],
      ["192.168.1.3"],
      true,
      'duplicate: "a" (eth0) already holds 192.168.1.4; run DEL first',
      undefined,
      ["192.168.1.4"],
      undefined,
      [],
    ]);
  });

  Deno.test(`${kind}: holds is about this very address and this very owner`, async () => {
    using pools = make();
    const answers = await told(
      pools,
      reserve(pools, owner("a")),
      holds(pools, owner("a"), "192.168.1.2"),
      holds(pools, owner("a"), "192.168.1.3"),
      holds(pools, owner("a", "eth1"), "192.168.1.2"),
      holds(pools, owner("b"), "192.168.1.2"),
      holds(pools, owner("192.168.1.2"), "last_reserved_ip.0"),
    );
    assert.deepEqual(answers.slice(1), [true, false, false, false, false]);
  });

  Deno.test(`${kind}: concurrent reservations get different addresses`, async () => {
    using pools = make();
    const ranges = [{ ...SLASH_29, subnet: "192.168.1.0/24", rangeEnd: "192.168.1.254" }];
    const all = Array.from({ length: 20 }, (_, at) => reserve(pools, owner(`c${at}`), { ranges }));
    const leases = await runOnPools(pools, Effect.all(all, { concurrency: "unbounded" }));
    assert.equal(new Set(leases.map((answer) => answer?.address)).size, 20);
  });
}
