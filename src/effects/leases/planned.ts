/** The pools for a plan: the real ones are read, file by file, and a copy of them changes. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { canonicalIp } from "../../spec/cidr.ts";
import { type FileError, Files } from "../files.ts";
import { LeaseError, Leases } from "./leases.ts";
import { memoryLeases } from "./memory.ts";

/** The owner of what is put there only to say which address was given last. */
const NOBODY = { containerId: "-", ifName: "-" };

const unreadable = (pool: string) => ({ message }: FileError) =>
  new LeaseError({ pool, reason: "io", detail: message });

/** No lock is taken and nothing is made: a pool that changes meanwhile is seen half changed, which costs a plan nothing. */
export const plannedLeases: Layer.Layer<Leases, never, Files> = Layer.effect(Leases)(Effect.gen(function* () {
  const files = yield* Files;
  const copy = memoryLeases();
  const known = new Set<string>();
  const inCopy = yield* Effect.provide(Leases, copy.layer);

  const copyLast = Effect.fnUntraced(function* (pool: string, name: string, taken: ReadonlyMap<string, string>) {
    const set = /^last_reserved_ip\.(\d+)$/.exec(name)?.[1];
    const last = set === undefined ? null : yield* files.read(`${pool}/${name}`);
    const ip = last === null ? null : canonicalIp(last.trim());
    if (set === undefined || ip === null) return;
    const content = taken.get(ip);
    copy.put(pool, ip, content ?? `${NOBODY.containerId}\r\n${NOBODY.ifName}`, Number(set));
    if (content === undefined) yield* inCopy.apply({ op: "lease.release", pool, owner: NOBODY });
  });

  const copyPool = Effect.fnUntraced(function* (pool: string) {
    if (known.has(pool)) return;
    known.add(pool);
    const names = (yield* Effect.mapError(files.list(pool), unreadable(pool))) ?? [];
    const taken = new Map<string, string>();
    for (const name of names) {
      const ip = canonicalIp(name);
      const content = ip === null ? null : yield* Effect.mapError(files.read(`${pool}/${name}`), unreadable(pool));
      if (ip !== null && content !== null) taken.set(ip, content);
    }
    for (const [ip, content] of taken) copy.put(pool, ip, content);
    for (const name of names) {
      yield* Effect.catchTag(copyLast(pool, name, taken), "FileError", (error) => unreadable(pool)(error));
    }
  });

  return {
    held: (pool, owner) => Effect.andThen(copyPool(pool), inCopy.held(pool, owner)),
    holds: (pool, owner, ip) => Effect.andThen(copyPool(pool), inCopy.holds(pool, owner, ip)),
    owners: (pool) => Effect.andThen(copyPool(pool), inCopy.owners(pool)),
    available: (pool, ranges) => Effect.andThen(copyPool(pool), inCopy.available(pool, ranges)),
    apply: (op) => Effect.andThen(copyPool(op.pool), inCopy.apply(op)),
  };
}));
