/** The veth pair between the host and a container. */
import * as Effect from "effect/Effect";
import type { CreatedLink } from "../effects/kernel/host.ts";
import { type Act, perform } from "../engine/act.ts";
import type { EffectError } from "../engine/plugin.ts";
import { View } from "../engine/view.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import { PRESENT } from "./ensure.ts";

/** A pair to be made. */
export interface VethPair {
  /** Name of the host end. */
  readonly hostVeth: string;
  /** Name of the container's end. */
  readonly ifName: string;
  /** Of both ends, in bytes; the kernel's default where absent. */
  readonly mtu?: number;
  /** Of the container's end; made up by the kernel where absent. */
  readonly mac?: string;
  /** Of the host end: the bridge it is to be a port of, and whether it is up at once. */
  readonly host?: { readonly master?: string; readonly up?: boolean };
}

/**
 * Makes a pair, the container's end under its final name and down. Ends with `Refused` when one of the names is taken,
 * saying which.
 */
export const createVeth = (
  { hostVeth, ifName, mtu, mac, host = {} }: VethPair,
): Effect.Effect<CreatedLink, EffectError | Refused, View | Act> => {
  const size = mtu === undefined ? {} : { mtu };
  const peer = { on: "container", name: ifName, ...size, ...(mac === undefined ? {} : { mac }) } as const;
  return Effect.catchTag(
    perform({ op: "link.create", on: "host", name: hostVeth, link: { kind: "veth", peer }, ...size, ...host }),
    "HostError",
    (error) => PRESENT.has(error.errno) ? nameTaken(hostVeth, ifName) : Effect.fail(error),
  );
};

/** The kernel has one errno for both ends. */
const nameTaken = Effect.fnUntraced(function* (hostVeth: string, ifName: string) {
  const view = yield* View;
  const inside = yield* view.host.link("container", ifName);
  return yield* new Refused({
    code: CniCode.RESOURCE_TAKEN,
    msg: inside === null
      ? `Cannot create "${hostVeth}" on the host: there is a link of that name, left by an earlier attachment`
      : `Cannot create "${ifName}" in the container: there is a link of that name, of kind "${
        inside.kind ?? "device"
      }"`,
    details: "run DEL for this attachment first",
  });
});
