/**
 * The vlan plugin: an interface that sends and receives the frames of one VLAN (802.1Q) of a link of the host.
 *
 * @module
 */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type { Plugin, Request } from "../engine/plugin.ts";
import { DnsConfig, Flag, intBetween, intOr } from "../spec/config_schema.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import { described } from "../spec/key_descriptions.ts";
import { VERSIONS } from "../spec/released_versions.ts";
import { ipamGc, ipamStatus, ipamType, NeededIpam, neededIpam } from "./ipam_key.ts";
import { finishInterface, type Layer3 } from "./layer3.ts";
import { masterStatus, type MasterWish, parentFor, wishedMtuProblem } from "./master.ts";
import { ownDns } from "./own_dns.ts";
import { adoptOwnLink, checkOwnLink, createOwnLink, type Expected } from "./own_link.ts";

/** Highest id of a VLAN: 4095 is reserved (IEEE 802.1Q, table 9-2). */
const MAX_VLAN_ID = 4094;

/** Keys of vlan. `mtu` is in bytes. Go's plugin takes a missing `vlanId` for 0, so DEL of its work must understand it. */
export const VlanConfig = described(
  Schema.Struct({
    master: Schema.String,
    vlanId: Schema.optionalKey(intBetween(0, MAX_VLAN_ID)),
    mtu: intOr(0),
    linkInContainer: Flag,
    ipam: NeededIpam,
    dns: Schema.optionalKey(DnsConfig),
  }),
  {
    master: "the link whose VLAN it is",
    vlanId: `id of the VLAN, 0 to ${MAX_VLAN_ID}, which must be given; 0 is for frames with a priority and no VLAN`,
    mtu: "MTU of the container's interface in bytes, no more than the master's; 0 for the master's",
    linkInContainer: "the master is a link of the container",
    ipam: "an object with the name of the IPAM plugin, and that plugin's own keys",
    dns: "name service settings of the result, instead of those from ipam",
  },
);

/** A decoded vlan configuration. */
export type VlanConfig = typeof VlanConfig.Type;

const wishOf = ({ master, linkInContainer, mtu }: VlanConfig): MasterWish => ({ master, linkInContainer, mtu });

const invalid = (msg: string) => new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg });

/** Reads a request. Ends with `Refused` for everything that could not be carried out whatever the host is like. */
const planVlan = Effect.fnUntraced(function* ({ config }: Request<VlanConfig>) {
  const { master, vlanId, mtu, dns } = config;
  if (master === "") return yield* invalid('Cannot use "master": it is empty; name the link whose VLAN it is');
  if (vlanId === undefined) {
    return yield* invalid(`Cannot choose a VLAN: "vlanId" is missing; give it a number from 0 to ${MAX_VLAN_ID}`);
  }
  const problem = wishedMtuProblem(mtu);
  if (problem !== null) return yield* invalid(problem);
  const layer3: Layer3 = { ipam: yield* neededIpam(config), dns: ownDns(dns), announce: true };
  return { id: vlanId, layer3 };
});

const add = Effect.fnUntraced(function* (request: Request<VlanConfig>) {
  const { id, layer3 } = yield* planVlan(request);
  const wish = wishOf(request.config);
  const parent = yield* parentFor(wish);
  const { ifName } = request.key;
  const link = yield* createOwnLink({ ifName, link: { kind: "vlan", parent, id }, mtu: wish.mtu });
  return yield* finishInterface(request, link, layer3);
});

const expectedOf = (config: VlanConfig): Expected => ({
  kind: "vlan",
  id: config.vlanId ?? 0,
  mtu: config.mtu,
  master: wishOf(config),
  ipam: ipamType(config),
});

/** Gives containers interfaces in a VLAN of a link of the host. */
export const vlan: Plugin<VlanConfig> = {
  type: "vlan",
  versions: VERSIONS,
  config: VlanConfig,
  review: (request) => Effect.asVoid(planVlan(request)),
  add,
  check: (request) => checkOwnLink(request, expectedOf(request.config)),
  adopt: (request) => adoptOwnLink(request, expectedOf(request.config)),
  gc: (config, { raw }) => ipamGc(ipamType(config), raw),
  status: Effect.fnUntraced(function* (config, { raw }) {
    yield* masterStatus(config);
    yield* ipamStatus(yield* neededIpam(config), raw);
  }),
};
