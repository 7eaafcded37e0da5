/** The configuration of host-device as it is written. */
import * as Schema from "effect/Schema";
import { DnsConfig, OptionalMac, stringOr } from "../../spec/config_schema.ts";
import { described } from "../../spec/key_descriptions.ts";
import { OptionalIpam } from "../ipam_key.ts";

/** Keys of host-device. `runtimeConfig.deviceID` comes before `pciBusID`. */
export const HostDeviceConfig = described(
  Schema.Struct({
    device: stringOr(""),
    hwaddr: OptionalMac,
    kernelpath: stringOr(""),
    pciBusID: stringOr(""),
    ipam: OptionalIpam,
    dns: Schema.optionalKey(DnsConfig),
    runtimeConfig: Schema.optionalKey(
      described(Schema.Struct({ deviceID: stringOr("") }), {
        deviceID: "address of the device on the PCI bus, or its name on the auxiliary bus",
      }),
    ),
  }),
  {
    device: "name of the link on the host",
    hwaddr: "Ethernet address of the link on the host",
    kernelpath: "path of the device below /sys/devices",
    pciBusID: "address of the device on the PCI bus, such as 0000:00:1f.6",
    ipam: "where addresses come from; without it the device has none",
    dns: "name service settings of the result, instead of those from ipam",
  },
);

/** A decoded host-device configuration. */
export type HostDeviceConfig = typeof HostDeviceConfig.Type;
