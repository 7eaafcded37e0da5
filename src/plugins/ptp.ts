/**
 * The ptp plugin: each container is connected to the host by a veth pair of its own, over which it sends everything.
 *
 * @module
 */
import * as Effect from "effect/Effect";
import type { Plugin } from "../engine/plugin.ts";
import { VERSIONS } from "../spec/released_versions.ts";
import { tracesOfOwn } from "./adopt_elements.ts";
import { tracesOfMasquerade } from "./adopt_masquerade.ts";
import { ipamGc, ipamStatus, ipamType, neededIpam } from "./ipam_key.ts";
import { MASQUERADE_SETS } from "./masquerade.ts";
import { add } from "./ptp/add.ts";
import { adopt } from "./ptp/adopt.ts";
import { check } from "./ptp/check.ts";
import { PtpConfig } from "./ptp/config.ts";
import { planPtp } from "./ptp/plan.ts";

/** Connects containers to the host, and only to it: veth pair, addresses by IPAM, routes, masquerade. */
export const ptp: Plugin<PtpConfig> = {
  type: "ptp",
  versions: VERSIONS,
  config: PtpConfig,
  review: (request) => Effect.asVoid(planPtp(request)),
  add,
  check,
  adopt,
  traces: Effect.fnUntraced(function* (_, network) {
    return [...(yield* tracesOfMasquerade(network)), ...(yield* tracesOfOwn(network, MASQUERADE_SETS))];
  }),
  gc: (config, { raw }) => ipamGc(ipamType(config), raw),
  status: (config, { raw }) => Effect.flatMap(neededIpam(config), (ipam) => ipamStatus(ipam, raw)),
};
