/** What a bridge configuration without any keys asks for. */
import type { BridgePlan } from "../../src/plugins/bridge/plan.ts";

/** The documented default of every key. */
export const DEFAULT_PLAN: BridgePlan = {
  bridge: "cni0",
  ipam: null,
  isGateway: false,
  isDefaultGateway: false,
  forceAddress: false,
  ipMasq: false,
  hairpin: false,
  promisc: false,
  isolated: false,
  spoofCheck: false,
  dad: false,
  containerUp: true,
  vlanFiltering: false,
  vlan: 0,
  vlans: [],
  preserveDefaultVlan: false,
  dns: null,
};
