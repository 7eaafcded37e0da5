/**
 * The MAC spoof check of bridge ports (bridge's `macspoofchk`): a frame from a checked port whose sender is not the
 * container's address is dropped. An attachment adds its port to `spoof_checked` and port and MAC to `spoof_allowed`.
 */
import * as Effect from "effect/Effect";
import type { NftElement } from "../effects/kernel/nft.ts";
import type { Act } from "../engine/act.ts";
import type { EffectError } from "../engine/plugin.ts";
import { View } from "../engine/view.ts";
import type { Refused } from "../spec/failure.ts";
import type { AttachmentKey } from "../spec/key.ts";
import type { CniResult } from "../spec/result.ts";
import { applyElements, isOurs, type Layout } from "./nft_elements.ts";
import { BRIDGE_SKELETON, BRIDGE_TABLE } from "./nft_tables.ts";

/** A port and the address its container may send from. */
export interface SpoofCheckRequest {
  readonly key: AttachmentKey;
  /** The link on the host that is the bridge's port. */
  readonly hostVeth: string;
  readonly mac: string;
}

const LAYOUT: Layout = {
  skeleton: BRIDGE_SKELETON,
  chains: [],
  name: (element) => `the spoof check of ${JSON.stringify(element.key)}`,
};

const checked = (port: string): NftElement => ({ ...BRIDGE_TABLE, set: "spoof_checked", key: [{ ifName: port }] });

const allowed = (port: string, mac: string): NftElement => ({
  ...BRIDGE_TABLE,
  set: "spoof_allowed",
  key: [{ ifName: port }, { mac }],
});

/** From now on the port accepts frames of this sender only. Undone with the attachment. */
export const spoofCheck = (
  { key, hostVeth, mac }: SpoofCheckRequest,
): Effect.Effect<void, EffectError | Refused, View | Act> =>
  applyElements(key, [allowed(hostVeth, mac), checked(hostVeth)], LAYOUT);

/**
 * Lets the attachment's checked ports, if it has any among the host's links of the result, also accept frames from a MAC
 * the container is about to be given: without it the check would drop all that the container sends.
 */
export const allowNewMac: (
  key: AttachmentKey,
  result: CniResult,
  mac: string,
) => Effect.Effect<void, EffectError | Refused, View | Act> = Effect.fnUntraced(function* (key, result, mac) {
  const { host } = yield* View;
  for (const { name, sandbox } of result.interfaces ?? []) {
    if (sandbox) continue;
    const held = yield* host.element("host", checked(name));
    if (held === null || !isOurs(held, key)) continue;
    const known = yield* host.element("host", allowed(name, mac));
    if (known === null) yield* applyElements(key, [allowed(name, mac)], LAYOUT);
  }
});
