/**
 * The static plugin: addresses that are written in the configuration, or that the runtime asks for. It changes nothing on
 * the host.
 *
 * @module
 */
import * as Effect from "effect/Effect";
import type { Finding, Plugin, Request } from "../engine/plugin.ts";
import { formatCidr, formatIp } from "../spec/cidr.ts";
import type { Refused } from "../spec/failure.ts";
import { VERSIONS } from "../spec/released_versions.ts";
import type { CniResult } from "../spec/result.ts";
import { staticAddresses } from "./static_addresses.ts";
import { StaticConfig } from "./static_config.ts";

const add: (request: Request<StaticConfig>) => Effect.Effect<CniResult, Refused> = Effect.fnUntraced(
  function* (request) {
    const { config: { ipam }, cniVersion } = request;
    return {
      cniVersion,
      ips: yield* staticAddresses(request),
      ...(ipam.routes.length === 0 ? {} : { routes: ipam.routes }),
      ...(ipam.dns === undefined ? {} : { dns: ipam.dns }),
    };
  },
);

/** Every address is in the previous result, with the gateway that it was given. */
const check: (request: Request<StaticConfig>) => Effect.Effect<readonly Finding[]> = Effect.fnUntraced(
  function* (request) {
    const { prevResult } = request;
    if (prevResult === null) return ['the request has no "prevResult", which CHECK compares with'];
    const wanted = yield* Effect.catchTag(
      staticAddresses(request),
      "Refused",
      ({ message }) => Effect.succeed(message),
    );
    if (typeof wanted === "string") return [wanted];
    const given = new Map((prevResult.ips ?? []).map((ip) => [formatCidr(ip.address), ip]));
    return wanted.flatMap(({ address, gateway }): readonly Finding[] => {
      const found = given.get(formatCidr(address));
      if (found === undefined) {
        return [`"prevResult": expected address ${address}, found ${[...given.keys()].join(", ") || "none"}`];
      }
      const other = found.gateway === undefined ? "none" : formatIp(found.gateway);
      return gateway === undefined || other === formatIp(gateway)
        ? []
        : [`"prevResult": expected gateway ${gateway} of ${address}, found ${other}`];
    });
  },
);

/** What the configuration says by itself; where it has no addresses, each container brings its own. */
const review = (config: StaticConfig, cniVersion: string): Effect.Effect<void, Refused> =>
  config.ipam.addresses.length === 0
    ? Effect.void
    : Effect.asVoid(staticAddresses({ config, args: new Map(), cniVersion }));

/** Gives out addresses that somebody else has chosen. */
export const staticIpam: Plugin<StaticConfig> = {
  type: "static",
  versions: VERSIONS,
  config: StaticConfig,
  review: ({ config, cniVersion }) => review(config, cniVersion),
  add,
  check,
  status: (config, { cniVersion }) => review(config, cniVersion),
};
