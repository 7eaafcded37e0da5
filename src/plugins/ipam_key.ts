/** The key `ipam` of plugins that make an interface, and the verbs that go on to the IPAM plugin as they are. */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type { DelegateError } from "../engine/delegate.ts";
import type { GcDelegate } from "../engine/plugin.ts";
import { View } from "../engine/view.ts";
import { stringOr } from "../spec/config_schema.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import type { JsonObject } from "../spec/json.ts";
import { described } from "../spec/key_descriptions.ts";

const KEYS = { type: "name of the IPAM plugin" } as const;

/** `ipam` of a plugin that makes no interface without addresses. */
export const NeededIpam = described(Schema.Struct({ type: Schema.String }), KEYS);

/** `ipam` of a plugin that can do without. */
export const OptionalIpam = Schema.optionalKey(described(Schema.Struct({ type: stringOr("") }), KEYS));

/** Type of the IPAM plugin; null where there is none. */
export const ipamType = (
  { ipam }: { readonly ipam?: { readonly type: string } },
): string | null => ipam?.type || null;

/** The type of a `NeededIpam`. Ends with `Refused` where it is empty. */
export const neededIpam = ({ ipam: { type } }: { readonly ipam: typeof NeededIpam.Type }) =>
  type !== "" ? Effect.succeed(type) : new Refused({
    code: CniCode.INVALID_NETWORK_CONFIG,
    msg: 'Cannot use "ipam.type": it is empty',
    details: "name an IPAM plugin",
  });

/** Whom GC goes on to. */
export const ipamGc = (ipam: string | null, config: JsonObject): Effect.Effect<readonly GcDelegate[]> =>
  Effect.succeed(ipam === null ? [] : [{ plugin: ipam, config }]);

/** STATUS of the IPAM plugin. */
export const ipamStatus: (
  ipam: string | null,
  raw: JsonObject,
) => Effect.Effect<void, DelegateError, View> = Effect.fnUntraced(function* (ipam, raw) {
  if (ipam !== null) yield* (yield* View).ask(ipam, "STATUS", raw);
});
