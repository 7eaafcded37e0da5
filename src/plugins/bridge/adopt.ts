/** What to undo for attachments the log does not know: made by another bridge plugin, or the log was lost. */
import * as Effect from "effect/Effect";
import type { HostError, Link } from "../../effects/kernel/host.ts";
import type { Op } from "../../effects/kernel/op.ts";
import type { Request } from "../../engine/plugin.ts";
import { View } from "../../engine/view.ts";
import { hostVethName, isHostVethName } from "../names.ts";
import type { BridgeConfig } from "./config.ts";

/**
 * The container link, if a bridge plugin made it for this network (its host end goes with it), and what IPAM holds. A
 * container may have a link of that name from elsewhere, for instance when its ADD was refused for that very reason.
 */
export const adopt: (
  request: Request<BridgeConfig>,
) => Effect.Effect<readonly Op[], HostError, View> = Effect.fnUntraced(function* (request) {
  const { host } = yield* View;
  const { key, config, raw } = request;
  const link = yield* host.link("container", key.ifName);
  const ops: Op[] = [];
  if (link !== null && (yield* isBridged(request, link))) {
    ops.push({ op: "link.delete", on: "container", name: key.ifName });
  }
  const ipam = config.ipam?.type || null;
  if (ipam !== null) ops.push({ op: "plugin.invoke", plugin: ipam, command: "DEL", config: raw });
  return ops;
});

/** Whether the other end is on the host, is no other attachment's of ours, and is a port of this bridge or of none. */
const isBridged = Effect.fnUntraced(function* ({ key, config }: Request<BridgeConfig>, link: Link) {
  const { host } = yield* View;
  const port = link.kind !== "veth" || link.peer === null ? null : yield* host.linkByIndex("host", link.peer);
  // The index of a peer in a third namespace may by chance be that of a link of the host.
  if (port === null || port.kind !== "veth" || port.peer !== link.index) return false;
  if (isHostVethName(port.name)) return port.name === (yield* hostVethName(key));
  const bridge = port.master === null ? null : yield* host.linkByIndex("host", port.master);
  return bridge === null || bridge.name === config.bridge;
});
