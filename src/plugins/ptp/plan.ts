/** What a ptp configuration and the answer of its IPAM plugin mean; everything that cannot be is refused. Pure. */
import * as Effect from "effect/Effect";
import type { Request } from "../../engine/plugin.ts";
import { addressOf, family, sameFamily } from "../../spec/cidr.ts";
import { CniCode, Refused } from "../../spec/failure.ts";
import type { CniResult, Dns, ResultIp } from "../../spec/result.ts";
import { neededIpam } from "../ipam_key.ts";
import { mtuProblem } from "../mtu.ts";
import { ownDns } from "../own_dns.ts";
import { wantedMac } from "../wanted_mac.ts";
import type { PtpConfig } from "./config.ts";

/** Where the container's end stands among the interfaces of the result: after the host's. */
export const CONTAINER_INDEX = 1;

/** A ptp configuration ready to be carried out. */
export interface PtpPlan {
  /** Type of the IPAM plugin. */
  readonly ipam: string;
  readonly ipMasq: boolean;
  /** In bytes; absent for the kernel's default. */
  readonly mtu?: number;
  /** Wanted MAC of the container's end. */
  readonly mac?: string;
  /** Replaces what IPAM says; null to keep that. */
  readonly dns: Dns | null;
}

/** An address with its gateway, which is the host. */
export interface Leg extends ResultIp {
  readonly gateway: string;
  readonly interface: number;
}

const invalid = (msg: string, details: string) => new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg, details });

/** Reads a request. Ends with `Refused` for everything that could not be carried out, before anything is touched. */
export const planPtp: (
  request: Pick<Request<PtpConfig>, "config" | "args">,
) => Effect.Effect<PtpPlan, Refused> = Effect.fnUntraced(function* (request) {
  const { ipMasq, mtu, dns } = request.config;
  const ipam = yield* neededIpam(request.config);
  const problem = mtuProblem(mtu);
  if (problem !== null) return yield* new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg: problem });
  const mac = yield* wantedMac(request);
  return {
    ipam,
    ipMasq,
    ...(mtu > 0 ? { mtu } : {}),
    ...(mac === null ? {} : { mac }),
    dns: ownDns(dns),
  };
});

/** Why an address cannot be used with the gateway that IPAM gave it, or null. */
const problemOf = ({ address, gateway }: ResultIp): string | null => {
  if (gateway === undefined) return "it has no gateway, which is the address that the host takes";
  if (!sameFamily(address, gateway)) return `its gateway ${gateway} is not an IPv${family(address)} address`;
  return gateway === addressOf(address) ? "it is its own gateway, and the host cannot have it too" : null;
};

/** The addresses that IPAM gave, each with its gateway. Ends with `Refused` where there are none, or one is of no use. */
export const legsOf: (plan: PtpPlan, ipam: CniResult | null) => Effect.Effect<readonly Leg[], Refused> = Effect
  .fnUntraced(function* (plan, ipam) {
    const legs: Leg[] = [];
    for (const ip of ipam?.ips ?? []) {
      const problem = problemOf(ip);
      const { gateway } = ip;
      if (problem !== null || gateway === undefined) {
        return yield* invalid(`Cannot use ${ip.address} from IPAM plugin "${plan.ipam}": ${problem}`, 'correct "ipam"');
      }
      legs.push({ ...ip, gateway, interface: CONTAINER_INDEX });
    }
    if (legs.length > 0) return legs;
    return yield* new Refused({
      code: CniCode.INTERNAL,
      msg: `Cannot attach: IPAM plugin "${plan.ipam}" gave no address`,
    });
  });
