/**
 * The macvlan plugin: an interface with a MAC address of its own on a link of the host.
 *
 * @module
 */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type { MacvlanMode } from "../effects/kernel/op.ts";
import type { Plugin, Request } from "../engine/plugin.ts";
import { checkKnownArgs } from "../spec/args.ts";
import { DnsConfig, Flag, intOr, OptionalMac, stringOr, Uint32 } from "../spec/config_schema.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import { described } from "../spec/key_descriptions.ts";
import { VERSIONS } from "../spec/released_versions.ts";
import { ipamGc, ipamStatus, ipamType, OptionalIpam } from "./ipam_key.ts";
import { finishInterface, layer2Problem, type Layer3 } from "./layer3.ts";
import { masterStatus, type MasterWish, parentFor, wishedMtuProblem } from "./master.ts";
import { ownDns } from "./own_dns.ts";
import { adoptOwnLink, checkOwnLink, createOwnLink, type Expected } from "./own_link.ts";
import { WantedMac, wantedMac } from "./wanted_mac.ts";

/** Keys of macvlan. `mtu` is in bytes. The wanted MAC is that of `runtimeConfig`, of `args`, of CNI_ARGS, else `mac`. */
export const MacvlanConfig = described(
  Schema.Struct({
    master: stringOr(""),
    mode: Schema.Literals(["", "bridge", "private", "vepa", "passthru"]).pipe(
      Schema.withDecodingDefaultKey(Effect.succeed("bridge" as const)),
    ),
    mtu: intOr(0),
    mac: OptionalMac,
    linkInContainer: Flag,
    bcqueuelen: Schema.optionalKey(Uint32),
    ipam: OptionalIpam,
    dns: Schema.optionalKey(DnsConfig),
    args: Schema.optionalKey(Schema.Struct({ cni: Schema.optionalKey(WantedMac) })),
    runtimeConfig: Schema.optionalKey(WantedMac),
  }),
  {
    master: "the link that the container's interface is on; that of the default route where it is left out",
    mode:
      "what interfaces of one master exchange: bridge everything, vepa over the switch, private nothing; passthru " +
      "gives the master to one container",
    mtu: "MTU of the container's interface in bytes, no more than the master's; 0 for the master's",
    mac: "Ethernet address of the container's interface",
    linkInContainer: "the master is a link of the container",
    bcqueuelen: "how many broadcast packets the master keeps waiting; 0 for the kernel's default",
    ipam: "where addresses come from; without it the network has layer 2 only",
    dns: "name service settings of the result, instead of those from ipam",
  },
);

/** A decoded macvlan configuration. */
export type MacvlanConfig = typeof MacvlanConfig.Type;

/** A configuration ready to be carried out. */
interface MacvlanPlan {
  readonly wish: MasterWish;
  readonly mode: MacvlanMode;
  readonly mac: string | undefined;
  readonly layer3: Layer3;
}

const wishOf = ({ master, linkInContainer, mtu }: MacvlanConfig): MasterWish => ({ master, linkInContainer, mtu });

/** Reads a request. Ends with `Refused` for everything that could not be carried out whatever the host is like. */
const planMacvlan = Effect.fnUntraced(function* (request: Request<MacvlanConfig>) {
  const { config, cniVersion } = request;
  const problem = wishedMtuProblem(config.mtu);
  if (problem !== null) return yield* new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg: problem });
  const badArgs = checkKnownArgs(request.args, ["MAC"]);
  if (badArgs !== null) return yield* new Refused(badArgs);
  const mac = (yield* wantedMac(request)) ?? config.mac;
  const ipam = ipamType(config);
  const layer2 = layer2Problem(ipam, cniVersion);
  if (layer2 !== null) return yield* layer2;
  const layer3: Layer3 = { ipam, dns: ownDns(config.dns), announce: true };
  const plan: MacvlanPlan = { wish: wishOf(config), mode: config.mode || "bridge", mac, layer3 };
  return plan;
});

const add = Effect.fnUntraced(function* (request: Request<MacvlanConfig>) {
  const { wish, mode, mac, layer3 } = yield* planMacvlan(request);
  const parent = yield* parentFor(wish);
  const { bcqueuelen } = request.config;
  const link = yield* createOwnLink({
    ifName: request.key.ifName,
    link: { kind: "macvlan", parent, mode, ...(bcqueuelen ? { bcQueueLen: bcqueuelen } : {}) },
    mtu: wish.mtu,
    ...(mac === undefined ? {} : { mac }),
  });
  return yield* finishInterface(request, link, layer3);
});

const expectedOf = (config: MacvlanConfig): Expected => ({
  kind: "macvlan",
  mode: config.mode || "bridge",
  master: wishOf(config),
  ipam: ipamType(config),
});

/** Gives containers interfaces on a link of the host, each with a MAC address of its own. */
export const macvlan: Plugin<MacvlanConfig> = {
  type: "macvlan",
  versions: VERSIONS,
  config: MacvlanConfig,
  review: (request) => Effect.asVoid(planMacvlan(request)),
  add,
  check: (request) => checkOwnLink(request, expectedOf(request.config)),
  adopt: (request) => adoptOwnLink(request, expectedOf(request.config)),
  gc: (config, { raw }) => ipamGc(ipamType(config), raw),
  status: Effect.fnUntraced(function* (config, { raw }) {
    yield* masterStatus(config);
    yield* ipamStatus(ipamType(config), raw);
  }),
};
