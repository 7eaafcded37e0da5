/** Logs and pools to test against, on disk and in memory, and the facts they are stamped with. */
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Layer from "effect/Layer";
import type * as Scope from "effect/Scope";
import { directoryLeases } from "../../src/effects/leases/directory.ts";
import type { Leases } from "../../src/effects/leases/leases.ts";
import { memoryLeases } from "../../src/effects/leases/memory.ts";
import { fileEventStore } from "../../src/effects/log/file.ts";
import { memoryEventStore } from "../../src/effects/log/memory.ts";
import type { EventStore } from "../../src/effects/log/store.ts";
import { Origin, type OriginShape } from "../../src/effects/origin.ts";
import type { StreamId } from "../../src/spec/key.ts";

/** A folder that is gone at the end of the block. */
export const newFolder = (): Disposable & { readonly path: string } => {
  const path = Deno.makeTempDirSync({ prefix: "cleat-test-" });
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
};

/** Facts that never change, unless `over` says otherwise. */
export const origin = (over: Partial<OriginShape> = {}): OriginShape => ({
  boot: "boot-1",
  pid: 4711,
  by: "cleat test",
  now: () => "2026-01-01T00:00:00.000Z",
  ...over,
});

/** A stream of one attachment. */
export const streamId = (over: Partial<StreamId> = {}): StreamId => ({
  network: "net",
  containerId: "c1",
  ifName: "eth0",
  slot: "bridge",
  ...over,
});

/** An event store under test, by the name tests report; `path` is its state directory, null in memory. */
export interface StoreUnderTest extends Disposable {
  readonly path: string | null;
  readonly layer: Layer.Layer<EventStore, never, Origin>;
}

/** Makers of empty event stores. */
export const eventStores: readonly (readonly [string, () => StoreUnderTest])[] = [
  ["files", () => {
    const folder = newFolder();
    return { ...folder, layer: fileEventStore(`${folder.path}/state`) };
  }],
  ["memory", () => ({ path: null, layer: memoryEventStore().layer, [Symbol.dispose]: () => {} })],
];

/** Pools under test; `files` tells what a pool's directory holds, without the lock file. */
export interface PoolsUnderTest extends Disposable {
  readonly layer: Layer.Layer<Leases>;
  readonly pool: string;
  readonly files: () => Readonly<Record<string, string>>;
  /** Puts a lease into the pool as another program would: it moves the pointer of set 0, too. */
  readonly put: (ip: string, content: string) => void;
}

/** What a pool's directory holds, without the lock file. */
export const filesOf = (pool: string): Record<string, string> => {
  const names = Array.from(Deno.readDirSync(pool), ({ name }) => name).filter((name) => name !== "lock").sort();
  return Object.fromEntries(names.map((name) => [name, Deno.readTextFileSync(`${pool}/${name}`)]));
};

const sorted = (files: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(files).sort(([a], [b]) => a < b ? -1 : 1));

/** Makers of empty pools. */
export const leasePools: readonly (readonly [string, () => PoolsUnderTest])[] = [
  ["a directory", () => {
    const folder = newFolder();
    const pool = `${folder.path}/networks/net`;
    return {
      ...folder,
      pool,
      layer: directoryLeases({ stateDir: `${folder.path}/state` }),
      files: () => filesOf(pool),
      put: (ip, content) => {
        Deno.mkdirSync(pool, { recursive: true });
        Deno.writeTextFileSync(`${pool}/${ip}`, content);
        Deno.writeTextFileSync(`${pool}/last_reserved_ip.0`, ip);
      },
    };
  }],
  ["memory", () => {
    const leases = memoryLeases();
    return {
      pool: "/networks/net",
      layer: leases.layer,
      files: () => sorted(leases.dump()["/networks/net"] ?? {}),
      put: (ip, content) => leases.put("/networks/net", ip, content, 0),
      [Symbol.dispose]: () => {},
    };
  }],
];

const settle = <A, E>(exit: Exit.Exit<A, E>): A => {
  if (Exit.isSuccess(exit)) return exit.value;
  throw Cause.squash(exit.cause);
};

/** Runs a script on a log, as one process that ends with it; what it fails with is thrown. */
export const runOnLog = async <A, E>(
  store: { readonly layer: Layer.Layer<EventStore, never, Origin> },
  script: Effect.Effect<A, E, EventStore | Scope.Scope>,
  facts: OriginShape = origin(),
): Promise<A> => {
  const layer = Layer.fresh(store.layer).pipe(Layer.provide(Layer.succeed(Origin)(facts)));
  return settle(await Effect.runPromiseExit(Effect.scoped(script).pipe(Effect.provide(layer))));
};

/** Runs a script on pools; what it fails with is thrown. */
export const runOnPools = async <A, E>(
  pools: { readonly layer: Layer.Layer<Leases> },
  script: Effect.Effect<A, E, Leases>,
): Promise<A> => settle(await Effect.runPromiseExit(Effect.provide(script, pools.layer)));
