/** The configuration of the dhcp plugin as it is written. */
import * as Schema from "effect/Schema";
import { Flag, intOr, listOf, stringOr } from "../spec/config_schema.ts";
import { described } from "../spec/key_descriptions.ts";

/** Where the daemon listens when the configuration does not say. */
export const DEFAULT_SOCKET = "/run/cni/dhcp.sock";

/** Highest metric of a route. */
const MAX_METRIC = 0xffff_ffff;

const OPTION = "a name, such as host-name, or the number of an option, such as 12";

const Provided = described(
  Schema.Struct({ option: Schema.String, value: stringOr(""), fromArg: stringOr("") }),
  {
    option: OPTION,
    value: "what is sent, as text",
    fromArg: "key of CNI_ARGS whose value is sent instead, where the runtime has set it",
  },
);

const Requested = described(Schema.Struct({ option: stringOr(""), skipDefault: Flag }), {
  option: OPTION,
  skipDefault: "do not ask for the options that are asked for by default",
});

/** Keys of the dhcp plugin. */
export const DhcpConfig = described(
  Schema.Struct({
    ipam: described(
      Schema.Struct({
        daemonSocketPath: stringOr(DEFAULT_SOCKET),
        priority: intOr(0, 0, MAX_METRIC),
        provide: listOf(Provided),
        request: listOf(Requested),
      }),
      {
        daemonSocketPath: "absolute path of the socket that the DHCP daemon listens on",
        priority: "metric of all routes; the kernel's own where it is 0",
        provide: "options to send to the server",
        request: "options to ask the server for, beside those that are asked for by default",
      },
    ),
  }),
  { ipam: "an object with the IPAM plugin's own keys" },
);

/** A decoded dhcp configuration. */
export type DhcpConfig = typeof DhcpConfig.Type;
