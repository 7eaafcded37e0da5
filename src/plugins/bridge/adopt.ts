/** What to undo for attachments the log does not know: made by another bridge plugin, or the log was lost. */
import * as Effect from "effect/Effect";
import type { HostError } from "../../effects/kernel/host.ts";
import type { Op } from "../../effects/kernel/op.ts";
import type { Request } from "../../engine/plugin.ts";
import { View } from "../../engine/view.ts";
import type { BridgeConfig } from "./config.ts";

/**
 * The container link, if it is a veth (its host end goes with it), and what IPAM holds. A link of another kind was not
 * made by a bridge plugin and stays.
 */
export const adopt: (
  request: Request<BridgeConfig>,
) => Effect.Effect<readonly Op[], HostError, View> = Effect.fnUntraced(function* ({ key, config, raw }) {
  const { host } = yield* View;
  const link = yield* host.link("container", key.ifName);
  const ops: Op[] = link?.kind === "veth" ? [{ op: "link.delete", on: "container", name: key.ifName }] : [];
  const ipam = config.ipam?.type || null;
  if (ipam !== null) ops.push({ op: "plugin.invoke", plugin: ipam, command: "DEL", config: raw });
  return ops;
});
