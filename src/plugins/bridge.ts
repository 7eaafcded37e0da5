/**
 * The bridge plugin: containers as ports of a bridge on the host, which may be their gateway.
 *
 * @module
 */
import * as Effect from "effect/Effect";
import type { Plugin } from "../engine/plugin.ts";
import { VERSIONS } from "../spec/released_versions.ts";
import { add } from "./bridge/add.ts";
import { adopt, traces } from "./bridge/adopt.ts";
import { check } from "./bridge/check.ts";
import { BridgeConfig } from "./bridge/config.ts";
import { planBridge } from "./bridge/plan.ts";
import { ipamGc, ipamStatus, ipamType } from "./ipam_key.ts";

/** Attaches containers to a bridge: veth pair, addresses by IPAM, gateway, masquerade, VLANs. */
export const bridge: Plugin<BridgeConfig> = {
  type: "bridge",
  versions: VERSIONS,
  config: BridgeConfig,
  review: (request) => Effect.asVoid(planBridge(request)),
  add,
  check,
  adopt,
  traces: (_, network) => traces(network),
  gc: (config, { raw }) => ipamGc(ipamType(config), raw),
  status: (config, { raw }) => ipamStatus(ipamType(config), raw),
};
