/** The host's end of the container's veth pair, by which all that the container sends and receives must pass. */
import * as Effect from "effect/Effect";
import type { HostError, Link } from "../../effects/kernel/host.ts";
import type { Request } from "../../engine/plugin.ts";
import { View } from "../../engine/view.ts";

type Asked = Pick<Request<unknown>, "key" | "prevResult">;

/** Whether two links are each other's ends: the index of a peer elsewhere may by chance be that of a link of the host. */
const arePaired = (inside: Link, end: Link | null): end is Link =>
  end?.kind === "veth" && end.peer === inside.index && inside.peer === end.index;

/** The host end by the container's, whoever made the pair; null where there is none. */
export const endOf: (ifName: string) => Effect.Effect<Link | null, HostError, View> = Effect.fnUntraced(
  function* (ifName) {
    const { host } = yield* View;
    const inside = yield* host.link("container", ifName);
    if (inside?.kind !== "veth" || inside.peer === null) return null;
    const end = yield* host.linkByIndex("host", inside.peer);
    return arePaired(inside, end) ? end : null;
  },
);

/** The host end, which the previous result must name; otherwise why there is none, as the end of a sentence. */
export const findEnd: (request: Asked) => Effect.Effect<Link | string, HostError, View> = Effect.fnUntraced(
  function* ({ key: { ifName }, prevResult }) {
    const { host } = yield* View;
    const { interfaces = [] } = prevResult ?? {};
    if (interfaces.length === 0) return 'the "prevResult" has no interfaces';
    const inside = yield* host.link("container", ifName);
    if (inside === null) return `there is no link "${ifName}" in the container`;
    if (inside.kind !== "veth") {
      return `"${ifName}" in the container is of kind "${inside.kind ?? "device"}" and has no veth peer on the host`;
    }
    const end = yield* endOf(ifName);
    if (end === null) return `the veth peer of "${ifName}" is not on the host`;
    return interfaces.some(({ name, sandbox }) => !sandbox && name === end.name)
      ? end
      : `the veth peer of "${ifName}" is "${end.name}", which is not among the host's interfaces of the "prevResult"`;
  },
);
