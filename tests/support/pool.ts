/** A pool in a directory, with our leases and a stranger working on it. */
import * as Effect from "effect/Effect";
import type { LeaseRange } from "../../src/effects/kernel/op.ts";
import { directoryLeases } from "../../src/effects/leases/directory.ts";
import { type Lease, type LeaseError, Leases } from "../../src/effects/leases/leases.ts";
import { newFolder, runOnPools } from "./stores.ts";

/** A range with room. */
export const RANGE: LeaseRange = {
  subnet: "10.1.0.0/16",
  rangeStart: "10.1.0.1",
  rangeEnd: "10.1.255.254",
  gateway: "10.1.0.1",
};
/** Two addresses, .2 and .3. */
export const SMALL: LeaseRange = { ...RANGE, rangeStart: "10.1.0.2", rangeEnd: "10.1.0.3" };

/** A pool that is not there yet: `pool` is its directory, `state` the state directory. */
export const newPool = () => {
  const folder = newFolder();
  const pool = `${folder.path}/cni/networks/net`;
  const state = `${folder.path}/state`;
  const layer = directoryLeases({ stateDir: state });
  const run = <A>(use: (leases: Leases["Service"]) => Effect.Effect<A, LeaseError>) =>
    runOnPools({ layer }, Effect.flatMap(Leases, use));
  const owner = (containerId: string) => ({ containerId, ifName: "eth0" });
  const reserve = (id: string, range = RANGE, want?: string): Promise<Lease | undefined> =>
    run((leases) =>
      leases.apply({
        op: "lease.reserve",
        pool,
        owner: owner(id),
        set: 0,
        ranges: [range],
        ...(want === undefined ? {} : { want }),
      })
    );
  const release = (id: string) => run((leases) => leases.apply({ op: "lease.release", pool, owner: owner(id) }));
  const held = (id: string) => run((leases) => leases.held(pool, owner(id)));
  return { ...folder, pool, state, reserve, release, held };
};
/** See `newPool`. */
export type Pool = ReturnType<typeof newPool>;

/** Reserves as Go's host-local does. */
export const reserveAsGo = ({ pool }: Pool, ip: string, id: string): void => {
  Deno.mkdirSync(pool, { recursive: true });
  Deno.writeTextFileSync(`${pool}/${ip}`, `${id}\r\neth0`, { createNew: true });
  Deno.writeTextFileSync(`${pool}/last_reserved_ip.0`, ip);
};

/** Whether a refusal is about this address, held already. */
export const isDuplicate = (ip: string) => (error: unknown): boolean =>
  error instanceof Error && error.message.includes(`already holds ${ip}; run DEL first`);
