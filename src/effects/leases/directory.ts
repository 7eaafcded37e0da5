/**
 * Address leases in directories, in the layout of Go's host-local, which may work on the same pools at the same time.
 * An ADD or DEL reads a handful of small files, however many leases there are.
 */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { canonicalIp, formatIp } from "../../spec/cidr.ts";
import type { LeaseOp, LeaseOwner } from "../kernel/op.ts";
import { bootId } from "../system.ts";
import { DEFAULT_WAIT_MS, takeTurn } from "../wait.ts";
import { held, release, reserve } from "./directory_apply.ts";
import type { Census } from "./directory_census.ts";
import { leasedAddresses, lookAtPool, makePool, openPool, readLease, scanLeases, underLock } from "./directory_pool.ts";
import { candidates, spansOf } from "./iterate.ts";
import { type Lease, LeaseError, Leases } from "./leases.ts";
import { isOwners, ownerIn } from "./rules.ts";

/** Where the census is kept; the pools themselves are named by the ops. */
export interface DirectoryLeasesOptions {
  readonly stateDir: string;
}

/** Hex digits of SHA-256 that name a pool's census. */
const NAME_LENGTH = 16;

const attempt = <A>(pool: string, run: () => A): Effect.Effect<A, LeaseError> =>
  Effect.try({
    try: run,
    catch: (error) =>
      error instanceof LeaseError
        ? error
        : new LeaseError({ pool, reason: "io", detail: error instanceof Error ? error.message : String(error) }),
  });

/** Repeats `once` until it gets the pool's lock and has an answer. */
const withLock = <A>(pool: string, once: () => { readonly value: A } | null): Effect.Effect<A, LeaseError> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(takeTurn(attempt(pool, once), DEFAULT_WAIT_MS, restore), (turn) => {
      if (turn !== null) return Effect.succeed(turn.value);
      const detail = `another process has held "${pool}/lock" for ${DEFAULT_WAIT_MS} ms`;
      return Effect.fail(new LeaseError({ pool, reason: "io", detail }));
    })
  );

const applyTo = (census: Census, op: LeaseOp): Effect.Effect<Lease | undefined, LeaseError> =>
  withLock(op.pool, (): { readonly value: Lease | undefined } | null => {
    if (op.op === "lease.reserve") return underLock(makePool(op.pool), () => reserve(census, op));
    const lock = openPool(op.pool);
    return lock === null ? { value: undefined } : underLock(lock, () => void release(census, op));
  });

/** Without a lock file nobody has reserved through host-local; leases that were put there by hand still count. */
const heldIn = (census: Census, owner: LeaseOwner): Effect.Effect<readonly string[], LeaseError> =>
  withLock(census.pool, () => {
    const lock = lookAtPool(census.pool);
    return lock === null ? { value: held(census, owner) } : underLock(lock, () => held(census, owner));
  });

/** Finds the census of a pool; names and boot are worked out once per process. */
const censuses = (stateDir: string) => {
  const names = new Map<string, string>();
  const nameOf = async (pool: string): Promise<string> => {
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(pool));
    const name = new Uint8Array(digest).toHex().slice(0, NAME_LENGTH);
    names.set(pool, name);
    return name;
  };
  return (pool: string): Effect.Effect<Census, LeaseError> =>
    Effect.gen(function* () {
      const name = names.get(pool) ?? (yield* Effect.promise(() => nameOf(pool)));
      return yield* attempt(pool, () => ({ folder: `${stateDir}/pools/${name}`, pool, boot: bootId() }));
    });
};

/**
 * The pools of this machine. A change ends with `LeaseError`, "io" where directory or census cannot be read or written;
 * DEL needs neither census nor state directory. A missing pool holds nothing and is not made by looking or releasing.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { directoryLeases } from "./directory.ts";
 * import { Leases } from "./leases.ts";
 * const folder = Deno.makeTempDirSync();
 * const pool = `${folder}/networks/net`, owner = { containerId: "c1", ifName: "eth0" };
 * const ranges = [{ subnet: "10.1.0.0/24", rangeStart: "10.1.0.1", rangeEnd: "10.1.0.254", gateway: "10.1.0.1" }];
 * const script = Effect.flatMap(Leases, (leases) => leases.apply({ op: "lease.reserve", pool, owner, set: 0, ranges }));
 * await Effect.runPromise(Effect.provide(script, directoryLeases({ stateDir: `${folder}/state` })));
 * const content = Deno.readTextFileSync(`${pool}/10.1.0.2`);
 * Deno.removeSync(folder, { recursive: true });
 * if (content !== "c1\r\neth0") throw new Error("not host-local's format");
 * ```
 */
export const directoryLeases = ({ stateDir }: DirectoryLeasesOptions): Layer.Layer<Leases> => {
  const censusOf = censuses(stateDir);
  return Layer.succeed(Leases)({
    apply: (op) => Effect.flatMap(censusOf(op.pool), (census) => applyTo(census, op)),
    held: (pool, owner) => Effect.flatMap(censusOf(pool), (census) => heldIn(census, owner)),
    holds: (pool, owner, ip) =>
      attempt(pool, () => {
        const address = canonicalIp(ip);
        return address !== null && isOwners(owner, readLease(pool, address));
      }),
    owners: (pool) => attempt(pool, () => [...scanLeases(pool).keys()].map(ownerIn)),
    available: (pool, ranges) =>
      attempt(pool, () => {
        const names = new Set(leasedAddresses(pool));
        for (const { ip } of candidates(spansOf(ranges), null)) if (!names.has(formatIp(ip))) return true;
        return false;
      }),
  });
};
