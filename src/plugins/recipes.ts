/**
 * The recipes by plugin type, each loaded when it is first run: an executable loads its own and those it delegates to.
 * A new plugin is one more line here and in `catalog.ts`.
 */
import * as Effect from "effect/Effect";
import { type AnyPlugin, anyPlugin, type Recipes } from "../engine/plugin.ts";

const loaders: Readonly<Record<string, () => Promise<AnyPlugin>>> = {
  "bandwidth": async () => anyPlugin((await import("./bandwidth.ts")).bandwidth),
  "bridge": async () => anyPlugin((await import("./bridge.ts")).bridge),
  "cleat": async () => anyPlugin((await import("./cleat.ts")).cleat),
  "firewall": async () => anyPlugin((await import("./firewall.ts")).firewall),
  "host-device": async () => anyPlugin((await import("./host_device.ts")).hostDevice),
  "host-local": async () => anyPlugin((await import("./host_local.ts")).hostLocal),
  "tuning": async () => anyPlugin((await import("./tuning.ts")).tuning),
  "portmap": async () => anyPlugin((await import("./portmap.ts")).portmap),
  "dummy": async () => anyPlugin((await import("./dummy.ts")).dummy),
  "ipvlan": async () => anyPlugin((await import("./ipvlan.ts")).ipvlan),
  "vlan": async () => anyPlugin((await import("./vlan.ts")).vlan),
  "loopback": async () => anyPlugin((await import("./loopback.ts")).loopback),
  "macvlan": async () => anyPlugin((await import("./macvlan.ts")).macvlan),
  "ptp": async () => anyPlugin((await import("./ptp.ts")).ptp),
  "tap": async () => anyPlugin((await import("./tap.ts")).tap),
  "dhcp": async () => anyPlugin((await import("./dhcp.ts")).dhcp),
  "sbr": async () => anyPlugin((await import("./sbr.ts")).sbr),
  "vrf": async () => anyPlugin((await import("./vrf.ts")).vrf),
  "static": async () => anyPlugin((await import("./static.ts")).staticIpam),
};

/** Loads once; later it is there at once, without a turn of the event loop. */
const once = (load: () => Promise<AnyPlugin>): Effect.Effect<AnyPlugin> => {
  let loaded: AnyPlugin | null = null;
  const loading = Effect.tap(Effect.promise(load), (recipe) => Effect.sync(() => void (loaded = recipe)));
  return Effect.suspend(() => loaded === null ? loading : Effect.succeed(loaded));
};

/** All of Cleat's plugins. */
export const recipes: Recipes = new Map(Object.entries(loaders).map(([type, load]) => [type, once(load)]));
