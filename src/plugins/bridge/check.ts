/** CHECK of the bridge plugin: what the log's ops do not say, because other plugins and programs may change it since. */
import * as Effect from "effect/Effect";
import type { HostError, Link } from "../../effects/kernel/host.ts";
import type { DelegateError } from "../../engine/delegate.ts";
import type { Finding, Request } from "../../engine/plugin.ts";
import { View } from "../../engine/view.ts";
import type { ResultInterface } from "../../spec/result.ts";
import {
  addressFindings,
  containerEntry,
  inContainer,
  macFinding,
  routeFindings,
  wrongKind,
} from "../check_interface.ts";
import type { BridgeConfig } from "./config.ts";
import { type BridgePlan, planBridge } from "./plan.ts";

/**
 * Compares the host with the configuration and with what the chain's ADD answered. A configuration that ADD would refuse
 * is a finding.
 */
export const check: (
  request: Request<BridgeConfig>,
) => Effect.Effect<readonly Finding[], HostError | DelegateError, View> = Effect.fnUntraced(function* (request) {
  const plan = yield* Effect.catchTag(
    planBridge(request),
    "Refused",
    (refused) => Effect.succeed([refused.message]),
  );
  return Array.isArray(plan) ? plan : yield* compare(request, plan);
});

const compare = Effect.fnUntraced(function* (request: Request<BridgeConfig>, plan: BridgePlan) {
  const view = yield* View;
  if (plan.ipam !== null) yield* view.ask(plan.ipam, "CHECK", request.raw);
  const found = containerEntry(request);
  if (typeof found === "string") return [found];
  const { ifName } = request.key;
  const { interfaces = [], routes = [] } = found.result;
  const link = yield* view.host.link("container", ifName);
  if (link === null || link.kind !== "veth") return [wrongKind(inContainer(ifName), "veth", link)];
  return [
    ...macFinding(inContainer(ifName), found.entry, link),
    ...(yield* bridgeFindings(plan, request, interfaces, link)),
    ...(request.known === true ? [] : yield* addressFindings(ifName, found)),
    ...(request.known === true ? [] : yield* routeFindings(routes)),
  ];
});

/** The bridge, and the host end between it and the container. */
const bridgeFindings = Effect.fnUntraced(
  function* (
    plan: BridgePlan,
    { known }: Request<BridgeConfig>,
    interfaces: readonly ResultInterface[],
    container: Link,
  ) {
    const { host } = yield* View;
    const bridge = yield* host.link("host", plan.bridge);
    if (bridge === null || bridge.kind !== "bridge") return [wrongKind(`link "${plan.bridge}"`, "bridge", bridge)];
    const findings: Finding[] = [];
    if (!bridge.up) findings.push(`bridge "${plan.bridge}": expected up, found down`);
    if (plan.promisc && !bridge.promisc) {
      findings.push(`bridge "${plan.bridge}": expected promiscuous, found it is not`);
    }
    const port = container.peer === null ? null : yield* host.linkByIndex("host", container.peer);
    if (port === null) return [...findings, `${inContainer(container.name)}: its host end is gone`];
    if (known !== true && port.master !== bridge.index) {
      findings.push(`link "${port.name}": expected a port of bridge "${plan.bridge}", found it is not`);
    }
    const recorded = interfaces.find(({ name, sandbox }) => name === port.name && !sandbox);
    return [...findings, ...(recorded === undefined ? [] : macFinding(`link "${port.name}"`, recorded, port))];
  },
);
