/** The pools in memory: the twin of `directory.ts`, with places to let it fail. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { canonicalIp, formatIp, parseIp } from "../../spec/cidr.ts";
import type { LeaseOp } from "../kernel/op.ts";
import { type Candidate, candidates, type Span, spansOf } from "./iterate.ts";
import { type Lease, LeaseError, Leases, type LeasesShape } from "./leases.ts";
import * as rules from "./rules.ts";

/** Called around every change. What it throws is a defect, as if the process had died at that point. */
export interface MemoryLeasesHooks {
  onApply?: (phase: "before" | "after", op: LeaseOp) => void;
}

/** Pools in memory, and what tests do to them. */
export interface MemoryLeases {
  readonly layer: Layer.Layer<Leases>;
  /** The files of every pool as host-local would have them: `<ip>` and `last_reserved_ip.<set>`, with their contents. */
  readonly dump: () => Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Puts a lease into a pool; `content` is what its file holds. With `set`, that set's pointer moves, as for host-local. */
  readonly put: (pool: string, ip: string, content: string, set?: number) => void;
  /** The next `count` changes fail with "io", and nothing is changed. */
  readonly failApplies: (count: number) => void;
}

interface Pool {
  readonly leases: Map<string, string>;
  readonly pointers: Map<number, string>;
}

const holdings = ({ leases }: Pool, owner: rules.Reserve["owner"]): string[] =>
  rules.holdingsOf(owner, (wanted) => [...leases].filter(([, content]) => content.trim() === wanted).map(([ip]) => ip));

const choose = (pool: Pool, op: rules.Reserve, spans: readonly Span[]): Candidate => {
  if (op.want !== undefined) {
    const candidate = rules.wanted(op.pool, op.want, spans);
    const content = pool.leases.get(formatIp(candidate.ip));
    if (content !== undefined) throw rules.taken(op.pool, op.want, content.trim(), op.owner);
    return candidate;
  }
  const [held] = rules.within(holdings(pool, op.owner), op.ranges);
  if (held !== undefined) throw rules.duplicate(op.pool, op.owner, held);
  for (const candidate of candidates(spans, parseIp(pool.pointers.get(op.set) ?? ""))) {
    if (!pool.leases.has(formatIp(candidate.ip))) return candidate;
  }
  throw rules.exhausted(op.pool, spans);
};

const reserve = (pool: Pool, op: rules.Reserve): Lease => {
  const candidate = choose(pool, op, spansOf(op.ranges));
  const ip = formatIp(candidate.ip);
  pool.leases.set(ip, rules.leaseContent(op.owner));
  pool.pointers.set(op.set, ip);
  return rules.leaseOf(candidate);
};

const release = (pool: Pool | undefined, op: rules.Release): void => {
  if (pool === undefined) return;
  for (const ip of rules.within(holdings(pool, op.owner), op.ranges)) pool.leases.delete(ip);
};

const filesOf = ({ leases, pointers }: Pool): Record<string, string> => ({
  ...Object.fromEntries(leases),
  ...Object.fromEntries([...pointers].map(([set, ip]) => [`last_reserved_ip.${set}`, ip])),
});

/** What looking at pools answers. */
const viewOf = (pools: ReadonlyMap<string, Pool>): Omit<LeasesShape, "apply"> => ({
  held: (pool, owner) =>
    Effect.sync(() => {
      const found = pools.get(pool);
      return found === undefined ? [] : holdings(found, owner);
    }),
  holds: (pool, owner, ip) =>
    Effect.sync(() => rules.isOwners(owner, pools.get(pool)?.leases.get(canonicalIp(ip) ?? "")?.trim() ?? null)),
  owners: (pool) => Effect.sync(() => [...new Set(pools.get(pool)?.leases.values())].map(rules.ownerIn)),
  available: (pool, ranges) =>
    Effect.sync(() => {
      for (const { ip } of candidates(spansOf(ranges), null)) {
        if (!pools.get(pool)?.leases.has(formatIp(ip))) return true;
      }
      return false;
    }),
});

/**
 * New, empty pools. Every use of the layer shares them.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { Leases } from "./leases.ts";
 * import { memoryLeases } from "./memory.ts";
 * const ranges = [{ subnet: "10.1.0.0/24", rangeStart: "10.1.0.1", rangeEnd: "10.1.0.254", gateway: "10.1.0.1" }];
 * const owner = { containerId: "c1", ifName: "eth0" };
 * const reserve = Effect.flatMap(Leases, (leases) => leases.apply({ op: "lease.reserve", pool: "/p", owner, set: 0, ranges }));
 * const lease = await Effect.runPromise(reserve.pipe(Effect.provide(memoryLeases().layer)));
 * if (lease?.address !== "10.1.0.2/24") throw new Error("not the first address after the gateway");
 * ```
 */
export const memoryLeases = (hooks: MemoryLeasesHooks = {}): MemoryLeases => {
  const pools = new Map<string, Pool>();
  let failures = 0;
  const made = (path: string): Pool => {
    const pool = pools.get(path) ?? { leases: new Map(), pointers: new Map() };
    pools.set(path, pool);
    return pool;
  };
  const change = (op: LeaseOp): Lease | undefined => {
    if (failures === 0) {
      return op.op === "lease.reserve" ? reserve(made(op.pool), op) : void release(pools.get(op.pool), op);
    }
    failures--;
    throw new LeaseError({ pool: op.pool, reason: "io", detail: "No space left on device (as the test wants it)" });
  };
  const apply: LeasesShape["apply"] = (op) =>
    Effect.gen(function* () {
      yield* Effect.sync(() => hooks.onApply?.("before", op));
      const answer = yield* Effect.suspend(() => {
        try {
          return Effect.succeed(change(op));
        } catch (error) {
          return error instanceof LeaseError ? Effect.fail(error) : Effect.die(error);
        }
      });
      yield* Effect.sync(() => hooks.onApply?.("after", op));
      return answer;
    });
  return {
    layer: Layer.succeed(Leases)({ ...viewOf(pools), apply }),
    dump: () => Object.fromEntries([...pools].map(([path, pool]) => [path, filesOf(pool)])),
    put: (pool, ip, content, set) => {
      made(pool).leases.set(canonicalIp(ip) ?? ip, content);
      if (set !== undefined) made(pool).pointers.set(set, ip);
    },
    failApplies: (count) => {
      failures = count;
    },
  };
};
