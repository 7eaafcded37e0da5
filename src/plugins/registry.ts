/** The recipes by plugin type. A new plugin is one more line here and in `catalog.ts`. */
import { type AnyPlugin, anyPlugin } from "../engine/plugin.ts";
import { bridge } from "./bridge.ts";
import { cleat } from "./cleat.ts";
import { dummy } from "./dummy.ts";
import { hostLocal } from "./host_local.ts";
import { ipvlan } from "./ipvlan.ts";
import { loopback } from "./loopback.ts";
import { macvlan } from "./macvlan.ts";
import { portmap } from "./portmap.ts";
import { ptp } from "./ptp.ts";
import { staticIpam } from "./static.ts";
import { tuning } from "./tuning.ts";
import { vlan } from "./vlan.ts";

/** All of Cleat's plugins. */
export const registry: ReadonlyMap<string, AnyPlugin> = new Map([
  [bridge.type, anyPlugin(bridge)],
  [cleat.type, anyPlugin(cleat)],
  [hostLocal.type, anyPlugin(hostLocal)],
  [tuning.type, anyPlugin(tuning)],
  [portmap.type, anyPlugin(portmap)],
  [dummy.type, anyPlugin(dummy)],
  [ipvlan.type, anyPlugin(ipvlan)],
  [loopback.type, anyPlugin(loopback)],
  [macvlan.type, anyPlugin(macvlan)],
  [ptp.type, anyPlugin(ptp)],
  [staticIpam.type, anyPlugin(staticIpam)],
  [vlan.type, anyPlugin(vlan)],
]);
