/**
 * The firewall plugin: lets a container through the host's own firewall, and says who else may reach it. Runs after the
 * plugin that made the interface.
 *
 * @module
 */
import * as Effect from "effect/Effect";
import { perform } from "../engine/act.ts";
import type { Plugin, Request } from "../engine/plugin.ts";
import { View } from "../engine/view.ts";
import { addressOf, type Family, family } from "../spec/cidr.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import { hostPrefix } from "../effects/kernel/forward.ts";
import { VERSIONS } from "../spec/released_versions.ts";
import type { CniResult } from "../spec/result.ts";
import { tracesOfOwn } from "./adopt_elements.ts";
import { applyElements } from "./nft_elements.ts";
import { adoptFirewall, checkAdopted } from "./firewall/adopt.ts";
import { FirewallConfig, type FirewallPlan, planFirewall } from "./firewall/config.ts";
import { FIREWALL_SETS, type Ingress, ingressElements, ingressLayout } from "./firewall/tables.ts";
import { portsIn, wayTo } from "./firewall/way.ts";

const NO_PREV_RESULT = "prevResult is missing: firewall must be called as chained plugin";

/** All addresses of a result, whatever interface they belong to, without prefixes and each once. */
const addressesIn = (result: CniResult): readonly string[] => [
  ...new Set((result.ips ?? []).map(({ address }) => addressOf(address))),
];

const FAMILIES: readonly Family[] = [4, 6];

/** Lets addresses through by iptables: one transaction a family. */
const openIptables = Effect.fnUntraced(function* (addresses: readonly string[], { adminChain, backend }: FirewallPlan) {
  const way = backend === "nftables" ? { natively: true } : {};
  for (const version of FAMILIES) {
    const own = addresses.filter((ip) => family(ip) === version);
    if (own.length === 0) continue;
    yield* perform({ op: "iptables.open", on: "host", family: version, addresses: own, adminChain, ...way });
  }
});

const ingressFor = Effect.fnUntraced(
  function* ({ key }: Request<FirewallConfig>, { policy }: FirewallPlan, result: CniResult) {
    if (policy === "open") return { policy } satisfies Ingress;
    return { policy, way: yield* wayTo(key, policy, result) } satisfies Ingress;
  },
);

const add = Effect.fnUntraced(function* (request: Request<FirewallConfig>) {
  const { key, config, prevResult } = request;
  if (prevResult === null) {
    const msg = `Cannot let "${key.containerId}" through the firewall: ${NO_PREV_RESULT}`;
    return yield* new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg });
  }
  const plan = yield* planFirewall(config);
  const addresses = addressesIn(prevResult);
  const ingress: Ingress = yield* ingressFor(request, plan, prevResult);
  const { host } = yield* View;
  const backend = plan.backend ?? ((yield* host.firewalldRuns("host")) ? "firewalld" : "iptables");
  // Who is kept out is kept out before anything is opened, and longer.
  yield* applyElements(key, ingressElements(addresses, ingress), ingressLayout(ingress));
  if (ingress.policy === "isolated" && ingress.way.shared) {
    for (const name of yield* portsIn(ingress.way.link, prevResult)) {
      yield* perform({ op: "port.set", on: "host", name, set: { isolated: true }, borrowed: true });
    }
  }
  if (backend !== "firewalld") yield* openIptables(addresses, plan);
  else {
    for (const ip of addresses) {
      yield* perform({ op: "firewalld.add", on: "host", zone: plan.zone, source: hostPrefix(ip) });
    }
  }
  return prevResult;
});

/** Lets containers through the host's firewall. */
export const firewall: Plugin<FirewallConfig> = {
  type: "firewall",
  versions: VERSIONS,
  config: FirewallConfig,
  validate: (config) => Effect.asVoid(planFirewall(config)),
  add,
  check: Effect.fnUntraced(function* ({ key, config, prevResult, known }) {
    if (prevResult === null) return [`firewall of "${key.containerId}": ${NO_PREV_RESULT}`];
    if (known === true) return [];
    return yield* checkAdopted(yield* planFirewall(config), addressesIn(prevResult));
  }),
  adopt: ({ key, config, prevResult }) =>
    adoptFirewall(key, config, prevResult === null ? [] : addressesIn(prevResult)),
  traces: (_, network) => tracesOfOwn(network, FIREWALL_SETS),
  status: Effect.fnUntraced(function* (config) {
    const { host } = yield* View;
    const { backend } = yield* planFirewall(config);
    if (backend !== "firewalld") return;
    const runs = yield* Effect.orElseSucceed(host.firewalldRuns("host"), () => false);
    if (runs) return;
    const msg = 'Cannot let containers through the firewall: "backend" is "firewalld", and that does not run';
    return yield* new Refused({ code: CniCode.PLUGIN_NOT_AVAILABLE, msg });
  }),
};
