/** CHECK of the ptp plugin: what the log's ops do not say, because the host shares it, or another program has made it. */
import * as Effect from "effect/Effect";
import type { HostError, Link } from "../../effects/kernel/host.ts";
import type { DelegateError } from "../../engine/delegate.ts";
import type { Finding, Request } from "../../engine/plugin.ts";
import { View } from "../../engine/view.ts";
import { addressOf, family } from "../../spec/cidr.ts";
import type { ResultIp } from "../../spec/result.ts";
import { MAIN_TABLE } from "../../spec/routing.ts";
import {
  addressFindings,
  type ContainerEntry,
  containerEntry,
  inContainer,
  macFinding,
  routeFindings,
  wrongKind,
} from "../check_interface.ts";
import { forwardingFindings } from "../forwarding.ts";
import type { PtpConfig } from "./config.ts";
import { planPtp, type PtpPlan } from "./plan.ts";
import { single } from "./routes.ts";

/** Compares the host with the configuration and with what ADD answered. One that ADD would refuse is a finding. */
export const check: (
  request: Request<PtpConfig>,
) => Effect.Effect<readonly Finding[], HostError | DelegateError, View> = Effect.fnUntraced(function* (request) {
  const plan = yield* Effect.catchTag(planPtp(request), "Refused", ({ message }) => Effect.succeed(message));
  return typeof plan === "string" ? [plan] : yield* compare(request, plan);
});

const compare = Effect.fnUntraced(function* (request: Request<PtpConfig>, plan: PtpPlan) {
  const { host, ask } = yield* View;
  yield* ask(plan.ipam, "CHECK", request.raw);
  const found = containerEntry(request);
  if (typeof found === "string") return [found];
  const { ifName } = request.key;
  const link = yield* host.link("container", ifName);
  if (link === null || link.kind !== "veth") return [wrongKind(inContainer(ifName), "veth", link)];
  const ips = ipsOf(found);
  return [
    ...macFinding(inContainer(ifName), found.entry, link),
    ...(yield* hostFindings(request, plan, found, link)),
    ...(yield* forwardingFindings(ips.map(({ address }) => family(address)))),
    ...(request.known === true ? [] : yield* addressFindings(ifName, found)),
    ...(request.known === true ? [] : yield* routeFindings(found.result.routes ?? [])),
  ];
});

/** The addresses of the interface. */
const ipsOf = ({ result: { ips = [] }, at }: ContainerEntry): readonly ResultIp[] =>
  ips.filter((ip) => ip.interface === undefined || ip.interface === at);

/** The host's end. */
const hostFindings = Effect.fnUntraced(
  function* ({ known }: Request<PtpConfig>, plan: PtpPlan, found: ContainerEntry, container: Link) {
    const { host } = yield* View;
    const end = container.peer === null ? null : yield* host.linkByIndex("host", container.peer);
    if (end === null) return [`${inContainer(container.name)}: its host end is gone`];
    const what = `link "${end.name}" on the host`;
    const entry = found.result.interfaces?.find(({ name, sandbox }) => name === end.name && !sandbox);
    const findings: Finding[] = entry === undefined ? [] : [...macFinding(what, entry, end)];
    if (plan.mtu !== undefined && end.mtu !== plan.mtu) {
      findings.push(`${what}: expected MTU ${plan.mtu}, found ${end.mtu}`);
    }
    if (known === true) return findings;
    if (!end.up) findings.push(`${what}: expected state up, found down`);
    return [...findings, ...(yield* wayFindings(end.name, ipsOf(found)))];
  },
);

/** The gateways on the host's end, and the host's routes to the container, where the log does not have them. */
const wayFindings = Effect.fnUntraced(function* (end: string, ips: readonly ResultIp[]) {
  const { host } = yield* View;
  const findings: Finding[] = [];
  const present = (yield* host.addresses("host", end)).map(({ address }) => address);
  for (const { address, gateway } of ips) {
    if (gateway !== undefined && !present.includes(single(gateway))) {
      findings.push(
        `link "${end}" on the host: expected address ${single(gateway)}, found ${present.join(", ") || "none"}`,
      );
    }
    const dst = single(addressOf(address));
    const routes = yield* host.routes("host", family(address), MAIN_TABLE);
    if (routes.some((route) => route.dst === dst && route.link === end)) continue;
    findings.push(`route to ${dst} on the host: expected it over ${end}, found none`);
  }
  return findings;
});
