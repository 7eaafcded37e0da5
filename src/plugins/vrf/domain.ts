/** The VRF itself: what the attachments of a container share. */
import * as Effect from "effect/Effect";
import type { HostError, Link } from "../../effects/kernel/host.ts";
import { type Act, perform } from "../../engine/act.ts";
import type { EffectError } from "../../engine/plugin.ts";
import { View } from "../../engine/view.ts";
import { CniCode, Refused } from "../../spec/failure.ts";
import { orAlready, PRESENT } from "../ensure.ts";
import { orUnknownKind } from "../own_link.ts";
import { freeTables, usedTables } from "../routing_tables.ts";
import type { VrfSettings } from "./config.ts";

/** By this alias a VRF of ours is known: it goes with its last member, one that somebody else has made does not. */
export const ALIAS = "cleat: goes with its last member";

/** How often a table is chosen anew because somebody else has chosen it at the same moment. */
const TRIES = 16;

const refuse = (msg: string, details: string) => new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg, details });

/** A VRF with its table. */
export interface Domain {
  readonly name: string;
  readonly table: number;
}

/** The link of that name as a VRF; `Refused` where it is none, or has another table than is wanted. */
const asDomain = ({ name, table: wanted }: VrfSettings, { kind, vrfTable: table }: Link) => {
  if (kind !== "vrf" || table === undefined) {
    return refuse(
      `Cannot use "vrfname" "${name}": a link of that name is there, of kind "${kind ?? "device"}"`,
      "choose a name that no other link has",
    );
  }
  return wanted === null || wanted === table ? Effect.succeed<Domain>({ name, table }) : refuse(
    `Cannot use "table" ${wanted}: VRF "${name}" is there already, with table ${table}`,
    'leave out "table" to use the VRF as it is',
  );
};

/** The VRF if it is there; null where it is not. */
export const findDomain: (
  settings: VrfSettings,
) => Effect.Effect<Domain | null, HostError | Refused, View> = Effect.fnUntraced(function* (settings) {
  const { host } = yield* View;
  const link = yield* host.link("container", settings.name);
  return link === null ? null : yield* asDomain(settings, link);
});

/**
 * Makes the VRF, or shares in one that is there. Who chooses the same table, or the same name, at the same moment is refused
 * by the kernel, and looks again.
 */
export const enterDomain: (
  settings: VrfSettings,
) => Effect.Effect<Domain, EffectError | Refused, View | Act> = Effect.fnUntraced(function* (settings) {
  const { name } = settings;
  for (let tries = 0; tries < TRIES; tries++) {
    const there = yield* findDomain(settings);
    const table = there?.table ?? settings.table ?? freeTables(yield* usedTables, 1, 1)[0] ?? 1;
    const isChosen = there === null && settings.table === null;
    const link = { kind: "vrf", table, ...(isChosen ? { alone: true } : {}) } as const;
    const create = perform({ op: "link.create", on: "container", name, link, join: { alias: ALIAS } });
    const made = yield* Effect.catch(orAlready(PRESENT)(create), orUnknownKind(name, link));
    if (made === null) continue;
    if (there === null) yield* perform({ op: "link.set", on: "container", name, set: { up: true, alias: ALIAS } });
    return { name, table };
  }
  return yield* new Refused({
    code: CniCode.TRY_AGAIN_LATER,
    msg: `Cannot choose a table for VRF "${name}": others have taken ${TRIES} of them at the same moment`,
  });
});
