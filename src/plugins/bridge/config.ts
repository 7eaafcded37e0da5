/** The configuration of the bridge plugin as it is written. */
import * as Schema from "effect/Schema";
import { DnsConfig, Flag, intOr, stringOr } from "../../spec/config_schema.ts";
import { described } from "../../spec/key_descriptions.ts";
import { OptionalIpam } from "../ipam_key.ts";
import { WantedMac } from "../wanted_mac.ts";

const optionalInt = Schema.optionalKey(Schema.Int);

/** One VLAN or a range of VLANs the port carries tagged; an entry may have both. */
const TrunkEntry = described(Schema.Struct({ id: optionalInt, minID: optionalInt, maxID: optionalInt }), {
  id: "one VLAN",
  minID: "the first VLAN of a range",
  maxID: "the last VLAN of a range",
});

/** What one `vlanTrunk` entry says. */
export type TrunkEntry = typeof TrunkEntry.Type;

/**
 * Keys of the bridge plugin. `mtu` is in bytes, 0 and below for the kernel's default; `vlan` is the port's own VLAN, 0
 * for none; `vlanTrunk` its tagged ones. `ipMasqBackend` is accepted for the Go plugin's sake. The wanted MAC is
 * `runtimeConfig.mac`, else `args.cni.mac`, else `MAC` in CNI_ARGS.
 */
export const BridgeConfig = described(
  Schema.Struct({
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
    ipam: OptionalIpam,
    dns: Schema.optionalKey(DnsConfig),
    args: Schema.optionalKey(Schema.Struct({ cni: Schema.optionalKey(WantedMac) })),
    runtimeConfig: Schema.optionalKey(WantedMac),
  }),
  {
    bridge: "name of the bridge on the host; it is made where there is none",
    isGateway: "put the gateway's address on the bridge, and forward",
    isDefaultGateway: "as isGateway, and make the bridge the containers' default route",
    forceAddress: "replace another address of the same family on the bridge instead of failing",
    ipMasq: "masquerade what containers send beyond the network",
    ipMasqBackend: "accepted for configurations of other implementations: nf_tables masquerades in any case",
    mtu: "MTU of the container's interface in bytes; 0 for the kernel's default",
    hairpinMode: "let a container reach itself through its own host port",
    promiscMode: "make the bridge promiscuous; not together with hairpinMode",
    vlan: "VLAN of the container's port, untagged; 0 for none",
    vlanTrunk: "VLANs that the container's port carries tagged",
    preserveDefaultVlan: "leave the port in the bridge's default VLAN as well",
    macspoofchk: "drop frames from the container that have another source MAC address",
    enabledad: "detect duplicates of the container's IPv6 addresses before using them",
    disableContainerInterface: "leave the container's interface down; not together with ipam",
    portIsolation: "keep the container's port from reaching other isolated ports of the bridge",
    ipam: "where addresses come from; without it the network has layer 2 only",
    dns: "name service settings of the result, instead of those from ipam",
  },
);

/** A decoded bridge configuration. */
export type BridgeConfig = typeof BridgeConfig.Type;
