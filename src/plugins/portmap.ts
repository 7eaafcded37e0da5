/**
 * portmap: ports of the host that lead to the container. An element per port in `inet cleat`; no rules, no packet marks,
 * no other program. Runs after the plugin that made the interface.
 */
import * as Effect from "effect/Effect";
import type { KernelOp } from "../effects/kernel/op.ts";
import { perform } from "../engine/act.ts";
import type { Plugin, Request } from "../engine/plugin.ts";
import { View } from "../engine/view.ts";
import { addressOf } from "../spec/cidr.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import { VERSIONS } from "../spec/released_versions.ts";
import type { CniResult } from "../spec/result.ts";
import { removeOwn, type Sets, tracesOfOwn } from "./adopt_elements.ts";
import { batchOf } from "./adopt_look.ts";
import { adoptHostPorts, tracesOfHostPorts } from "./adopt_portmap.ts";
import { checkHostPorts } from "./adopt_portmap_check.ts";
import { applyElements } from "./nft_elements.ts";
import { NAT_TABLE } from "./nft_tables.ts";
import { PortmapConfig, readPortmap } from "./portmap_config.ts";
import { planElements, type Target, targetsOf } from "./portmap_elements.ts";

const NO_PREV_RESULT = "prevResult is missing: portmap must be called as chained plugin";

/** Connections of UDP clients that sent before the mapping existed, or after it went, are looked up afresh. */
const flushesOf = (targets: readonly Target[]): readonly KernelOp[] =>
  targets.flatMap(({ family, mappings }) =>
    mappings.filter(({ protocol }) => protocol === "udp").map(({ hostPort, hostIp }): KernelOp => ({
      op: "conntrack.flush",
      on: "host",
      family,
      protocol: "udp",
      port: hostPort,
      ...(hostIp === null ? {} : { address: hostIp }),
    }))
  );

/** Lets packets with a source in 127.0.0.0/8 be routed to the container: `route_localnet` of the link towards it. */
const routeLoopback = Effect.fnUntraced(function* ({ address }: Target) {
  const { host } = yield* View;
  const link = yield* host.linkTowards("host", addressOf(address));
  if (link === null) return;
  const key = `net/ipv4/conf/${link.name}/route_localnet`;
  const value = yield* host.sysctl("host", key);
  if (value !== null && value !== "1") yield* perform({ op: "sysctl.write", on: "host", key, value: "1" });
});

const add = Effect.fnUntraced(function* ({ key, config, prevResult }: Request<PortmapConfig>) {
  if (prevResult === null) {
    const msg = `Cannot map host ports of "${key.containerId}": ${NO_PREV_RESULT}`;
    return yield* new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg });
  }
  const settings = yield* readPortmap(config);
  const targets = targetsOf(key, prevResult, settings.mappings);
  const flushes = flushesOf(targets);
  const { elements, layout } = yield* planElements(settings, targets);
  // Undo is last in, first out: the flush before the elements is the one that runs again after they are removed.
  for (const flush of flushes) yield* perform(flush);
  yield* applyElements(key, elements, layout);
  for (const flush of flushes) yield* perform(flush);
  const ipv4 = settings.snat ? targets.find(({ family }) => family === 4) : undefined;
  if (ipv4 !== undefined) yield* routeLoopback(ipv4);
  return prevResult;
});

/** The addresses of a result, without their prefixes. */
const addressesIn = (result: CniResult | null): readonly string[] =>
  (result?.ips ?? []).map(({ address }) => addressOf(address));

/** The maps of our table that hold host ports, and what is sent back through them. */
const OWN: Sets = { table: NAT_TABLE, isOwn: (set) => /^(hostports|hostips|snat)[46]/.test(set) };

/** What an attachment the log does not know has left: elements that bear its name, and what Go's plugin makes. */
const adopt = Effect.fnUntraced(function* ({ key, config, prevResult }: Request<PortmapConfig>) {
  const found = [
    ...batchOf(yield* removeOwn(key, OWN)),
    ...(yield* adoptHostPorts(key, addressesIn(prevResult))),
  ];
  const settings = yield* Effect.orElseSucceed(readPortmap(config), () => null);
  if (found.length === 0 || settings === null || prevResult === null) return found;
  return [...found, ...flushesOf(targetsOf(key, prevResult, settings.mappings))];
});

/** Host ports for containers, served natively whatever `backend` asks for. */
export const portmap: Plugin<PortmapConfig> = {
  type: "portmap",
  versions: VERSIONS,
  config: PortmapConfig,
  validate: (config) => Effect.asVoid(readPortmap(config)),
  add,
  check: Effect.fnUntraced(function* ({ key, config, prevResult, known }) {
    if (prevResult === null) return [`host ports of "${key.containerId}": ${NO_PREV_RESULT}`];
    if (known === true) return [];
    const settings = yield* readPortmap(config);
    const targets = targetsOf(key, prevResult, settings.mappings);
    return yield* checkHostPorts(key, targets, yield* planElements(settings, targets));
  }),
  adopt,
  traces: Effect.fnUntraced(function* (_, network) {
    return [...(yield* tracesOfOwn(network, OWN)), ...(yield* tracesOfHostPorts(network))];
  }),
};
