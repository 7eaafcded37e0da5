/**
 * vrf: the interface enters a domain of routes of its own in the container, which it may share with other interfaces. Runs
 * after the plugin that made the interface.
 *
 * @module
 */
import * as Effect from "effect/Effect";
import { ABSENT, type HostError, type Link } from "../effects/kernel/host.ts";
import type { Op } from "../effects/kernel/op.ts";
import { type Act, perform } from "../engine/act.ts";
import type { EffectError, Finding, Plugin, Request } from "../engine/plugin.ts";
import { View } from "../engine/view.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import { versionsSince } from "../spec/released_versions.ts";
import type { CniResult } from "../spec/result.ts";
import { inContainer } from "./check_interface.ts";
import { orAlready, PRESENT } from "./ensure.ts";
import { routesOver } from "./routing_tables.ts";
import { readVrf, VrfConfig } from "./vrf/config.ts";
import { ALIAS, type Domain, enterDomain, findDomain } from "./vrf/domain.ts";
import { planMove } from "./vrf/move.ts";

export { VrfConfig };

const NO_PREV_RESULT = "prevResult is missing: vrf must be called as chained plugin";

const refuse = (msg: string) => new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg });

/** The name of a link's master, or null where it has none. */
const masterOf = Effect.fnUntraced(function* ({ master }: Link) {
  const { host } = yield* View;
  return master === null ? null : (yield* host.linkByIndex("container", master))?.name ?? `link ${master}`;
});

/** The interface, which must be free, or in that VRF already: then there is nothing to be done. */
const findInterface = Effect.fnUntraced(function* (ifName: string, vrf: string) {
  const { host } = yield* View;
  const link = yield* host.link("container", ifName);
  if (link === null) return yield* refuse(`Cannot put "${ifName}" into VRF "${vrf}": there is no such link`);
  const master = yield* masterOf(link);
  if (master === null || master === vrf) return { isIn: master === vrf };
  return yield* refuse(`Cannot put "${ifName}" into VRF "${vrf}": it has "${master}" as its master already`);
});

const move = Effect.fnUntraced(function* (ifName: string, { name, table }: Domain) {
  const { host } = yield* View;
  const addresses = yield* host.addresses("container", ifName);
  const { before, after } = planMove(ifName, table, { addresses, routes: yield* routesOver(ifName) });
  for (const op of before) yield* orAlready(ABSENT)(perform(op));
  yield* perform({ op: "link.set", on: "container", name: ifName, set: { master: name } });
  for (const op of after) yield* orAlready(PRESENT)(perform(op));
});

const add: (
  request: Request<VrfConfig>,
) => Effect.Effect<CniResult, EffectError | Refused, View | Act> = Effect.fnUntraced(
  function* ({ key: { ifName }, config, prevResult }) {
    const settings = yield* readVrf(config, ifName);
    if (prevResult === null) {
      return yield* refuse(`Cannot put "${ifName}" into VRF "${settings.name}": ${NO_PREV_RESULT}`);
    }
    const { isIn } = yield* findInterface(ifName, settings.name);
    if (isIn) yield* findDomain(settings);
    else yield* move(ifName, yield* enterDomain(settings));
    return prevResult;
  },
);

/** The VRF, its table where one was asked for, and that the interface is in it. */
const check: (
  request: Request<VrfConfig>,
) => Effect.Effect<readonly Finding[], HostError, View> = Effect.fnUntraced(
  function* ({ key: { ifName, containerId }, config, prevResult }) {
    const { host } = yield* View;
    const { vrfname, table = 0 } = config;
    if (prevResult === null) return [`"${ifName}" of "${containerId}": ${NO_PREV_RESULT}`];
    const vrf = yield* host.link("container", vrfname);
    if (vrf === null) return [`${inContainer(vrfname)}: expected it to exist, found none`];
    if (vrf.kind !== "vrf") return [`${inContainer(vrfname)}: expected kind vrf, found ${vrf.kind ?? "none"}`];
    const findings: Finding[] = table === 0 || vrf.vrfTable === table
      ? []
      : [`${inContainer(vrfname)}: expected table ${table}, found ${vrf.vrfTable ?? "none"}`];
    const link = yield* host.link("container", ifName);
    if (link === null) return [...findings, `${inContainer(ifName)}: expected it to exist, found none`];
    const master = yield* masterOf(link);
    if (master === vrfname) return findings;
    return [
      ...findings,
      `${inContainer(ifName)}: expected master "${vrfname}", found ${master === null ? "none" : `"${master}"`}`,
    ];
  },
);

/** What another vrf has made, or ours whose log is lost: the interface leaves, and with the last one the VRF goes. */
const adopt: (
  request: Request<VrfConfig>,
) => Effect.Effect<readonly Op[], HostError, View> = Effect.fnUntraced(function* ({ key: { ifName }, config }) {
  const { host } = yield* View;
  const { vrfname: name } = config;
  const vrf = yield* host.link("container", name);
  if (vrf?.kind !== "vrf") return [];
  const link = yield* host.link("container", ifName);
  if (link?.master === vrf.index) {
    return [
      { op: "link.set", on: "container", name: ifName, set: { master: null } },
      { op: "link.delete", on: "container", name, whileUnused: { aliases: ["", ALIAS] } },
    ];
  }
  const isUsed = (yield* host.links("container")).some(({ master }) => master === vrf.index);
  if (isUsed || vrf.alias !== ALIAS) return [];
  return [{ op: "link.delete", on: "container", name, whileUnused: { aliases: [ALIAS] } }];
});

/** Domains of routes for the interfaces of a container. */
export const vrf: Plugin<VrfConfig> = {
  type: "vrf",
  versions: versionsSince("0.3.1"),
  config: VrfConfig,
  validate: (config, { key }) => Effect.asVoid(readVrf(config, key.ifName)),
  add,
  check,
  adopt,
};
