/** What a bridge configuration means: every default filled in, every contradiction refused. Pure. */
import * as Effect from "effect/Effect";
import type { PortVlan } from "../../effects/kernel/op.ts";
import type { Request } from "../../engine/plugin.ts";
import { checkKnownArgs } from "../../spec/args.ts";
import { CniCode, Refused } from "../../spec/failure.ts";
import { checkIfName } from "../../spec/names.ts";
import type { Dns } from "../../spec/result.ts";
import { atLeast } from "../../spec/version.ts";
import { mtuProblem } from "../mtu.ts";
import { ownDns } from "../own_dns.ts";
import { wantedMac } from "../wanted_mac.ts";
import type { BridgeConfig } from "./config.ts";
import { portVlans, vlanProblem } from "./vlans.ts";

/** A bridge configuration ready to be carried out. */
export interface BridgePlan {
  readonly bridge: string;
  /** In bytes; absent for the kernel's default. */
  readonly mtu?: number;
  /** Wanted MAC of the container end. */
  readonly mac?: string;
  /** Type of the IPAM plugin; null for layer 2 only, where gateways and masquerade have no meaning. */
  readonly ipam: string | null;
  readonly isGateway: boolean;
  readonly isDefaultGateway: boolean;
  readonly forceAddress: boolean;
  readonly ipMasq: boolean;
  readonly hairpin: boolean;
  readonly promisc: boolean;
  readonly isolated: boolean;
  readonly spoofCheck: boolean;
  readonly dad: boolean;
  /** Whether the container end is set up. */
  readonly containerUp: boolean;
  /** Whether a bridge that is created filters VLANs. */
  readonly vlanFiltering: boolean;
  /** The port's own VLAN, 0 for none. */
  readonly vlan: number;
  /** What the port is to carry; empty to leave it as it is. */
  readonly vlans: readonly PortVlan[];
  readonly preserveDefaultVlan: boolean;
  /** Replaces what IPAM says; null to keep that. */
  readonly dns: Dns | null;
}

const invalid = (msg: string, details?: string) =>
  new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg, ...(details === undefined ? {} : { details }) });

/** The host link that carries the gateway address of a VLAN. */
export const vlanGatewayName = ({ bridge, vlan }: Pick<BridgePlan, "bridge" | "vlan">): string => `${bridge}.${vlan}`;

/** Reads a request. Ends with `Refused` for everything that could not be carried out, before anything is touched. */
export const planBridge: (request: Request<BridgeConfig>) => Effect.Effect<BridgePlan, Refused> = Effect.fnUntraced(
  function* (request) {
    const { config, cniVersion } = request;
    const badArgs = checkKnownArgs(request.args, ["MAC"]);
    if (badArgs !== null) return yield* new Refused(badArgs);
    const mac = yield* wantedMac(request);
    const plan = planOf(config, mac);
    const trunk = config.vlanTrunk ?? [];
    const problem = nameProblem(plan) ?? mtuProblem(config.mtu) ?? vlanProblem(plan.vlan, trunk) ?? contradiction(plan);
    if (problem !== null) return yield* invalid(problem);
    if (plan.ipam === null && !atLeast(cniVersion, "0.3.0")) {
      return yield* invalid(
        `Cannot attach without "ipam": a result in version ${cniVersion} must have an address`,
        'give "ipam" a "type", or use "cniVersion" 0.3.0 or later',
      );
    }
    return { ...plan, vlans: portVlans(plan.vlan, trunk) };
  },
);

const planOf = (config: BridgeConfig, mac: string | null): BridgePlan => {
  const ipam = config.ipam?.type || null;
  const { bridge, mtu, vlan, forceAddress, preserveDefaultVlan, isDefaultGateway } = config;
  return {
    bridge,
    ...(mtu > 0 ? { mtu } : {}),
    ...(mac === null ? {} : { mac }),
    ipam,
    isGateway: ipam !== null && (config.isGateway || isDefaultGateway),
    isDefaultGateway: ipam !== null && isDefaultGateway,
    forceAddress,
    ipMasq: ipam !== null && config.ipMasq,
    hairpin: config.hairpinMode,
    promisc: config.promiscMode,
    isolated: config.portIsolation,
    spoofCheck: config.macspoofchk,
    dad: config.enabledad,
    containerUp: !config.disableContainerInterface,
    vlanFiltering: vlan !== 0 || config.vlanTrunk !== undefined,
    vlan,
    vlans: [],
    preserveDefaultVlan,
    dns: ownDns(config.dns),
  };
};

const nameProblem = (plan: BridgePlan): string | null => {
  const own = checkIfName(plan.bridge);
  if (own !== null) return `Cannot use "bridge": "${plan.bridge}" is no link's name: ${own.details ?? "it is empty"}`;
  const gateway = plan.vlan !== 0 && plan.isGateway ? vlanGatewayName(plan) : null;
  const problem = gateway === null ? null : checkIfName(gateway);
  return problem === null
    ? null
    : `Cannot use "bridge" with "vlan": the gateway's link would be "${gateway}", but ${problem.details}`;
};

const contradiction = (plan: BridgePlan): string | null => {
  if (plan.hairpin && plan.promisc) {
    return 'Cannot use "hairpinMode" with "promiscMode": packets would reach the container twice';
  }
  return plan.ipam !== null && !plan.containerUp
    ? 'Cannot use "disableContainerInterface" with "ipam": an interface that stays down cannot have addresses'
    : null;
};
