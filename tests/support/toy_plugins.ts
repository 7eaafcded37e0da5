/** Plugins that do just what a test says: the engine without anybody's recipe. */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type { Op } from "../../src/effects/kernel/op.ts";
import { perform } from "../../src/engine/act.ts";
import { type AnyPlugin, anyPlugin, type Plugin } from "../../src/engine/plugin.ts";
import { Refused } from "../../src/spec/failure.ts";
import { VERSIONS } from "../../src/spec/released_versions.ts";

/** What a toy's ADD does besides its ops. */
export interface Toy {
  readonly type?: string;
  readonly ops?: readonly Op[];
  /** Refuses at the end, after all ops. */
  readonly refuse?: string;
  readonly adopt?: readonly Op[];
  readonly check?: readonly string[];
}

/** The config of every toy: anything, but `bad` must not be there as a text. */
const ToyConfig = Schema.Struct({ bad: Schema.optionalKey(Schema.Number) });

/** A plugin that performs these ops, one after the other, and answers the addresses among them. */
export const toy = (
  { type = "toy", ops = [], refuse, adopt, check }: Toy = {},
): Plugin<typeof ToyConfig.Type> => ({
  type,
  versions: VERSIONS,
  config: ToyConfig,
  add: ({ cniVersion, key: { containerId, ifName } }) =>
    Effect.gen(function* () {
      for (const op of ops) yield* perform(op.op === "lease.reserve" ? { ...op, owner: { containerId, ifName } } : op);
      if (refuse !== undefined) return yield* new Refused({ code: 102, msg: refuse });
      const ips = ops.flatMap((op) => op.op === "address.add" ? [{ address: op.address }] : []);
      return { cniVersion, ...(ips.length === 0 ? {} : { ips }) };
    }),
  ...(adopt === undefined ? {} : { adopt: () => Effect.succeed(adopt) }),
  ...(check === undefined ? {} : { check: () => Effect.succeed(check) }),
});

/** Toys by type, for delegates and chains. */
export const toys = (...all: readonly Toy[]): ReadonlyMap<string, AnyPlugin> =>
  new Map(all.map((each) => [each.type ?? "toy", anyPlugin(toy(each))]));

/** A veth pair `v1` with its end `eth0` in the container. */
export const VETH = {
  op: "link.create",
  on: "host",
  name: "v1",
  link: { kind: "veth", peer: { on: "container", name: "eth0" } },
} as const satisfies Op;

/** An address on it, which goes with it. */
export const ADDRESS = {
  op: "address.add",
  on: "container",
  link: "eth0",
  address: "10.1.0.2/24",
} as const satisfies Op;

/** A setting of the container that was there before. */
export const SYSCTL = {
  op: "sysctl.write",
  on: "container",
  key: "net/core/somaxconn",
  value: "500",
} as const satisfies Op;

/** Where `LEASE` is taken from. */
export const POOL = "/leases/net";

/** An address lease of c1. */
export const LEASE = {
  op: "lease.reserve",
  pool: POOL,
  owner: { containerId: "c1", ifName: "eth0" },
  set: 0,
  ranges: [{ subnet: "10.1.0.0/24", rangeStart: "10.1.0.1", rangeEnd: "10.1.0.254", gateway: "10.1.0.1" }],
} as const satisfies Op;

/** Four ops with three undos: the address is covered by the pair. */
export const OPS: readonly Op[] = [VETH, ADDRESS, SYSCTL, LEASE];

/** The request config of a toy. */
export const RAW = { cniVersion: "1.1.0", name: "net", type: "toy" } as const;
