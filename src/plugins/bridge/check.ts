/** CHECK of the bridge plugin: what the log's ops do not say, because other plugins and programs may change it since. */
import * as Effect from "effect/Effect";
import type { HostError, Link } from "../../effects/kernel/host.ts";
import type { DelegateError } from "../../engine/delegate.ts";
import type { Finding, Request } from "../../engine/plugin.ts";
import { View } from "../../engine/view.ts";
import { formatCidr, formatIp, isDefaultRoute, networkOf, toCidr } from "../../spec/cidr.ts";
import type { CniResult, ResultInterface, ResultRoute } from "../../spec/result.ts";
import { MAIN_TABLE } from "../../spec/routing.ts";
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
  const { prevResult, key } = request;
  if (prevResult === null) return ['the request has no "prevResult", which CHECK compares with'];
  const { interfaces = [] } = prevResult;
  const at = interfaces.findIndex(({ name, sandbox }) => name === key.ifName && sandbox === request.netns?.path);
  const container = interfaces[at];
  if (container === undefined) return [`"prevResult" has no interface "${key.ifName}" in "${request.netns?.path}"`];
  const link = yield* view.host.link("container", key.ifName);
  if (link === null || link.kind !== "veth") return [wrongKind(`link "${key.ifName}" in the container`, "veth", link)];
  return [
    ...macFinding(`link "${key.ifName}" in the container`, container, link),
    ...(yield* bridgeFindings(plan, request, interfaces, link)),
    ...(request.known === true ? [] : yield* addressFindings(key.ifName, prevResult, at)),
    ...(request.known === true ? [] : yield* routeFindings(prevResult.routes ?? [])),
  ];
});

const wrongKind = (what: string, expected: string, found: Link | null): Finding =>
  `${what}: expected a ${expected}, found ${found === null ? "none" : `a link of kind "${found.kind ?? "device"}"`}`;

const macFinding = (what: string, { mac }: ResultInterface, link: Link): readonly Finding[] =>
  mac === undefined || mac === "" || mac.toLowerCase() === link.mac
    ? []
    : [`${what}: expected MAC ${mac}, found ${link.mac}`];

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
    if (port === null) return [...findings, `link "${container.name}" in the container: its host end is gone`];
    if (known !== true && port.master !== bridge.index) {
      findings.push(`link "${port.name}": expected a port of bridge "${plan.bridge}", found it is not`);
    }
    const recorded = interfaces.find(({ name, sandbox }) => name === port.name && !sandbox);
    return [...findings, ...(recorded === undefined ? [] : macFinding(`link "${port.name}"`, recorded, port))];
  },
);

const addressFindings = Effect.fnUntraced(function* (ifName: string, { ips = [] }: CniResult, at: number) {
  const { host } = yield* View;
  const present = (yield* host.addresses("container", ifName)).map(({ address }) => formatCidr(address));
  return ips.filter((ip) => ip.interface === undefined || ip.interface === at)
    .map(({ address }) => formatCidr(address))
    .filter((address) => !present.includes(address))
    .map((address) => `link "${ifName}" in the container: expected address ${address}, found ${list(present)}`);
});

const list = (found: readonly string[]): string => found.length === 0 ? "none" : found.join(", ");

/** Each route in its own table; a default route counts whatever its next hop, since others may replace it. */
const routeFindings = Effect.fnUntraced(function* (routes: readonly ResultRoute[]) {
  const { host } = yield* View;
  const findings: Finding[] = [];
  for (const { dst, gw, table } of routes) {
    const number = table || MAIN_TABLE;
    const wanted = formatCidr(networkOf(dst));
    const there = (yield* host.routes("container", toCidr(dst).ip.family, number)).some((route) =>
      formatCidr(route.dst) === wanted &&
      (gw === undefined || isDefaultRoute(dst) || (route.gw !== null && formatIp(route.gw) === formatIp(gw)))
    );
    if (!there) {
      findings.push(
        `route ${wanted}${gw === undefined ? "" : ` via ${gw}`} in table ${number}: expected it, found none`,
      );
    }
  }
  return findings;
});
