/** The configuration of the host-local plugin as it is written. */
import * as Schema from "effect/Schema";
import {
  IpOrCidrString,
  listOf,
  OptionalCidr,
  OptionalIp,
  RangeSetConfig,
  RouteConfig,
  stringOr,
} from "../spec/config_schema.ts";
import { described } from "../spec/key_descriptions.ts";

const RangeSets = listOf(RangeSetConfig);

const Requested = listOf(IpOrCidrString);

/** Where host-local keeps its leases when the configuration does not say. */
export const DEFAULT_DATA_DIR = "/var/lib/cni/networks";

/**
 * Keys of the host-local plugin. One address is given out per range set: `runtimeConfig.ipRanges`, then `ipam.subnet` and
 * its companions (one range, the old form), then `ipam.ranges`. Wanted addresses come from `IP` in CNI_ARGS,
 * `args.cni.ips` and `runtimeConfig.ips`; their prefixes do not matter. `resolvConf` is a file whose settings become the
 * result's `dns`.
 */
export const HostLocalConfig = described(
  Schema.Struct({
    ipam: described(
      Schema.Struct({
        ranges: RangeSets,
        subnet: OptionalCidr,
        rangeStart: OptionalIp,
        rangeEnd: OptionalIp,
        gateway: OptionalIp,
        routes: listOf(RouteConfig),
        resolvConf: stringOr(""),
        dataDir: stringOr(DEFAULT_DATA_DIR),
      }),
      {
        ranges: "range sets: one address is given out of each set, from the first of its ranges that has one left",
        subnet: "the subnet of a set of one range, in front of ranges",
        rangeStart: "the first address to give out of subnet",
        rangeEnd: "the last address to give out of subnet",
        gateway: "the gateway of subnet",
        routes: "routes of the containers, in the result as they are written",
        resolvConf: "a file in the form of resolv.conf, whose settings become the dns of the result",
        dataDir: "absolute path of the folder that holds the leases, in a folder for each network",
      },
    ),
    args: Schema.optionalKey(
      Schema.Struct({
        cni: Schema.optionalKey(
          described(Schema.Struct({ ips: Requested }), { ips: "addresses wanted for the container" }),
        ),
      }),
    ),
    runtimeConfig: Schema.optionalKey(described(Schema.Struct({ ipRanges: RangeSets, ips: Requested }), {
      ipRanges: "range sets of this container, in front of all others",
      ips: "addresses wanted for the container",
    })),
  }),
  { ipam: "an object with the IPAM plugin's own keys" },
);

/** A decoded host-local configuration. */
export type HostLocalConfig = typeof HostLocalConfig.Type;
