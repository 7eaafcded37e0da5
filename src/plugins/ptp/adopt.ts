/** What to undo for attachments the log does not know: made by another ptp plugin, or the log was lost. */
import * as Effect from "effect/Effect";
import type { HostError } from "../../effects/kernel/host.ts";
import type { Op } from "../../effects/kernel/op.ts";
import type { Request } from "../../engine/plugin.ts";
import type { View } from "../../engine/view.ts";
import { batchOf } from "../adopt_look.ts";
import { removeOwn } from "../adopt_elements.ts";
import { adoptMasquerade } from "../adopt_masquerade.ts";
import { addressesToAdopt, adoptVeth } from "../adopt_veth.ts";
import { MASQUERADE_SETS } from "../masquerade.ts";
import type { PtpConfig } from "./config.ts";

/** The pair, if its host end is nobody's port, what IPAM holds, and masquerade, ours or Go's. */
export const adopt: (
  request: Request<PtpConfig>,
) => Effect.Effect<readonly Op[], HostError, View> = Effect.fnUntraced(function* (request) {
  const { key, config, raw } = request;
  const addresses = yield* addressesToAdopt(request);
  const ops: Op[] = [...(yield* adoptVeth(request, ({ master }) => Effect.succeed(master === null)))];
  if (config.ipam.type !== "") {
    ops.push({ op: "plugin.invoke", plugin: config.ipam.type, command: "DEL", config: raw });
  }
  ops.push(...batchOf(yield* removeOwn(key, MASQUERADE_SETS)), ...(yield* adoptMasquerade(key, addresses)));
  return ops;
});
