/**
 * The tap plugin: an interface of the container whose other end is a program, such as a virtual machine.
 *
 * @module
 */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type { TapKind } from "../effects/kernel/op.ts";
import { perform } from "../engine/act.ts";
import type { Finding, Plugin, Request } from "../engine/plugin.ts";
import { View } from "../engine/view.ts";
import { checkKnownArgs } from "../spec/args.ts";
import { DnsConfig, Flag, intBetween, intOr, OptionalMac, stringOr } from "../spec/config_schema.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import { described } from "../spec/key_descriptions.ts";
import { VERSIONS } from "../spec/released_versions.ts";
import { inContainer } from "./check_interface.ts";
import { ipamGc, ipamStatus, ipamType, OptionalIpam } from "./ipam_key.ts";
import { finishInterface, layer2Problem, type Layer3 } from "./layer3.ts";
import { MAX_TAP_MTU, mtuProblem } from "./mtu.ts";
import { ownDns } from "./own_dns.ts";
import { adoptOwnLink, checkOwnLink, createOwnLink, type Expected } from "./own_link.ts";
import { WantedMac, wantedMac } from "./wanted_mac.ts";

/** A uid or gid; the highest u32 is the kernel's word for nobody (make_kuid, linux/uidgid.h). */
const Id = Schema.optionalKey(intBetween(0, 0xffff_fffe));

/** Keys of tap. `mtu` is in bytes. The wanted MAC is that of `runtimeConfig`, of `args`, of CNI_ARGS, else `mac`. */
export const TapConfig = described(
  Schema.Struct({
    multiQueue: Flag,
    mtu: intOr(0),
    mac: OptionalMac,
    owner: Id,
    group: Id,
    selinuxContext: stringOr(""),
    bridge: stringOr(""),
    ipam: OptionalIpam,
    dns: Schema.optionalKey(DnsConfig),
    args: Schema.optionalKey(Schema.Struct({ cni: Schema.optionalKey(WantedMac) })),
    runtimeConfig: Schema.optionalKey(WantedMac),
  }),
  {
    multiQueue: "the device can be opened several times, once for each queue",
    mtu: "MTU of the device in bytes; 0 for the kernel's default, 1500",
    mac: "Ethernet address of the device",
    owner: "number of the user who may open the device without privileges",
    group: "number of the group whose members may open it without privileges; with an owner, both are asked for",
    selinuxContext: "SELinux context that the device is made in, such as system_u:system_r:container_t:s0",
    bridge: "a bridge in the container, which the device becomes a port of",
    ipam: "where addresses come from; without it the network has layer 2 only",
    dns: "name service settings of the result, instead of those from ipam",
  },
);

/** A decoded tap configuration. */
export type TapConfig = typeof TapConfig.Type;

/** A configuration ready to be carried out. */
interface TapPlan {
  readonly mac: string | undefined;
  readonly layer3: Layer3;
}

const invalid = (msg: string) => new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg });

/** Reads a request. Ends with `Refused` for everything that could not be carried out whatever the host is like. */
const planTap = Effect.fnUntraced(function* (request: Request<TapConfig>) {
  const { config, cniVersion } = request;
  const problem = mtuProblem(config.mtu, MAX_TAP_MTU);
  if (problem !== null) return yield* invalid(problem);
  const badArgs = checkKnownArgs(request.args, ["MAC"]);
  if (badArgs !== null) return yield* new Refused(badArgs);
  const mac = (yield* wantedMac(request)) ?? config.mac;
  const ipam = ipamType(config);
  const layer2 = layer2Problem(ipam, cniVersion);
  if (layer2 !== null) return yield* layer2;
  const plan: TapPlan = { mac, layer3: { ipam, dns: ownDns(config.dns), announce: true, carrier: false } };
  return plan;
});

const kindOf = ({ multiQueue, owner, group, selinuxContext }: TapConfig): TapKind => ({
  kind: "tap",
  ...(multiQueue ? { multiQueue } : {}),
  ...(owner === undefined ? {} : { owner }),
  ...(group === undefined ? {} : { group }),
  ...(selinuxContext === "" ? {} : { selinuxContext }),
});

const checkBridge = Effect.fnUntraced(function* (bridge: string) {
  const found = yield* (yield* View).host.link("container", bridge);
  if (found?.kind === "bridge") return;
  return yield* invalid(
    `Cannot use "bridge" "${bridge}": ` +
      (found === null
        ? "there is no such link in the container"
        : `the container's link of that name is of kind "${found.kind ?? "device"}"`),
  );
});

const add = Effect.fnUntraced(function* (request: Request<TapConfig>) {
  const { mac, layer3 } = yield* planTap(request);
  const { config, key: { ifName } } = request;
  if (config.bridge !== "") yield* checkBridge(config.bridge);
  const link = yield* createOwnLink({
    ifName,
    link: kindOf(config),
    mtu: config.mtu,
    ...(mac === undefined ? {} : { mac }),
  });
  if (config.bridge !== "") {
    yield* perform({ op: "link.set", on: "container", name: ifName, set: { master: config.bridge } });
  }
  return yield* finishInterface(request, link, layer3);
});

const expectedOf = (config: TapConfig): Expected => ({ kind: "tap", mtu: config.mtu, ipam: ipamType(config) });

const differs = (what: string, expected: string, found: string): readonly Finding[] =>
  expected === found ? [] : [`${what} ${expected}, found ${found}`];

/** What `checkOwnLink` does not see of a tap that the log does not know. */
const tapFindings = Effect.fnUntraced(function* ({ key: { ifName }, config }: Request<TapConfig>) {
  const { host } = yield* View;
  const link = yield* host.link("container", ifName);
  if (link?.tap === undefined) return [];
  const { tap, master } = link;
  const what = `${inContainer(ifName)}: expected`;
  const { bridge, owner, group, multiQueue } = config;
  const port = master === null ? null : yield* host.linkByIndex("container", master);
  return [
    ...(owner === undefined ? [] : differs(`${what} owner`, `${owner}`, `${tap.owner ?? "none"}`)),
    ...(group === undefined ? [] : differs(`${what} group`, `${group}`, `${tap.group ?? "none"}`)),
    ...(multiQueue && !tap.multiQueue ? [`${what} several queues, found one`] : []),
    ...(bridge === "" ? [] : differs(`${what} master`, bridge, port?.name ?? "none")),
  ];
});

const check = Effect.fnUntraced(function* (request: Request<TapConfig>) {
  const findings = yield* checkOwnLink(request, expectedOf(request.config));
  return request.known === true ? findings : [...findings, ...(yield* tapFindings(request))];
});

/** Gives containers devices whose frames a program of theirs sends and receives. */
export const tap: Plugin<TapConfig> = {
  type: "tap",
  versions: VERSIONS,
  config: TapConfig,
  review: (request) => Effect.asVoid(planTap(request)),
  add,
  check,
  adopt: (request) => adoptOwnLink(request, expectedOf(request.config)),
  gc: (config, { raw }) => ipamGc(ipamType(config), raw),
  status: (config, { raw }) => ipamStatus(ipamType(config), raw),
};
