/** ADD of the bridge plugin. */
import * as Effect from "effect/Effect";
import type { CreatedLink, Link } from "../../effects/kernel/host.ts";
import { type Act, perform } from "../../engine/act.ts";
import type { EffectError, Request } from "../../engine/plugin.ts";
import { View } from "../../engine/view.ts";
import { family } from "../../spec/cidr.ts";
import { CniCode, Refused } from "../../spec/failure.ts";
import type { CniResult, ResultInterface } from "../../spec/result.ts";
import { preferSysctl } from "../ensure.ts";
import { configureInterface } from "../ipam.ts";
import { masquerade } from "../masquerade.ts";
import { hostVethName } from "../names.ts";
import { spoofCheck } from "../spoof_check.ts";
import { type Addressing, addressing, CONTAINER_INDEX } from "./addressing.ts";
import type { BridgeConfig } from "./config.ts";
import { type Device, ensureBridge } from "./device.ts";
import { ensureGateways } from "./gateway.ts";
import { type BridgePlan, planBridge } from "./plan.ts";
import { createPair } from "./port.ts";
import { ensureVlanGateway } from "./vlan_gateway.ts";

/**
 * How long ADD waits for the bridge port to come up, in milliseconds. Go's bridge waits 0 + 50 + 500 + 1000 + 1000; we
 * wait as long, so that operators see no change.
 */
export const PORT_UP_TIMEOUT_MS = 2_550;

/** All that an ADD works on. */
interface Attachment {
  readonly request: Request<BridgeConfig>;
  readonly plan: BridgePlan;
  readonly device: Device;
  readonly hostVeth: string;
  readonly pair: CreatedLink;
}

/** What IPAM adds to an attachment. */
interface Layer3 {
  readonly ipam: CniResult;
  readonly addressing: Addressing;
  readonly vlanGateway: Link | null;
}

/** Attaches a container to a bridge. */
export const add: (
  request: Request<BridgeConfig>,
) => Effect.Effect<CniResult, EffectError | Refused, View | Act> = Effect.fnUntraced(function* (request) {
  const { key } = request;
  const plan = yield* planBridge(request);
  const device = yield* ensureBridge(plan);
  const hostVeth = yield* hostVethName(key);
  const pair = yield* createPair(plan, hostVeth, key.ifName);
  const attachment = { request, plan, device, hostVeth, pair };
  if (plan.spoofCheck) yield* spoofCheck({ key, hostVeth, mac: containerMac(attachment) });
  const layer3 = plan.ipam === null ? yield* setUpOnly(attachment) : yield* addLayer3(attachment, plan.ipam);
  if (plan.containerUp) yield* awaitPort(attachment);
  return yield* resultOf(attachment, layer3);
});

const setUpOnly = Effect.fnUntraced(function* ({ plan, request }: Attachment) {
  if (plan.containerUp) {
    yield* perform({ op: "link.set", on: "container", name: request.key.ifName, set: { up: true } });
  }
  return null;
});

const addLayer3 = Effect.fnUntraced(function* (attachment: Attachment, ipamType: string) {
  const { request, plan, device } = attachment;
  const { key } = request;
  const ipam = yield* perform({ op: "plugin.invoke", plugin: ipamType, command: "ADD", config: request.raw });
  if (ipam === null || (ipam.ips ?? []).length === 0) {
    return yield* new Refused({
      code: CniCode.INTERNAL,
      msg: `Cannot attach "${key.ifName}": IPAM plugin "${ipamType}" gave no address`,
    });
  }
  const decided = addressing(plan, ipam);
  yield* announce(plan, key.ifName, decided);
  const interfaces = containerInterfaces(attachment);
  yield* configureInterface(key.ifName, { interfaces, ...decided }, { dad: plan.dad });
  const vlanGateway = yield* ensureVlanGateway(plan, device);
  if (plan.isGateway) yield* ensureGateways(plan, device, vlanGateway, decided.ips);
  if (plan.ipMasq) {
    yield* masquerade({ key, network: key.network, addresses: decided.ips.map(({ address }) => address) });
  }
  const layer3: Layer3 = { ipam, addressing: decided, vlanGateway };
  return layer3;
});

/** How the interface behaves when it goes up: whether it looks for duplicates, and that it tells its neighbours. */
const announce = Effect.fnUntraced(function* ({ dad }: BridgePlan, ifName: string, { ips }: Addressing) {
  const set = (version: "ipv4" | "ipv6", key: string, value: string) =>
    preferSysctl({ on: "container", key: `net/${version}/conf/${ifName}/${key}`, value });
  if (dad) yield* set("ipv6", "enhanced_dad", "1");
  yield* set("ipv6", "accept_dad", dad ? "1" : "0");
  yield* set("ipv4", "arp_notify", "1");
  if (ips.some(({ address }) => family(address) === 6)) yield* set("ipv6", "ndisc_notify", "1");
});

const awaitPort = Effect.fnUntraced(function* ({ hostVeth, plan }: Attachment) {
  const view = yield* View;
  if (yield* view.host.awaitUp("host", hostVeth, PORT_UP_TIMEOUT_MS)) return;
  const state = (yield* view.host.link("host", hostVeth))?.operState ?? "gone";
  return yield* new Refused({
    code: CniCode.IO_FAILURE,
    msg: `Cannot attach to bridge "${plan.bridge}": its port "${hostVeth}" is ${state} after ${PORT_UP_TIMEOUT_MS} ms`,
  });
});

const containerMac = ({ pair, plan }: Attachment): string => pair.peer?.mac ?? plan.mac ?? "";

const containerInterfaces = (attachment: Attachment): readonly ResultInterface[] => {
  const { device, hostVeth, pair, request } = attachment;
  const interfaces: ResultInterface[] = [{ name: device.link.name, mac: device.link.mac }];
  interfaces.push({ name: hostVeth, mac: pair.mac });
  interfaces[CONTAINER_INDEX] = {
    name: request.key.ifName,
    mac: containerMac(attachment),
    sandbox: request.netns?.path ?? "",
  };
  return interfaces;
};

/** Order of the interfaces, as Go's bridge has it: bridge, host end, container end, gateway of the VLAN. */
const resultOf = Effect.fnUntraced(function* (attachment: Attachment, layer3: Layer3 | null) {
  const { device, plan, request } = attachment;
  const view = yield* View;
  const [, ...others] = containerInterfaces(attachment);
  // A bridge without a fixed MAC has taken one of its ports'.
  const bridge = device.pinned ? device.link : (yield* view.host.link("host", plan.bridge)) ?? device.link;
  const gateway = layer3?.vlanGateway ?? null;
  const dns = plan.dns ?? layer3?.ipam.dns;
  const result: CniResult = {
    cniVersion: request.cniVersion,
    interfaces: [
      { name: bridge.name, mac: bridge.mac },
      ...others,
      ...(gateway === null ? [] : [{ name: gateway.name, mac: gateway.mac }]),
    ],
    ...(layer3 === null ? {} : { ips: layer3.addressing.ips }),
    ...(layer3 === null || layer3.addressing.routes.length === 0 ? {} : { routes: layer3.addressing.routes }),
    ...(dns === undefined ? {} : { dns }),
  };
  return result;
});
