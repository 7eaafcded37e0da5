/** Which link of the host leads to a container, from what the plugins before have answered. */
import * as Effect from "effect/Effect";
import type { HostError, Link } from "../../effects/kernel/host.ts";
import { View } from "../../engine/view.ts";
import { CniCode, Refused } from "../../spec/failure.ts";
import type { AttachmentKey } from "../../spec/key.ts";
import type { CniResult } from "../../spec/result.ts";
import type { Way } from "./tables.ts";

const linksOf = Effect.fnUntraced(function* ({ interfaces = [] }: CniResult) {
  const { host } = yield* View;
  const links: Link[] = [];
  for (const { name, sandbox } of interfaces) {
    const link = sandbox ? null : yield* host.link("host", name);
    if (link !== null) links.push(link);
  }
  return links;
});

/**
 * The way to a container: the bridge of the result, or else its first link of the host. Ends with `Refused` (code 7)
 * where it has neither: then no packet for the container passes the host's forwarding, or nobody can tell which.
 */
export const wayTo: (
  key: AttachmentKey,
  policy: string,
  result: CniResult,
) => Effect.Effect<Way, HostError | Refused, View> = Effect.fnUntraced(function* ({ containerId }, policy, result) {
  const links = yield* linksOf(result);
  const found = links.find(({ kind }) => kind === "bridge") ?? links[0];
  if (found !== undefined) return { link: found.name, shared: found.kind !== "veth" };
  const named = (result.interfaces ?? []).map(({ name, sandbox }) => sandbox ? `${name} of the container` : name);
  return yield* new Refused({
    code: CniCode.INVALID_NETWORK_CONFIG,
    msg: `Cannot apply "ingressPolicy": "${policy}" to "${containerId}": "prevResult" names no link of the host`,
    details: `it has ${
      named.join(", ") || "no interfaces"
    }; the policy needs the bridge, or the host end, that leads there`,
  });
});

/** The ports of the host in a result whose bridge is this one. */
export const portsIn: (bridge: string, result: CniResult) => Effect.Effect<readonly string[], HostError, View> = Effect
  .fnUntraced(function* (bridge, result) {
    const { host } = yield* View;
    const master = yield* host.link("host", bridge);
    return (yield* linksOf(result)).filter((link) => link.kind === "veth" && link.master === master?.index)
      .map(({ name }) => name);
  });
