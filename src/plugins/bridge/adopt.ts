/** What to undo for attachments the log does not know: made by another bridge plugin, or the log was lost. */
import * as Effect from "effect/Effect";
import type { HostError, Link } from "../../effects/kernel/host.ts";
import type { Op } from "../../effects/kernel/op.ts";
import type { Request, Trace } from "../../engine/plugin.ts";
import { View } from "../../engine/view.ts";
import { addressOf } from "../../spec/cidr.ts";
import { SCOPE_LINK } from "../../spec/routing.ts";
import { removeOwn, type Sets, tracesOfOwn } from "../adopt_elements.ts";
import { batchOf } from "../adopt_look.ts";
import { adoptMasquerade, tracesOfMasquerade } from "../adopt_masquerade.ts";
import { adoptSpoofCheck } from "../adopt_spoof_check.ts";
import { hostVethName, isHostVethName } from "../names.ts";
import { BRIDGE_TABLE, NAT_TABLE } from "../nft_tables.ts";
import type { BridgeConfig } from "./config.ts";

/** Our sets with elements of bridge's. */
const OWN: readonly Sets[] = [
  { table: NAT_TABLE, isOwn: (set) => /^masq[46]$/.test(set) },
  { table: BRIDGE_TABLE, isOwn: () => true },
];

/**
 * The link between container and bridge, if a bridge plugin made it for this network, what IPAM holds, and masquerade and
 * spoof check, ours or Go's. A container may have a link of that name from elsewhere, for instance when its ADD was
 * refused for that very reason.
 */
export const adopt: (
  request: Request<BridgeConfig>,
) => Effect.Effect<readonly Op[], HostError, View> = Effect.fnUntraced(function* (request) {
  const { host } = yield* View;
  const { key, config, raw } = request;
  const link = yield* host.link("container", key.ifName);
  const ops: Op[] = [];
  const addresses = yield* addressesOf(request, link);
  if (link !== null && (yield* isBridged(request, link))) {
    ops.push({ op: "link.delete", on: "container", name: key.ifName });
  } else ops.push(...(yield* hostEnds(request)));
  const ipam = config.ipam?.type || null;
  if (ipam !== null) ops.push({ op: "plugin.invoke", plugin: ipam, command: "DEL", config: raw });
  for (const sets of OWN) ops.push(...batchOf(yield* removeOwn(key, sets)));
  ops.push(...(yield* adoptSpoofCheck(key)), ...(yield* adoptMasquerade(key, addresses)));
  return ops;
});

/** The attachments of a network that masquerade or spoof check name. */
export const traces: (network: string) => Effect.Effect<readonly Trace[], HostError, View> = Effect.fnUntraced(
  function* (network) {
    const found: Trace[] = [...(yield* tracesOfMasquerade(network))];
    for (const sets of OWN) found.push(...(yield* tracesOfOwn(network, sets)));
    return found;
  },
);

/** The attachment's addresses: those of the result, and those its link has. */
const addressesOf = Effect.fnUntraced(
  function* ({ key, prevResult }: Request<BridgeConfig>, link: Link | null) {
    const { host } = yield* View;
    const present = link === null ? [] : yield* host.addresses("container", key.ifName);
    const all = [
      ...(prevResult?.ips ?? []).map(({ address }) => address),
      ...present.filter(({ scope }) => scope < SCOPE_LINK).map(({ address }) => address),
    ];
    return [...new Set(all.map(addressOf))];
  },
);

/** Whether the link is a port of this bridge, or of none. */
const isPort = Effect.fnUntraced(function* ({ config }: Request<BridgeConfig>, { master }: Link) {
  const { host } = yield* View;
  const bridge = master === null ? null : yield* host.linkByIndex("host", master);
  return bridge === null || bridge.name === config.bridge;
});

/** Whether the other end is on the host, is no other attachment's of ours, and is a port of this bridge or of none. */
const isBridged = Effect.fnUntraced(function* (request: Request<BridgeConfig>, link: Link) {
  const { host } = yield* View;
  const port = link.kind !== "veth" || link.peer === null ? null : yield* host.linkByIndex("host", link.peer);
  // The index of a peer in a third namespace may by chance be that of a link of the host.
  if (port === null || port.kind !== "veth" || port.peer !== link.index) return false;
  return isHostVethName(port.name) ? port.name === (yield* hostVethName(request.key)) : yield* isPort(request, port);
});

/** What Go's plugins call host ends of veth pairs. */
const GO_VETH_NAME = /^veth[0-9a-f]{8}$/;

/**
 * Host ends that can be told without the container, whose namespace was not given or is another one now: ours by its
 * name, Go's by the name and the MAC in the result.
 */
const hostEnds = Effect.fnUntraced(function* (request: Request<BridgeConfig>) {
  const { host } = yield* View;
  const own = yield* hostVethName(request.key);
  const named = (request.prevResult?.interfaces ?? []).filter(({ name, sandbox, mac }) =>
    !sandbox && mac !== undefined && GO_VETH_NAME.test(name)
  );
  const ops: Op[] = [];
  for (const { name, mac } of [{ name: own, mac: undefined }, ...named]) {
    const link = yield* host.link("host", name);
    if (link?.kind !== "veth" || (mac !== undefined && mac.toLowerCase() !== link.mac)) continue;
    if (name === own || (yield* isPort(request, link))) ops.push({ op: "link.delete", on: "host", name });
  }
  return ops;
});
