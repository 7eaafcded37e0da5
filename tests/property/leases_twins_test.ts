/** Pools in directories and in memory tell the same story, also when another program works on them. */
import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import type { LeaseRange } from "../../src/effects/kernel/op.ts";
import { type LeaseError, Leases } from "../../src/effects/leases/leases.ts";
import { leasePools, type PoolsUnderTest, runOnPools } from "../support/stores.ts";
import { forSeeds } from "./seeds.ts";
import type { Random } from "./spec_random.ts";

const FOUR: LeaseRange = {
  subnet: "10.1.0.0/29",
  rangeStart: "10.1.0.1",
  rangeEnd: "10.1.0.5",
  gateway: "10.1.0.1",
};
const FOUR_MORE: LeaseRange = { ...FOUR, subnet: "10.1.0.8/29", rangeStart: "10.1.0.8", rangeEnd: "10.1.0.10" };
const SIX: LeaseRange = { subnet: "fd00::/64", rangeStart: "fd00::1", rangeEnd: "fd00::3", gateway: "fd00::1" };
const SETS: readonly [readonly LeaseRange[], ...(readonly LeaseRange[])[]] = [[FOUR, FOUR_MORE], [SIX]];

type Step = (pools: PoolsUnderTest) => Effect.Effect<unknown, LeaseError, Leases>;

const using =
  (use: (leases: Leases["Service"], pool: string) => Effect.Effect<unknown, LeaseError>): Step => ({ pool }) =>
    Effect.flatMap(Leases, (leases) => use(leases, pool));

const randomStep = ({ pick, below }: Random): readonly [string, Step] => {
  const owner = { containerId: pick(["a", "b", "c", "d", "e"]), ifName: pick(["eth0", "eth0", "eth1"]) };
  const set = pick([0, 0, 1]), ranges = SETS[set] ?? SETS[0];
  const ip = pick(["10.1.0.1", "10.1.0.2", "10.1.0.4", "10.1.0.9", "10.1.0.10", "10.2.0.1", "fd00::2"]);
  const who = `${owner.containerId}/${owner.ifName}`;
  const reserve = using((leases, pool) => leases.apply({ op: "lease.reserve", pool, owner, set, ranges }));
  const content = below(3) === 0 ? owner.containerId : `${owner.containerId}\r\n${owner.ifName}`;
  return pick<readonly [string, Step]>([
    [`reserve ${who} in ${set}`, reserve],
    [`reserve ${who} in ${set}`, reserve],
    [
      `reserve ${ip} for ${who} in ${set}`,
      using((leases, pool) => leases.apply({ op: "lease.reserve", pool, owner, set, ranges, want: ip })),
    ],
    [`release ${who}`, using((leases, pool) => leases.apply({ op: "lease.release", pool, owner }))],
    [`release ${who} in ${set}`, using((leases, pool) => leases.apply({ op: "lease.release", pool, owner, ranges }))],
    [`held by ${who}`, using((leases, pool) => leases.held(pool, owner))],
    [`${who} holds ${ip}`, using((leases, pool) => leases.holds(pool, owner, ip))],
    [`available in ${set}`, using((leases, pool) => leases.available(pool, ranges))],
    [`another program puts ${content} on ${ip}`, (pools) => Effect.sync(() => pools.put(ip, content))],
  ]);
};

/** Every step, what came of it, and what the pool's files are then. A pool not yet made has none. */
const story = async (pools: PoolsUnderTest, steps: readonly (readonly [string, Step])[]): Promise<unknown[]> => {
  const told: unknown[] = [];
  await runOnPools(pools, Effect.flatMap(Leases, (leases) => leases.apply(FIRST(pools.pool))));
  for (const [name, step] of steps) {
    const answer = Effect.catchTag(step(pools), "LeaseError", ({ reason, detail }) => Effect.succeed([reason, detail]));
    told.push([name, await runOnPools(pools, answer), pools.files()]);
  }
  return told;
};
const FIRST = (pool: string) =>
  ({ op: "lease.reserve", pool, owner: { containerId: "z", ifName: "z" }, set: 0, ranges: [FOUR] }) as const;

Deno.test("directory and memory agree on every answer and every file of any sequence of operations", async () => {
  await forSeeds(40, async (random) => {
    const steps = Array.from({ length: 40 }, () => randomStep(random));
    const stories: unknown[][] = [];
    for (const [, make] of leasePools) {
      using pools = make();
      stories.push(await story(pools, steps));
    }
    assert.deepEqual(stories[0], stories[1]);
  });
});

Deno.test("no sequence of reservations and releases gives one address to two owners, or loses one", async () => {
  await forSeeds(15, async ({ pick, below }) => {
    for (const [, make] of leasePools) {
      using pools = make();
      const holders = new Map<string, string>();
      for (let step = 0; step < 40; step++) {
        const owner = { containerId: pick(["a", "b", "c", "d", "e", "f", "g"]), ifName: "eth0" };
        const id = owner.containerId, pool = pools.pool;
        const mine = [...holders].filter(([, holder]) => holder === id).map(([address]) => address);
        if (below(2) === 0) {
          await runOnPools(
            pools,
            Effect.flatMap(Leases, (leases) => leases.apply({ op: "lease.release", pool, owner })),
          );
          for (const address of mine) holders.delete(address);
          continue;
        }
        const reserve = Effect.flatMap(
          Leases,
          (leases) => leases.apply({ op: "lease.reserve", pool, owner, set: 0, ranges: [FOUR] }),
        );
        const lease = await runOnPools(
          pools,
          Effect.catchTag(reserve, "LeaseError", ({ reason }) => Effect.succeed(reason)),
        );
        if (typeof lease === "object") {
          assert.equal(holders.has(lease.address), false);
          holders.set(lease.address, id);
        } else {
          assert.equal(lease, mine.length > 0 ? "duplicate" : "exhausted");
          if (lease === "exhausted") assert.equal(holders.size, 4);
        }
      }
    }
  });
});
