/**
 * The host-device plugin: a link of the host becomes the container's interface, and is given back.
 *
 * @module
 */
import * as Effect from "effect/Effect";
import type { HostError, Link } from "../effects/kernel/host.ts";
import { identityOf } from "../effects/kernel/link_identity.ts";
import { type Act, perform } from "../engine/act.ts";
import type { DelegateError } from "../engine/delegate.ts";
import type { EffectError, Finding, Plugin, Request } from "../engine/plugin.ts";
import { View } from "../engine/view.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import { VERSIONS } from "../spec/released_versions.ts";
import type { CniResult } from "../spec/result.ts";
import { addressFindings, containerEntry, inContainer, macFinding, routeFindings } from "./check_interface.ts";
import { adoptDevice } from "./host_device/adopt.ts";
import { HostDeviceConfig } from "./host_device/config.ts";
import { selectDevice, selectorOf } from "./host_device/select.ts";
import { ipamGc, ipamStatus, ipamType } from "./ipam_key.ts";
import { askIpam, finishInterface, layer2Problem, type Layer3, resultOf, useAddresses } from "./layer3.ts";
import { ownDns } from "./own_dns.ts";

type HostRequest = Request<HostDeviceConfig>;

const layer3Of = (config: HostDeviceConfig): Layer3 => ({
  ipam: ipamType(config),
  dns: ownDns(config.dns),
  announce: false,
});

/** What can be refused whatever the host is like. */
const reviewed = Effect.fnUntraced(function* ({ config, cniVersion }: HostRequest) {
  const problem = layer2Problem(ipamType(config), cniVersion);
  if (problem !== null) return yield* problem;
  return yield* selectorOf(config);
});

/** Whether the runtime names the device of each container, so that a configuration in a file need not. */
const isNamedLater = ({ config, raw: { capabilities } }: HostRequest): boolean =>
  config.runtimeConfig === undefined && typeof capabilities === "object" && capabilities !== null &&
  "deviceID" in capabilities && capabilities.deviceID === true;

/** A name that is taken must be found before IPAM is asked and the host misses its link. */
const checkFree = Effect.fnUntraced(function* (name: string, link: Link) {
  const { host } = yield* View;
  const there = yield* host.link("container", name);
  if (there === null) return;
  return yield* new Refused({
    code: CniCode.RESOURCE_TAKEN,
    msg: `Cannot move "${link.name}" to "${name}" in the container: there is a link of that name, of kind "${
      there.kind ?? "device"
    }"`,
    details: "run DEL for this attachment first",
  });
});

/** The alias says, as with Go's plugin, what the link is called on the host; what counts is in the log. */
const move = (name: string, link: Link) =>
  perform({
    op: "link.move",
    on: "host",
    name: link.name,
    to: { on: "container", name },
    link: identityOf(link),
    alias: link.name,
  });

const add: (
  request: HostRequest,
) => Effect.Effect<CniResult, EffectError | Refused, View | Act> = Effect.fnUntraced(function* (request) {
  const found = yield* selectDevice(yield* reviewed(request));
  const layer3 = layer3Of(request.config);
  const { ifName } = request.key;
  if ("link" in found) yield* checkFree(ifName, found.link);
  // Before the host loses its link: IPAM may have no address.
  const answer = layer3.ipam === null ? null : yield* askIpam(request, layer3.ipam);
  if ("driver" in found) {
    // The program that drives the device finds its addresses in the result.
    const ips = answer?.ips?.map((ip) => ({ ...ip, interface: 0 }));
    return resultOf(request, {}, layer3, { ...answer, ...(ips === undefined ? {} : { ips }) });
  }
  yield* move(ifName, found.link);
  return yield* (answer === null
    ? finishInterface(request, found.link, layer3)
    : useAddresses(request, found.link, layer3, answer));
});

const check: (
  request: HostRequest,
) => Effect.Effect<readonly Finding[], HostError | DelegateError, View> = Effect.fnUntraced(function* (request) {
  const view = yield* View;
  const ipam = ipamType(request.config);
  if (ipam !== null) yield* view.ask(ipam, "CHECK", request.raw);
  const found = containerEntry(request);
  if (typeof found === "string") return [found];
  const { ifName } = request.key;
  const what = inContainer(ifName);
  const link = yield* view.host.link("container", ifName);
  // A device without a link has an entry without a MAC address.
  if (link === null) return found.entry.mac ? [`${what}: expected it to exist, found none`] : [];
  return [
    ...macFinding(what, found.entry, link),
    ...(request.known === true ? [] : [
      ...(link.up ? [] : [`${what}: expected state up, found down`]),
      ...(yield* addressFindings(ifName, found)),
      ...(yield* routeFindings(found.result.routes ?? [])),
    ]),
  ];
});

/** Moves a link of the host into the container, and back when it is done. */
export const hostDevice: Plugin<HostDeviceConfig> = {
  type: "host-device",
  versions: VERSIONS,
  config: HostDeviceConfig,
  review: (request) => isNamedLater(request) ? Effect.void : Effect.asVoid(reviewed(request)),
  add,
  check,
  adopt: adoptDevice,
  gc: (config, { raw }) => ipamGc(ipamType(config), raw),
  status: (config, { raw }) => ipamStatus(ipamType(config), raw),
};
