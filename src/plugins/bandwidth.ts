/**
 * bandwidth: how fast a container may send and receive. What it receives waits before the host's end of its veth pair,
 * what it sends in an ifb to which that end leads. Runs after the plugin that made the pair.
 */
import * as Effect from "effect/Effect";
import type { HostError, Link } from "../effects/kernel/host.ts";
import { perform } from "../engine/act.ts";
import type { Plugin, Request } from "../engine/plugin.ts";
import { View } from "../engine/view.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import { VERSIONS_WITH_INTERFACES } from "../spec/released_versions.ts";
import type { CniResult } from "../spec/result.ts";
import { adopt, checkAdopted } from "./bandwidth/adopt.ts";
import { BandwidthConfig, type BandwidthSettings, readBandwidth } from "./bandwidth/config.ts";
import { findEnd } from "./bandwidth/host_end.ts";
import { createIfb, tracesOfIfbs } from "./bandwidth/ifb.ts";
import { redirect, shape, withFrames } from "./bandwidth/plan.ts";

const NO_PREV_RESULT = "prevResult is missing: bandwidth must be called as chained plugin";

const refuse = (containerId: string, why: string) =>
  new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg: `Cannot limit "${containerId}": ${why}` });

const isUnlimited = ({ ingress, egress }: BandwidthSettings): boolean => ingress === null && egress === null;

/** What is queued by somebody else is refused before anything is made: the kernel would say so in the middle. */
const checkUnused: (
  containerId: string,
  end: Link,
  settings: BandwidthSettings,
) => Effect.Effect<void, HostError | Refused, View> = Effect.fnUntraced(
  function* (containerId, { name }, { ingress, egress }) {
    const { host } = yield* View;
    for (const parent of [...(ingress === null ? [] : ["root"]), ...(egress === null ? [] : ["ingress"])]) {
      const found = yield* host.qdisc("host", name, parent);
      if (found === null) continue;
      const msg =
        `Cannot limit "${containerId}": "${name}" has the queueing discipline ${found.kind} ${found.handle} at ${parent} already`;
      return yield* new Refused({
        code: CniCode.RESOURCE_TAKEN,
        msg,
        details: "another program controls its traffic, or an earlier attachment has left it",
      });
    }
  },
);

const add = Effect.fnUntraced(function* (request: Request<BandwidthConfig>) {
  const { key, config, prevResult } = request;
  if (prevResult === null) return yield* refuse(key.containerId, NO_PREV_RESULT);
  const settings = yield* readBandwidth(config);
  if (isUnlimited(settings)) return prevResult;
  const end = yield* findEnd(request);
  if (typeof end === "string") return yield* refuse(key.containerId, end);
  yield* checkUnused(key.containerId, end, settings);
  const { ingress, egress, partners } = settings;
  if (ingress !== null) {
    const bucket = withFrames(ingress, end.mtu);
    for (const op of shape({ link: end.name, bucket, partners, field: "src" })) yield* perform(op);
  }
  if (egress === null) return prevResult;
  const ifb = yield* createIfb(key, end);
  const bucket = withFrames(egress, end.mtu);
  for (const op of shape({ link: ifb.name, bucket, partners, field: "dst" })) yield* perform(op);
  // Last: from here on all that the container sends goes that way, and it is the first to be undone.
  for (const op of redirect(end.name, ifb.name)) yield* perform(op);
  const result: CniResult = { ...prevResult, interfaces: [...(prevResult.interfaces ?? []), ifb] };
  return result;
});

/** Limits for containers. */
export const bandwidth: Plugin<BandwidthConfig> = {
  type: "bandwidth",
  versions: VERSIONS_WITH_INTERFACES,
  config: BandwidthConfig,
  validate: (config) => Effect.asVoid(readBandwidth(config)),
  add,
  check: Effect.fnUntraced(function* (request) {
    if (request.known === true || isUnlimited(yield* readBandwidth(request.config))) return [];
    if (request.prevResult === null) return [`limits of "${request.key.containerId}": ${NO_PREV_RESULT}`];
    return yield* checkAdopted(request);
  }),
  adopt,
  traces: (_, network) => tracesOfIfbs(network),
};
