/**
 * Address leases as a service, in host-local's terms: a pool is a directory `<dataDir>/<network>`.
 * Implementations: `directory.ts` (host-local's file layout, shared with Go's host-local) and `memory.ts`.
 */
import * as Context from "effect/Context";
import * as Data from "effect/Data";
import type * as Effect from "effect/Effect";
import type { LeaseOp, LeaseOwner, LeaseRange } from "../kernel/op.ts";

/** An address of a range set: with the prefix length of its subnet, and the gateway of the range it came from. */
export interface Lease {
  /** With the prefix length of its subnet: `10.1.0.2/16`. */
  readonly address: string;
  /** Without a prefix length. */
  readonly gateway: string;
}

/** A pool could not serve. */
export class LeaseError extends Data.TaggedError("LeaseError")<{
  /** Its directory, `<dataDir>/<network>`. */
  readonly pool: string;
  /**
   * "exhausted" every address is taken; "taken" the wanted address is somebody else's; "gateway" the wanted address is
   * the gateway; "outside" the wanted address is in no range of the set; "duplicate" the owner already holds an address
   * of the set; "io" the directory could not be read or written.
   */
  readonly reason: "exhausted" | "taken" | "gateway" | "outside" | "duplicate" | "io";
  /** What is true instead, naming addresses and owners. */
  readonly detail: string;
}> {
  /** Which pool could not serve, and why. */
  override get message(): string {
    return `Cannot reserve an address in pool "${this.pool}": ${this.detail}`;
  }
}

/** What plugins may see of the pools. */
export interface LeasesView {
  /** Addresses (without prefix) the owner holds in the pool, also in host-local's old file format. */
  readonly held: (pool: string, owner: LeaseOwner) => Effect.Effect<readonly string[], LeaseError>;
  /** Whether this very address is held by this owner; one file read, whatever the size of the pool. */
  readonly holds: (pool: string, owner: LeaseOwner, ip: string) => Effect.Effect<boolean, LeaseError>;
  /** Everybody who holds an address of the pool; `ifName` is empty where a lease of host-local's old format has none. */
  readonly owners: (pool: string) => Effect.Effect<readonly LeaseOwner[], LeaseError>;
  /** Whether some range of the set has an address that could still be reserved. */
  readonly available: (pool: string, ranges: readonly LeaseRange[]) => Effect.Effect<boolean, LeaseError>;
}

/** Everything the engine can do with pools. */
export interface LeasesShape extends LeasesView {
  /** Answers a `Lease` for `lease.reserve`, nothing for `lease.release` (releasing what is not held is success). */
  readonly apply: (op: LeaseOp) => Effect.Effect<Lease | undefined, LeaseError>;
}

/** The pools of addresses. */
export class Leases extends Context.Service<Leases, LeasesShape>()("cleat/Leases") {}
