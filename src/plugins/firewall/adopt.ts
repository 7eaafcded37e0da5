/** What lets containers through without a log that knows of it: made by Go's plugin, or the log was lost. */
import * as Effect from "effect/Effect";
import { closedFindings, hostPrefix, timesOpened } from "../../effects/kernel/forward.ts";
import type { HostError } from "../../effects/kernel/host.ts";
import type { NftField } from "../../effects/kernel/nft.ts";
import type { Op } from "../../effects/kernel/op.ts";
import type { Finding } from "../../engine/plugin.ts";
import { View } from "../../engine/view.ts";
import { family } from "../../spec/cidr.ts";
import type { AttachmentKey } from "../../spec/key.ts";
import { removeOwn } from "../adopt_elements.ts";
import { batchOf, ifKnown } from "../adopt_look.ts";
import { isOurs } from "../nft_elements.ts";
import { type FirewallConfig, type FirewallPlan, planFirewall } from "./config.ts";
import { FIREWALL_SETS, FIREWALL_TABLE } from "./tables.ts";

const ipsIn = (key: readonly NftField[]): readonly string[] => key.flatMap((field) => "ip" in field ? [field.ip] : []);

/** Addresses that other attachments of ours have by now: part of what lets them through belongs to those. */
const takenBesides = Effect.fnUntraced(function* (key: AttachmentKey) {
  const { host } = yield* View;
  const elements = yield* ifKnown(host.elements("host", FIREWALL_TABLE));
  return new Set(elements.filter((element) => !isOurs(element, key)).flatMap((element) => ipsIn(element.key)));
});

/** What closes the chain FORWARD of iptables again, where it is open for the attachment or for nobody known. */
const closeIptables = Effect.fnUntraced(function* (
  addresses: readonly string[],
  taken: ReadonlySet<string>,
  backend: FirewallPlan["backend"],
) {
  const { host } = yield* View;
  const way = backend === "nftables" ? { natively: true } : {};
  const ops: Op[] = [];
  for (const version of [4, 6] as const) {
    const own = addresses.filter((ip) => family(ip) === version);
    if (own.length === 0) continue;
    const rules = yield* ifKnown(host.iptablesRules("host", version, "filter"));
    const open = own.filter((ip) => timesOpened(rules, ip) > (taken.has(ip) ? 1 : 0));
    if (open.length > 0) ops.push({ op: "iptables.close", on: "host", family: version, addresses: open, ...way });
  }
  return ops;
});

/** What takes the addresses out of the zone. Asking firewalld takes a while: only where the network may have it. */
const leaveZone = Effect.fnUntraced(function* (addresses: readonly string[], { backend, zone }: FirewallPlan) {
  if (backend !== null && backend !== "firewalld") return [];
  const { host } = yield* View;
  const ops: Op[] = [];
  for (const source of addresses.map(hostPrefix)) {
    if ((yield* host.firewalldZone("host", source)) !== zone) continue;
    ops.push({ op: "firewalld.remove", on: "host", zone, source });
  }
  return ops;
});

/** The ops that close what is open for an attachment; `addresses`, without prefixes, are those of its result. */
export const adoptFirewall: (
  key: AttachmentKey,
  config: FirewallConfig,
  addresses: readonly string[],
) => Effect.Effect<readonly Op[], HostError, View> = Effect.fnUntraced(function* (key, config, addresses) {
  const elements = yield* removeOwn(key, FIREWALL_SETS);
  const held = elements.flatMap((command) => command.remove === "element" ? ipsIn(command.key) : []);
  const all = [...new Set([...addresses, ...held])];
  const taken = yield* takenBesides(key);
  const plan = yield* Effect.orElseSucceed(planFirewall(config), () => null);
  return [
    ...(yield* closeIptables(all, taken, plan?.backend ?? null)),
    ...(plan === null ? [] : yield* leaveZone(all.filter((ip) => !taken.has(ip)), plan)),
    ...batchOf(elements),
  ];
});

/** Which of the addresses, without prefixes, the host's firewall does not let through as the configuration says. */
export const checkAdopted: (
  plan: FirewallPlan,
  addresses: readonly string[],
) => Effect.Effect<readonly Finding[], HostError, View> = Effect.fnUntraced(function* ({ backend, zone }, addresses) {
  const { host } = yield* View;
  const findings: Finding[] = [];
  for (const version of backend === "firewalld" ? [] : [4, 6] as const) {
    const own = addresses.filter((ip) => family(ip) === version);
    if (own.length === 0) continue;
    findings.push(...closedFindings(version, yield* host.iptablesRules("host", version, "filter"), own));
  }
  if (backend !== "firewalld" && (backend !== null || findings.length === 0)) return findings;
  // With either of the two the containers are let through.
  const zones: Finding[] = [];
  for (const source of addresses.map(hostPrefix)) {
    const found = yield* host.firewalldZone("host", source);
    if (found !== zone) zones.push(`source "${source}" in firewalld: expected zone ${zone}, found ${found ?? "none"}`);
  }
  return zones.length === 0 ? [] : [...findings, ...zones];
});
