/** The host as a router for its containers. */
import * as Effect from "effect/Effect";
import type { HostError } from "../effects/kernel/host.ts";
import type { Act } from "../engine/act.ts";
import type { EffectError, Finding } from "../engine/plugin.ts";
import { View } from "../engine/view.ts";
import type { Family } from "../spec/ip.ts";
import { ensureSysctl, preferSysctl } from "./ensure.ts";

/** Which file turns forwarding on, by family. */
const FORWARDING = { 4: "net/ipv4/ip_forward", 6: "net/ipv6/conf/all/forwarding" } as const;

/** Turns forwarding on for these families. It is shared, and stays on. */
export const ensureForwarding: (families: Iterable<Family>) => Effect.Effect<void, EffectError, View | Act> = Effect
  .fnUntraced(function* (families) {
    for (const version of new Set(families)) {
      yield* ensureSysctl({ on: "host", key: FORWARDING[version], value: "1" });
    }
  });

/** Families whose forwarding has been turned off since. */
export const forwardingFindings: (
  families: Iterable<Family>,
) => Effect.Effect<readonly Finding[], HostError, View> = Effect.fnUntraced(function* (families) {
  const { host } = yield* View;
  const findings: Finding[] = [];
  for (const version of new Set(families)) {
    const key = FORWARDING[version];
    const value = (yield* host.sysctl("host", key))?.trim() ?? "no such key";
    if (value !== "1") findings.push(`sysctl "${key}" on the host: expected 1, found ${value}`);
  }
  return findings;
});

/**
 * Duplicate address detection keeps IPv6 addresses of a new link unusable for 1-2 s, and the host forwards no IPv6 over
 * it for as long. What is put on these links is ours alone, so the link goes up without.
 */
export const quietIpv6 = (link: string): Effect.Effect<void, EffectError, View | Act> =>
  preferSysctl({ on: "host", key: `net/ipv6/conf/${link}/accept_dad`, value: "0" });

/** A container must not be able to reroute its host by router advertisements. */
export const ignoreRouters = (link: string): Effect.Effect<void, EffectError, View | Act> =>
  preferSysctl({ on: "host", key: `net/ipv6/conf/${link}/accept_ra`, value: "0" });
