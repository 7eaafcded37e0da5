/** The configuration of vrf. */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import { Uint32 } from "../../spec/config_schema.ts";
import { CniCode, Refused } from "../../spec/failure.ts";
import { described } from "../../spec/key_descriptions.ts";
import { checkIfName } from "../../spec/names.ts";
import { isKernelTable } from "../../spec/routing.ts";

/** Keys of vrf. */
export const VrfConfig = described(
  Schema.Struct({
    vrfname: Schema.String,
    table: Schema.optionalKey(Uint32),
  }),
  {
    vrfname: "name of the VRF in the container; it is made with its first member, and goes with the last",
    table: "number of its routing table; 0, or left out, for the lowest that nobody uses",
  },
);

/** A decoded vrf configuration. */
export type VrfConfig = typeof VrfConfig.Type;

/** What the configuration comes to. */
export interface VrfSettings {
  readonly name: string;
  /** Null to choose one. */
  readonly table: number | null;
}

const invalid = (msg: string, details: string) => new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg, details });

/** Checks a configuration. Ends with `Refused` naming what is wrong. */
export const readVrf: (
  config: VrfConfig,
  ifName: string,
) => Effect.Effect<VrfSettings, Refused> = Effect.fnUntraced(function* ({ vrfname: name, table = 0 }, ifName) {
  const bad = checkIfName(name);
  if (bad !== null) return yield* invalid(`Cannot use "vrfname": ${bad.msg}`, 'give "vrfname" the name of a link');
  if (name === ifName) {
    return yield* invalid(`Cannot use "vrfname" "${name}": the interface itself has that name`, "choose another");
  }
  if (table !== 0 && isKernelTable(table)) {
    return yield* invalid(
      `Cannot use "table" ${table}: it is the kernel's own`,
      "253, 254 and 255 are; choose another",
    );
  }
  return { name, table: table === 0 ? null : table };
});
