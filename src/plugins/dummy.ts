/**
 * The dummy plugin: an interface that leads nowhere, for addresses that a container is to have all by itself.
 *
 * @module
 */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type { Plugin, Request } from "../engine/plugin.ts";
import { DnsConfig, intOr, OptionalMac } from "../spec/config_schema.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import { described } from "../spec/key_descriptions.ts";
import { VERSIONS } from "../spec/released_versions.ts";
import { ipamGc, ipamStatus, ipamType, NeededIpam, neededIpam } from "./ipam_key.ts";
import { finishInterface, type Layer3 } from "./layer3.ts";
import { mtuProblem } from "./mtu.ts";
import { ownDns } from "./own_dns.ts";
import { adoptOwnLink, checkOwnLink, createOwnLink, type Expected } from "./own_link.ts";
import { WantedMac, wantedMac } from "./wanted_mac.ts";

/** Keys of dummy. `mtu` is in bytes. The wanted MAC is that of `runtimeConfig`, of `args`, of CNI_ARGS, else `mac`. */
export const DummyConfig = described(
  Schema.Struct({
    ipam: NeededIpam,
    mtu: intOr(0),
    mac: OptionalMac,
    dns: Schema.optionalKey(DnsConfig),
    args: Schema.optionalKey(Schema.Struct({ cni: Schema.optionalKey(WantedMac) })),
    runtimeConfig: Schema.optionalKey(WantedMac),
  }),
  {
    ipam: "an object with the name of the IPAM plugin, and that plugin's own keys",
    mtu: "MTU of the container's interface in bytes; 0 for the kernel's default",
    mac: "Ethernet address of the container's interface",
    dns: "name service settings of the result, instead of those from ipam",
  },
);

/** A decoded dummy configuration. */
export type DummyConfig = typeof DummyConfig.Type;

/** Reads a request. Ends with `Refused` for everything that could not be carried out whatever the host is like. */
const planDummy = Effect.fnUntraced(function* (request: Request<DummyConfig>) {
  const { config } = request;
  const ipam = yield* neededIpam(config);
  const problem = mtuProblem(config.mtu);
  if (problem !== null) return yield* new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg: problem });
  const mac = (yield* wantedMac(request)) ?? config.mac;
  // Nobody hears what such a link announces.
  const layer3: Layer3 = { ipam, dns: ownDns(config.dns), announce: false };
  return { mac, layer3 };
});

const add = Effect.fnUntraced(function* (request: Request<DummyConfig>) {
  const { mac, layer3 } = yield* planDummy(request);
  const link = yield* createOwnLink({
    ifName: request.key.ifName,
    link: { kind: "dummy" },
    mtu: request.config.mtu,
    ...(mac === undefined ? {} : { mac }),
  });
  return yield* finishInterface(request, link, layer3);
});

const expectedOf = (config: DummyConfig): Expected => ({ kind: "dummy", mtu: config.mtu, ipam: ipamType(config) });

/** Gives containers an interface that leads nowhere, with addresses by IPAM. */
export const dummy: Plugin<DummyConfig> = {
  type: "dummy",
  versions: VERSIONS,
  config: DummyConfig,
  review: (request) => Effect.asVoid(planDummy(request)),
  add,
  check: (request) => checkOwnLink(request, expectedOf(request.config)),
  adopt: (request) => adoptOwnLink(request, expectedOf(request.config)),
  gc: (config, { raw }) => ipamGc(ipamType(config), raw),
  status: (config, { raw }) => Effect.flatMap(neededIpam(config), (ipam) => ipamStatus(ipam, raw)),
};
