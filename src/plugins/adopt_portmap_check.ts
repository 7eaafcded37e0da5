/** CHECK of host ports that no log knows: they lead to the container by our elements, or by what Go's plugin makes. */
import * as Effect from "effect/Effect";
import type { HostError } from "../effects/kernel/host.ts";
import type { Finding } from "../engine/plugin.ts";
import { View } from "../engine/view.ts";
import { addressOf } from "../spec/cidr.ts";
import type { AttachmentKey } from "../spec/key.ts";
import { hasHostPortChain, hostPortRules } from "./adopt_portmap.ts";
import { isOurs, type Layout } from "./nft_elements.ts";
import type { NftElement } from "../effects/kernel/nft.ts";
import type { Target } from "./portmap_elements.ts";

/** The elements that would be ours. */
interface Plan {
  readonly elements: readonly NftElement[];
  readonly layout: Layout;
}

/** Whether Go's plugin serves the ports: as it checks it itself, a chain, or as many rules as there are ports. */
const servedByGo = Effect.fnUntraced(function* (key: AttachmentKey, { family, address, mappings }: Target) {
  if (yield* hasHostPortChain(key, family)) return true;
  return (yield* hostPortRules(key, [addressOf(address)], family, "hostports")).length >= mappings.length;
});

/** What is missing, one sentence for each host port. */
export const checkHostPorts: (
  key: AttachmentKey,
  targets: readonly Target[],
  plan: Plan,
) => Effect.Effect<readonly Finding[], HostError, View> = Effect.fnUntraced(function* (key, targets, plan) {
  const { host } = yield* View;
  const served = new Set<4 | 6>();
  for (const target of targets) if (yield* servedByGo(key, target)) served.add(target.family);
  const findings: Finding[] = [];
  for (const element of plan.elements) {
    if (served.has(element.set.includes("6") ? 6 : 4)) continue;
    const found = yield* host.element("host", element);
    if (found !== null && isOurs(found, key)) continue;
    findings.push(`${plan.layout.name(element)}: expected it to lead to "${key.containerId}", found that it does not`);
  }
  return findings;
});
