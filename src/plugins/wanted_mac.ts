/** The MAC address that somebody wants for the container's interface. */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type { Request } from "../engine/plugin.ts";
import { OptionalMac } from "../spec/config_schema.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import { described } from "../spec/key_descriptions.ts";
import { parseLinkMac } from "../spec/mac.ts";

/** Where a configuration names it: in `runtimeConfig`, and in `args.cni`. */
export const WantedMac = described(Schema.Struct({ mac: OptionalMac }), {
  mac: "Ethernet address of the container's interface",
});

/** A configuration that can name it. */
interface WithMac {
  readonly args?: { readonly cni?: typeof WantedMac.Type };
  readonly runtimeConfig?: typeof WantedMac.Type;
}

/** `runtimeConfig` beats `args.cni`, which beats CNI_ARGS, where an empty text is none. Null for no wish. */
export const wantedMac = (
  { config, args }: Pick<Request<WithMac>, "config" | "args">,
): Effect.Effect<string | null, Refused> => {
  const configured = config.runtimeConfig?.mac ?? config.args?.cni?.mac;
  const text = args.get("MAC") ?? "";
  if (configured !== undefined || text === "") return Effect.succeed(configured ?? null);
  const mac = parseLinkMac(text);
  if (mac !== null) return Effect.succeed(mac);
  const msg = `Cannot use CNI_ARGS "MAC": "${text}" is not a MAC address for a link, such as 02:00:00:00:00:01`;
  return new Refused({ code: CniCode.INVALID_ENVIRONMENT, msg });
};
