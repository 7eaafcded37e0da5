/** The configuration of the bridge plugin as it is written. */
import * as Schema from "effect/Schema";
import { DnsConfig, Flag, intOr, OptionalMac, stringOr } from "../../spec/config_schema.ts";

const optionalInt = Schema.optionalKey(Schema.Int);

/** One VLAN or a range of VLANs the port carries tagged; an entry may have both. */
const TrunkEntry = Schema.Struct({ id: optionalInt, minID: optionalInt, maxID: optionalInt });

/** What one `vlanTrunk` entry says. */
export type TrunkEntry = typeof TrunkEntry.Type;

/**
 * Keys of the bridge plugin. `mtu` is in bytes, 0 and below for the kernel's default; `vlan` is the port's own VLAN, 0
 * for none; `vlanTrunk` its tagged ones. `ipMasqBackend` is accepted for the Go plugin's sake. The wanted MAC is
 * `runtimeConfig.mac`, else `args.cni.mac`, else `MAC` in CNI_ARGS.
 */
export const BridgeConfig = Schema.Struct({
  bridge: stringOr("cni0"),
  isGateway: Flag,
  isDefaultGateway: Flag,
  forceAddress: Flag,
  ipMasq: Flag,
  ipMasqBackend: Schema.optionalKey(Schema.Literals(["nftables", "iptables"])),
  mtu: intOr(0),
  hairpinMode: Flag,
  promiscMode: Flag,
  vlan: intOr(0),
  vlanTrunk: Schema.optionalKey(Schema.Array(TrunkEntry)),
  preserveDefaultVlan: Flag,
  macspoofchk: Flag,
  enabledad: Flag,
  disableContainerInterface: Flag,
  portIsolation: Flag,
  ipam: Schema.optionalKey(Schema.Struct({ type: stringOr("") })),
  dns: Schema.optionalKey(DnsConfig),
  args: Schema.optionalKey(Schema.Struct({ cni: Schema.optionalKey(Schema.Struct({ mac: OptionalMac })) })),
  runtimeConfig: Schema.optionalKey(Schema.Struct({ mac: OptionalMac })),
});

/** A decoded bridge configuration. */
export type BridgeConfig = typeof BridgeConfig.Type;
