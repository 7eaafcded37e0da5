/** Which addresses the static plugin gives, out of the places where they can be written. Pure. */
import * as Effect from "effect/Effect";
import type { Request } from "../engine/plugin.ts";
import { checkKnownArgs } from "../spec/args.ts";
import { addressOf, canonicalCidr, canonicalIp, contains, family, sameFamily } from "../spec/cidr.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import type { ResultIp } from "../spec/result.ts";
import { atLeast } from "../spec/version.ts";
import type { StaticConfig } from "./static_config.ts";

const refuse = (msg: string, details?: string) =>
  new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg, ...(details === undefined ? {} : { details }) });

/** The values of a list in CNI_ARGS, separated by commas, each read with `read`. */
const listIn = (
  args: ReadonlyMap<string, string>,
  key: "IP" | "GATEWAY",
  read: (text: string) => string | null,
  expected: string,
): Effect.Effect<readonly string[], Refused> => {
  const list = args.get(key) ?? "";
  return Effect.forEach(list === "" ? [] : list.split(","), (text) => {
    const value = read(text.trim());
    if (value !== null) return Effect.succeed(value);
    const msg = `Cannot use CNI_ARGS "${key}": "${text.trim()}" is not ${expected}`;
    return new Refused({ code: CniCode.INVALID_ENVIRONMENT, msg });
  });
};

/** Each gateway of CNI_ARGS is that of the addresses in whose network it lies; what the configuration says goes first. */
const withGateways = (
  configured: readonly ResultIp[],
  added: readonly ResultIp[],
  gateways: readonly string[],
): Effect.Effect<readonly ResultIp[], Refused> => {
  const all = [...configured, ...added];
  const stray = gateways.find((gateway) => !all.some(({ address }) => contains(address, gateway)));
  if (stray !== undefined) {
    const networks = all.map(({ address }) => address).join(", ") || "there is no address";
    const msg = `Cannot use CNI_ARGS "GATEWAY": no address has ${stray} in its network`;
    return new Refused({ code: CniCode.INVALID_ENVIRONMENT, msg, details: `the addresses are: ${networks}` });
  }
  return Effect.succeed(all.map((ip) => {
    // As with Go's plugin, the last of several counts.
    const gateway = ip.gateway ?? gateways.findLast((gateway) => contains(ip.address, gateway));
    return gateway === undefined ? ip : { ...ip, gateway };
  }));
};

/**
 * Why this gateway cannot be that of the address. It may lie outside the address's network: ptp reaches it all the same,
 * and routes of the configuration may lead to it.
 */
const gatewayProblem = ({ address, gateway }: ResultIp): string | null => {
  if (gateway === undefined) return null;
  if (!sameFamily(address, gateway)) return `it is not an IPv${family(address)} address as ${address} is`;
  return gateway === addressOf(address) ? "it is the container's own address" : null;
};

const versionProblem = (ips: readonly ResultIp[], cniVersion: string): Refused | null => {
  if (atLeast(cniVersion, "0.3.0")) return null;
  if (ips.length === 0) {
    return refuse(
      `Cannot give no address at all: a result in version ${cniVersion} must have one`,
      'fill in "ipam.addresses", or use "cniVersion" 0.3.0 or later',
    );
  }
  const twice = ([4, 6] as const).find((version) => ips.filter((ip) => family(ip.address) === version).length > 1);
  return twice === undefined ? null : refuse(
    `Cannot give ${ips.map(({ address }) => address).join(", ")}: a result in version ${cniVersion} has one ` +
      `IPv${twice} address at most`,
    'use "cniVersion" 0.3.0 or later',
  );
};

/** What is wrong with the addresses together, or null. */
const problemOf = (ips: readonly ResultIp[], cniVersion: string): Refused | null => {
  for (const ip of ips) {
    const problem = gatewayProblem(ip);
    if (problem !== null) return refuse(`Cannot use gateway ${ip.gateway}: ${problem}`);
  }
  const plain = ips.map(({ address }) => addressOf(address));
  const twice = plain.find((address, at) => plain.indexOf(address) !== at);
  if (twice !== undefined) return refuse(`Cannot give ${twice} twice: an interface has an address once`);
  return versionProblem(ips, cniVersion);
};

/**
 * The addresses of a request, in order. Ends with `Refused` for what is no address, an address that is there twice, a
 * gateway that could not be reached, and what the version of the result cannot say.
 */
export const staticAddresses: (
  request: Pick<Request<StaticConfig>, "config" | "args" | "cniVersion">,
) => Effect.Effect<readonly ResultIp[], Refused> = Effect.fnUntraced(function* ({ config, args, cniVersion }) {
  const badArgs = checkKnownArgs(args, ["IP", "GATEWAY"]);
  if (badArgs !== null) return yield* new Refused(badArgs);
  const added = yield* listIn(args, "IP", canonicalCidr, "an address with a prefix length, such as 10.1.0.5/24");
  const gateways = yield* listIn(args, "GATEWAY", canonicalIp, "an IP address, such as 10.1.0.1");
  const asked = [config.runtimeConfig?.ips, config.args?.cni?.ips].find((ips) => ips !== undefined && ips.length > 0);
  const ips = asked?.map((address) => ({ address })) ??
    (yield* withGateways(config.ipam.addresses, added.map((address) => ({ address })), gateways));
  const problem = problemOf(ips, cniVersion);
  return problem === null ? ips : yield* problem;
});
