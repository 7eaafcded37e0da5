/**
 * The host-local plugin: addresses out of ranges, leased in a directory of this host that Go's host-local can share.
 *
 * @module
 */
import * as Effect from "effect/Effect";
import type { Lease, LeaseError } from "../effects/leases/leases.ts";
import { type Act, perform } from "../engine/act.ts";
import type { EffectError, Finding, Plugin, Request } from "../engine/plugin.ts";
import { View } from "../engine/view.ts";
import { addressOf, contains } from "../spec/cidr.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import { member } from "../spec/fold_keys.ts";
import { isJsonObject, type JsonObject } from "../spec/json.ts";
import { VERSIONS } from "../spec/released_versions.ts";
import type { CniResult, ResultIp } from "../spec/result.ts";
import { HostLocalConfig } from "./host_local_config.ts";
import { span } from "./host_local_ranges.ts";
import { ownerOf, poolOf, reservations, setsOf } from "./host_local_request.ts";
import { parseResolvConf } from "./resolv_conf.ts";

/** ADD: one address per range set; if one set cannot give any, the engine releases what the others gave. */
const add: (
  request: Request<HostLocalConfig>,
) => Effect.Effect<CniResult, EffectError | Refused, View | Act> = Effect.fnUntraced(function* (request) {
  const { config, cniVersion } = request;
  const wanted = yield* reservations(request);
  const dns = yield* readDns(config.ipam.resolvConf);
  const ips: ResultIp[] = [];
  for (const reserve of wanted) {
    const { address, gateway }: Lease = yield* perform(reserve);
    ips.push({ address, gateway });
  }
  const { routes } = config.ipam;
  return { cniVersion, ips, ...(routes.length === 0 ? {} : { routes }), ...(dns === null ? {} : { dns }) };
});

const readDns = Effect.fnUntraced(function* (path: string) {
  if (path === "") return null;
  const view = yield* View;
  const text = yield* view.file(path);
  if (text !== null) return parseResolvConf(text);
  return yield* new Refused({
    code: CniCode.IO_FAILURE,
    msg: `Cannot read "ipam.resolvConf" "${path}": there is no such file`,
  });
});

/** CHECK: this owner holds the addresses of the previous result that lie in our subnets; any address without one. */
const check: (
  request: Request<HostLocalConfig>,
) => Effect.Effect<readonly Finding[], LeaseError, View> = Effect.fnUntraced(function* ({ key, config, ...request }) {
  const { leases } = yield* View;
  const found = yield* Effect.match(Effect.zip(poolOf(config, key.network), setsOf(config, request.cniVersion)), {
    onFailure: (refused) => ({ problem: refused.message }),
    onSuccess: ([pool, sets]) => ({ pool, subnets: sets.flatMap(({ ranges }) => ranges.map(({ subnet }) => subnet)) }),
  });
  if ("problem" in found) return [found.problem];
  const { pool, subnets } = found;
  const owner = ownerOf(key);
  const expected = (request.prevResult?.ips ?? []).map(({ address }) => addressOf(address))
    .filter((ip) => subnets.some((subnet) => contains(subnet, ip)));
  const unconfirmed: string[] = [];
  for (const ip of expected) if (!(yield* leases.holds(pool, owner, ip))) unconfirmed.push(ip);
  if (expected.length > 0 && unconfirmed.length === 0) return [];
  // Looks at every lease, so only now: leases of an old format do not say by themselves whose they are.
  const held = yield* leases.held(pool, owner);
  const name = `${owner.containerId}/${owner.ifName}`;
  if (expected.length === 0) {
    return held.length > 0 ? [] : [`pool "${pool}": expected an address of ${name}, found none`];
  }
  return unconfirmed.filter((ip) => !held.includes(ip))
    .map((ip) => `pool "${pool}": expected ${ip} to be leased to ${name}, found ${held.join(", ") || "nothing"}`);
});

/** The network of a request config, where no attachment names it. */
const networkOf = (raw: JsonObject): string => typeof raw.name === "string" ? raw.name : "";

/** Whether each container may bring range sets of its own, so that the configuration need not have any. */
const wantsRanges = (raw: JsonObject): boolean => {
  const capabilities = member(raw, "capabilities");
  return isJsonObject(capabilities) && capabilities.ipRanges === true;
};

/** STATUS: every range set that is configured has an address left. Sets a runtime adds per container are not known here. */
const status = Effect.fnUntraced(
  function* (config: HostLocalConfig, { raw, cniVersion }: { readonly raw: JsonObject; readonly cniVersion: string }) {
    const { leases } = yield* View;
    const pool = yield* poolOf(config, networkOf(raw));
    for (const [index, { ranges }] of (yield* setsOf(config, cniVersion)).entries()) {
      if (yield* leases.available(pool, ranges)) continue;
      return yield* new Refused({
        code: CniCode.PLUGIN_NOT_AVAILABLE,
        msg: `Cannot give out an address of range set ${index}: all of ${ranges.map(span).join(", ")} are taken`,
        details: `leases are in "${pool}"`,
      });
    }
  },
);

/** Gives out addresses of ranges that this host has to itself. */
export const hostLocal: Plugin<HostLocalConfig> = {
  type: "host-local",
  versions: VERSIONS,
  config: HostLocalConfig,
  review: (request) =>
    wantsRanges(request.raw)
      ? Effect.asVoid(setsOf(request.config, request.cniVersion))
      : Effect.asVoid(reservations(request)),
  add,
  check,
  adopt: Effect.fnUntraced(function* ({ key, config }) {
    const { leases } = yield* View;
    const pool = yield* Effect.catchTag(poolOf(config, key.network), "Refused", () => Effect.succeed(null));
    if (pool === null || (yield* leases.held(pool, ownerOf(key))).length === 0) return [];
    return [{ op: "lease.release", pool, owner: ownerOf(key) }];
  }),
  traces: Effect.fnUntraced(function* (config, network) {
    const { leases } = yield* View;
    const pool = yield* Effect.catchTag(poolOf(config, network), "Refused", () => Effect.succeed(null));
    const owners = pool === null ? [] : yield* leases.owners(pool);
    return owners.map(({ containerId, ifName }) => ({ containerId, ifName: ifName === "" ? null : ifName }));
  }),
  status,
};
