/**
 * The ipvlan plugin: an interface on a link of the host that has addresses of its own, and that link's MAC address.
 *
 * @module
 */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type { IpvlanMode } from "../effects/kernel/op.ts";
import type { Plugin, Request } from "../engine/plugin.ts";
import { DnsConfig, Flag, intOr, stringOr } from "../spec/config_schema.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import { described } from "../spec/key_descriptions.ts";
import { VERSIONS } from "../spec/released_versions.ts";
import type { CniResult } from "../spec/result.ts";
import { ipamGc, ipamStatus, ipamType, OptionalIpam } from "./ipam_key.ts";
import { askIpam, type Layer3, useAddresses } from "./layer3.ts";
import { masterStatus, type MasterWish, parentFor, wishedMtuProblem } from "./master.ts";
import { ownDns } from "./own_dns.ts";
import { adoptOwnLink, checkOwnLink, createOwnLink, type Expected } from "./own_link.ts";

/** Keys of ipvlan. `mtu` is in bytes. */
export const IpvlanConfig = described(
  Schema.Struct({
    master: stringOr(""),
    mode: Schema.Literals(["", "l2", "l3", "l3s"]).pipe(
      Schema.withDecodingDefaultKey(Effect.succeed("l2" as const)),
    ),
    mtu: intOr(0),
    linkInContainer: Flag,
    ipam: OptionalIpam,
    dns: Schema.optionalKey(DnsConfig),
  }),
  {
    master:
      "the link that the container's interface is on; where it is left out, the one that the plugin before this one " +
      "has made, or that of the default route",
    mode:
      "l2: a switch, l3: a router, l3s: a router whose packets pass the host's firewall; all of one master have one",
    mtu: "MTU of the container's interface in bytes, no more than the master's; 0 for the master's",
    linkInContainer: "the master is a link of the container",
    ipam: "where addresses come from; without it, those of the plugin before this one are used",
    dns: "name service settings of the result, instead of those from ipam",
  },
);

/** A decoded ipvlan configuration. */
export type IpvlanConfig = typeof IpvlanConfig.Type;

const modeOf = ({ mode }: IpvlanConfig): IpvlanMode => mode || "l2";

const wishOf = ({ master, linkInContainer, mtu }: IpvlanConfig): MasterWish => ({ master, linkInContainer, mtu });

const invalid = (msg: string, details?: string) =>
  new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg, ...(details === undefined ? {} : { details }) });

/** Ends with `Refused` for what could not be carried out whatever the host and the plugins before are like. */
const review = ({ config: { mtu } }: Request<IpvlanConfig>): Effect.Effect<void, Refused> => {
  const problem = wishedMtuProblem(mtu);
  return problem === null ? Effect.void : invalid(problem);
};

/** The master's name: the configuration's, else the one link that the plugin before has made; else empty. */
const masterName = Effect.fnUntraced(function* ({ config: { master }, prevResult }: Request<IpvlanConfig>) {
  if (master !== "" || prevResult === null) return master;
  const [only, ...others] = prevResult.interfaces ?? [];
  if (only !== undefined && only.name !== "" && others.length === 0) return only.name;
  const found = prevResult.interfaces?.length ?? 0;
  return yield* invalid(
    `Cannot choose a "master": "prevResult" has ${found === 1 ? "an interface without a name" : `${found} interfaces`}`,
    'name a link as "master", or let the plugin before this one make exactly one',
  );
});

/** Where the addresses come from: an IPAM plugin, by its type, else the result of the plugin before. */
const sourceOf = ({ config, prevResult }: Request<IpvlanConfig>): Effect.Effect<string | CniResult, Refused> => {
  const ipam = ipamType(config);
  if (ipam !== null) return Effect.succeed(ipam);
  if (prevResult !== null && (prevResult.ips ?? []).length > 0) return Effect.succeed(prevResult);
  return invalid(
    `Cannot attach without addresses: there is no "ipam", and ${
      prevResult === null ? 'no "prevResult"' : '"prevResult" has none'
    }`,
    'give "ipam" a "type"',
  );
};

const add = Effect.fnUntraced(function* (request: Request<IpvlanConfig>) {
  yield* review(request);
  const source = yield* sourceOf(request);
  const wish = { ...wishOf(request.config), master: yield* masterName(request) };
  const link = yield* createOwnLink({
    ifName: request.key.ifName,
    link: { kind: "ipvlan", parent: yield* parentFor(wish), mode: modeOf(request.config) },
    mtu: wish.mtu,
  });
  const layer3: Layer3 = { ipam: ipamType(request.config), dns: ownDns(request.config.dns), announce: true };
  const answer = typeof source === "string" ? yield* askIpam(request, source) : source;
  return yield* useAddresses(request, link, layer3, answer);
});

const expectedOf = (config: IpvlanConfig): Expected => ({
  kind: "ipvlan",
  mode: modeOf(config),
  master: wishOf(config),
  ipam: ipamType(config),
});

/** Gives containers interfaces on a link of the host that share its MAC address. */
export const ipvlan: Plugin<IpvlanConfig> = {
  type: "ipvlan",
  versions: VERSIONS,
  config: IpvlanConfig,
  review,
  add,
  check: (request) => checkOwnLink(request, expectedOf(request.config)),
  adopt: (request) => adoptOwnLink(request, expectedOf(request.config)),
  gc: (config, { raw }) => ipamGc(ipamType(config), raw),
  status: Effect.fnUntraced(function* (config, { raw }) {
    // One that is not named may be what the plugin before is going to make.
    if (config.master !== "") yield* masterStatus(config);
    yield* ipamStatus(ipamType(config), raw);
  }),
};
