/** The configuration of the ptp plugin as it is written. */
import * as Schema from "effect/Schema";
import { DnsConfig, Flag, intOr } from "../../spec/config_schema.ts";
import { described } from "../../spec/key_descriptions.ts";
import { NeededIpam } from "../ipam_key.ts";
import { WantedMac } from "../wanted_mac.ts";

/**
 * Keys of the ptp plugin. `mtu` is in bytes, 0 and below for the kernel's default. `ipMasqBackend` is accepted for the Go
 * plugin's sake. The wanted MAC is `runtimeConfig.mac`, else `args.cni.mac`, else `MAC` in CNI_ARGS.
 */
export const PtpConfig = described(
  Schema.Struct({
    ipam: NeededIpam,
    ipMasq: Flag,
    ipMasqBackend: Schema.optionalKey(Schema.Literals(["nftables", "iptables"])),
    mtu: intOr(0),
    dns: Schema.optionalKey(DnsConfig),
    args: Schema.optionalKey(Schema.Struct({ cni: Schema.optionalKey(WantedMac) })),
    runtimeConfig: Schema.optionalKey(WantedMac),
  }),
  {
    ipam: "an object with the name of the IPAM plugin, which gives addresses with gateways, and that plugin's own keys",
    ipMasq: "masquerade what containers send beyond the network",
    ipMasqBackend: "accepted for configurations of other implementations: nf_tables masquerades in any case",
    mtu: "MTU of both ends in bytes; 0 for the kernel's default",
    dns: "name service settings of the result, instead of those from ipam",
  },
);

/** A decoded ptp configuration. */
export type PtpConfig = typeof PtpConfig.Type;
