/** Veth pairs between a container and the host that the log does not know: made by another program, or the log was lost. */
import * as Effect from "effect/Effect";
import type { HostError, Link } from "../effects/kernel/host.ts";
import type { Op } from "../effects/kernel/op.ts";
import type { Request } from "../engine/plugin.ts";
import { View } from "../engine/view.ts";
import { addressOf } from "../spec/cidr.ts";
import { SCOPE_LINK } from "../spec/routing.ts";
import { hostVethName, isHostVethName } from "./names.ts";

/** Whether a host end that bears none of our names is one that this plugin's network would have. */
type IsEnd = (end: Link) => Effect.Effect<boolean, HostError, View>;

/** The attachment's addresses, without prefixes: those of the result, and those its link has. */
export const addressesToAdopt: (
  request: Pick<Request<unknown>, "key" | "prevResult">,
) => Effect.Effect<readonly string[], HostError, View> = Effect.fnUntraced(function* ({ key, prevResult }) {
  const { host } = yield* View;
  const present = yield* host.addresses("container", key.ifName);
  const all = [
    ...(prevResult?.ips ?? []).map(({ address }) => address),
    ...present.filter(({ scope }) => scope < SCOPE_LINK).map(({ address }) => address),
  ];
  return [...new Set(all.map(addressOf))];
});

/**
 * What removes the attachment's pair. A container may have a link of that name from elsewhere, for instance when its ADD was
 * refused for that very reason: only a pair whose host end is the attachment's by its name, or fits, is removed.
 */
export const adoptVeth: (
  request: Pick<Request<unknown>, "key" | "prevResult">,
  isEnd: IsEnd,
) => Effect.Effect<readonly Op[], HostError, View> = Effect.fnUntraced(function* (request, isEnd) {
  const { host } = yield* View;
  const { ifName } = request.key;
  const link = yield* host.link("container", ifName);
  if (link !== null && (yield* isAttached(request, link, isEnd))) {
    return [{ op: "link.delete", on: "container", name: ifName }];
  }
  return yield* hostEnds(request, isEnd);
});

/** Whether the other end is on the host, and is no other attachment's of ours. */
const isAttached = Effect.fnUntraced(function* ({ key }: Pick<Request<unknown>, "key">, link: Link, isEnd: IsEnd) {
  const { host } = yield* View;
  const end = link.kind !== "veth" || link.peer === null ? null : yield* host.linkByIndex("host", link.peer);
  // The index of a peer in a third namespace may by chance be that of a link of the host.
  if (end === null || end.kind !== "veth" || end.peer !== link.index) return false;
  return isHostVethName(end.name) ? end.name === (yield* hostVethName(key)) : yield* isEnd(end);
});

/** What Go's plugins call host ends of veth pairs. */
const GO_VETH_NAME = /^veth[0-9a-f]{8}$/;

/**
 * Host ends that can be told without the container, whose namespace was not given or is another one now: ours by its
 * name, Go's by the name and the MAC in the result.
 */
const hostEnds = Effect.fnUntraced(
  function* ({ key, prevResult }: Pick<Request<unknown>, "key" | "prevResult">, isEnd: IsEnd) {
    const { host } = yield* View;
    const own = yield* hostVethName(key);
    const named = (prevResult?.interfaces ?? []).filter(({ name, sandbox, mac }) =>
      !sandbox && mac !== undefined && GO_VETH_NAME.test(name)
    );
    const ops: Op[] = [];
    for (const { name, mac } of [{ name: own, mac: undefined }, ...named]) {
      const link = yield* host.link("host", name);
      if (link?.kind !== "veth" || (mac !== undefined && mac.toLowerCase() !== link.mac)) continue;
      if (name === own || (yield* isEnd(link))) ops.push({ op: "link.delete", on: "host", name });
    }
    return ops;
  },
);
