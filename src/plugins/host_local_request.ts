/** What an ADD asks of host-local: one address per range set, some of them particular ones. Pure. */
import * as Effect from "effect/Effect";
import type { LeaseOp, LeaseOwner } from "../effects/kernel/op.ts";
import type { Request } from "../engine/plugin.ts";
import { checkKnownArgs } from "../spec/args.ts";
import { addressOf, canonicalCidr, canonicalIp } from "../spec/cidr.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import type { AttachmentKey } from "../spec/key.ts";
import { atLeast } from "../spec/version.ts";
import { DEFAULT_DATA_DIR, type HostLocalConfig } from "./host_local_config.ts";
import { inRange, type RangeSet, rangeSets } from "./host_local_ranges.ts";

type Reserve = Extract<LeaseOp, { op: "lease.reserve" }>;

const refuse = (msg: string, details?: string) =>
  new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg, ...(details === undefined ? {} : { details }) });

/** Who holds what this attachment reserves. */
export const ownerOf = ({ containerId, ifName }: AttachmentKey): LeaseOwner => ({ containerId, ifName });

/**
 * The pool of a network: `<dataDir>/<network>`. Ends with `Refused` for a relative path: whoever undoes may run in another
 * directory.
 */
export const poolOf = ({ ipam }: HostLocalConfig, network: string): Effect.Effect<string, Refused> => {
  const dataDir = ipam.dataDir || DEFAULT_DATA_DIR;
  return dataDir.startsWith("/")
    ? Effect.succeed(`${dataDir.replace(/\/+$/, "")}/${network}`)
    : refuse(`Cannot use "ipam.dataDir": "${dataDir}" is not an absolute path`);
};

/** The range sets of a configuration. Ends with `Refused`, naming the set and the key that is wrong. */
export const setsOf = (config: HostLocalConfig, cniVersion: string): Effect.Effect<readonly RangeSet[], Refused> => {
  const sets = rangeSets(config, atLeast(cniVersion, "0.3.0"));
  return "problem" in sets ? refuse(sets.problem) : Effect.succeed(sets.made);
};

/**
 * The reservations of a request, in the order of the sets. Every wanted address must belong to a set, and a set gives
 * out one address: what is left over is refused before anything is reserved.
 */
export const reservations: (
  request: Request<HostLocalConfig>,
) => Effect.Effect<readonly Reserve[], Refused> = Effect.fnUntraced(function* ({ key, config, cniVersion, args }) {
  const badArgs = checkKnownArgs(args, ["IP"]);
  if (badArgs !== null) return yield* new Refused(badArgs);
  const wanted = yield* wantedAddresses(config, args);
  const sets = yield* setsOf(config, cniVersion);
  if (sets.length === 0) {
    return yield* refuse('Cannot give out addresses: "ipam" has no range', 'give it "ranges", or a "subnet"');
  }
  const pool = yield* poolOf(config, key.network);
  const left = new Set(wanted);
  const reserves = sets.map(({ ranges }, set): Reserve => {
    const want = [...left].find((ip) => ranges.some((range) => inRange(range, ip)));
    if (want !== undefined) left.delete(want);
    return { op: "lease.reserve", pool, owner: ownerOf(key), set, ranges, ...(want === undefined ? {} : { want }) };
  });
  return left.size === 0 ? reserves : yield* leftOver([...left]);
});

const leftOver = (ips: readonly string[]) =>
  refuse(
    `Cannot give out all requested addresses: no range set has ${ips.join(", ")} to give`,
    "each set gives out one address, from its own ranges",
  );

/** Wanted addresses without their prefixes: CNI_ARGS first, then `args.cni`, then `runtimeConfig`. */
const wantedAddresses = Effect.fnUntraced(
  function* ({ args: inConfig, runtimeConfig }: HostLocalConfig, args: ReadonlyMap<string, string>) {
    const text = args.get("IP") ?? "";
    const ip = text.includes("/") ? canonicalCidr(text) : canonicalIp(text);
    if (text !== "" && ip === null) {
      const msg = `Cannot use CNI_ARGS "IP": "${text}" is not an IP address, such as 10.1.0.9`;
      return yield* new Refused({ code: CniCode.INVALID_ENVIRONMENT, msg });
    }
    const all = [...(ip === null ? [] : [ip]), ...(inConfig?.cni?.ips ?? []), ...(runtimeConfig?.ips ?? [])];
    return all.map((address) => address.includes("/") ? addressOf(address) : address);
  },
);
