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
export const HostLocalConfig = Schema.Struct({
  ipam: Schema.Struct({
    ranges: RangeSets,
    subnet: OptionalCidr,
    rangeStart: OptionalIp,
    rangeEnd: OptionalIp,
    gateway: OptionalIp,
    routes: listOf(RouteConfig),
    resolvConf: stringOr(""),
    dataDir: stringOr(DEFAULT_DATA_DIR),
  }),
  args: Schema.optionalKey(Schema.Struct({ cni: Schema.optionalKey(Schema.Struct({ ips: Requested })) })),
  runtimeConfig: Schema.optionalKey(Schema.Struct({ ipRanges: RangeSets, ips: Requested })),
});

/** A decoded host-local configuration. */
export type HostLocalConfig = typeof HostLocalConfig.Type;
