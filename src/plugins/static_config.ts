/** The configuration of the static plugin as it is written. */
import * as Schema from "effect/Schema";
import { CidrString, DnsConfig, listOf, OptionalIp, RouteConfig } from "../spec/config_schema.ts";
import { described } from "../spec/key_descriptions.ts";

const CIDR = "an address with its prefix length, such as 10.1.0.5/24";

const AddressConfig = described(Schema.Struct({ address: CidrString, gateway: OptionalIp }), {
  address: CIDR,
  gateway: "the gateway of its network",
});

const Requested = listOf(CidrString);

/**
 * Keys of the static plugin. The addresses are those of `ipam.addresses` and of `IP` in CNI_ARGS; `args.cni.ips` replaces
 * them, and `runtimeConfig.ips` replaces all.
 */
export const StaticConfig = described(
  Schema.Struct({
    ipam: described(
      Schema.Struct({
        addresses: listOf(AddressConfig),
        routes: listOf(RouteConfig),
        dns: Schema.optionalKey(DnsConfig),
      }),
      {
        addresses: "the container's addresses",
        routes: "routes of the container, in the result as they are written",
        dns: "name service settings of the result",
      },
    ),
    args: Schema.optionalKey(
      Schema.Struct({
        cni: Schema.optionalKey(
          described(Schema.Struct({ ips: Requested }), { ips: "addresses instead of those in ipam and CNI_ARGS" }),
        ),
      }),
    ),
    runtimeConfig: Schema.optionalKey(
      described(Schema.Struct({ ips: Requested }), { ips: "addresses instead of all others" }),
    ),
  }),
  { ipam: "an object with the IPAM plugin's own keys" },
);

/** A decoded static configuration. */
export type StaticConfig = typeof StaticConfig.Type;
