/** Giving back a link that the log does not know was taken. */
import * as Effect from "effect/Effect";
import type { HostError, Link } from "../../effects/kernel/host.ts";
import { identityOf } from "../../effects/kernel/link_identity.ts";
import type { Op } from "../../effects/kernel/op.ts";
import type { Request } from "../../engine/plugin.ts";
import { View } from "../../engine/view.ts";
import { checkIfName } from "../../spec/names.ts";
import type { HostDeviceConfig } from "./config.ts";

/** Whether the configuration may mean this link of the container, which `name` says it was called. */
const isMeant = Effect.fnUntraced(
  function* ({ device, hwaddr, kernelpath }: HostDeviceConfig, link: Link, name: string) {
    const { host } = yield* View;
    // An alternative name stays with its link, wherever that is.
    if (device !== "") return device === name || (yield* host.link("container", device))?.index === link.index;
    if (hwaddr !== undefined) return hwaddr === link.mac || hwaddr === link.permanentMac;
    return kernelpath !== "" || link.device !== undefined;
  },
);

/**
 * Go's plugin keeps the name that a link has on the host in its alias, which the container can change: it counts only
 * where the log knows nothing, for a link that the configuration can mean. It comes back down, as Go's plugin leaves it.
 */
export const adoptDevice: (
  request: Request<HostDeviceConfig>,
) => Effect.Effect<readonly Op[], HostError, View> = Effect.fnUntraced(function* ({ key, config, raw }) {
  const { host } = yield* View;
  const ops: Op[] = [];
  const from = { on: "container", name: key.ifName } as const;
  const link = yield* host.link(from.on, from.name);
  const name = link?.alias;
  if (link !== null && name !== undefined && checkIfName(name) === null && (yield* isMeant(config, link, name))) {
    const was = { set: { up: false, alias: "" }, addresses: [], routes: [] };
    ops.push({ op: "link.return", on: "host", name, from, link: identityOf(link), was });
  }
  const ipam = config.ipam?.type;
  if (ipam) ops.push({ op: "plugin.invoke", plugin: ipam, command: "DEL", config: raw });
  return ops;
});
