/** What CHECK of the plugins that make an interface has in common: the container's link beside what ADD answered. */
import * as Effect from "effect/Effect";
import type { HostError, Link } from "../effects/kernel/host.ts";
import type { Finding, Request } from "../engine/plugin.ts";
import { View } from "../engine/view.ts";
import { formatCidr, formatIp, isDefaultRoute, networkOf, toCidr } from "../spec/cidr.ts";
import type { CniResult, ResultInterface, ResultRoute } from "../spec/result.ts";
import { MAIN_TABLE } from "../spec/routing.ts";

/** How findings call a link of the container. */
export const inContainer = (name: string): string => `link "${name}" in the container`;

/** A link that is missing, or of another kind than its plugin makes. */
export const wrongKind = (what: string, expected: string, found: Link | null): Finding =>
  `${what}: expected a ${expected}, found ${found === null ? "none" : `a link of kind "${found.kind ?? "device"}"`}`;

/** Compares the MAC of a link with the one of its entry in the result; an entry without one says nothing. */
export const macFinding = (what: string, { mac }: ResultInterface, link: Link): readonly Finding[] =>
  mac === undefined || mac === "" || mac.toLowerCase() === link.mac
    ? []
    : [`${what}: expected MAC ${mac}, found ${link.mac}`];

/** The container's interface in the previous result. */
export interface ContainerEntry {
  readonly result: CniResult;
  /** Its index among the interfaces. */
  readonly at: number;
  readonly entry: ResultInterface;
}

/**
 * Finds the interface of the request in its previous result; a finding where there is none. A namespace may have several
 * paths: where the log knows the attachment, the engine has compared the namespaces themselves.
 */
export const containerEntry = (
  { key, netns, prevResult, known }: Pick<Request<unknown>, "key" | "netns" | "prevResult" | "known">,
): ContainerEntry | Finding => {
  if (prevResult === null) return 'the request has no "prevResult", which CHECK compares with';
  const { interfaces = [] } = prevResult;
  const at = interfaces.findIndex(({ name, sandbox = "" }) =>
    name === key.ifName && (known === true ? sandbox !== "" : sandbox === netns?.path)
  );
  const entry = interfaces[at];
  return entry === undefined
    ? `"prevResult" has no interface "${key.ifName}" in "${netns?.path}"`
    : { result: prevResult, at, entry };
};

/** The addresses that the result gives to the interface, or to none in particular, and that its link does not have. */
export const addressFindings: (
  ifName: string,
  entry: Pick<ContainerEntry, "result" | "at">,
) => Effect.Effect<readonly Finding[], HostError, View> = Effect.fnUntraced(
  function* (ifName, { result: { ips = [] }, at }) {
    const { host } = yield* View;
    const present = (yield* host.addresses("container", ifName)).map(({ address }) => formatCidr(address));
    return ips.filter((ip) => ip.interface === undefined || ip.interface === at)
      .map(({ address }) => formatCidr(address))
      .filter((address) => !present.includes(address))
      .map((address) => `${inContainer(ifName)}: expected address ${address}, found ${listOf(present)}`);
  },
);

const listOf = (found: readonly string[]): string => found.length === 0 ? "none" : found.join(", ");

/**
 * The routes of a result that are missing. Each is looked for in its own table; a default route counts whatever its next
 * hop, since others may replace it.
 */
export const routeFindings: (
  routes: readonly ResultRoute[],
) => Effect.Effect<readonly Finding[], HostError, View> = Effect.fnUntraced(function* (routes) {
  const { host } = yield* View;
  const findings: Finding[] = [];
  for (const { dst, gw, table } of routes) {
    const number = table || MAIN_TABLE;
    const wanted = formatCidr(networkOf(dst));
    const there = (yield* host.routes("container", toCidr(dst).ip.family, number)).some((route) =>
      formatCidr(route.dst) === wanted &&
      (gw === undefined || isDefaultRoute(dst) || (route.gw !== null && formatIp(route.gw) === formatIp(gw)))
    );
    if (there) continue;
    findings.push(`route ${wanted}${gw === undefined ? "" : ` via ${gw}`} in table ${number}: expected it, found none`);
  }
  return findings;
});
