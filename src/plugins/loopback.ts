/**
 * loopback: the container's `lo`, up. CNI_IFNAME does not matter to it, and other addresses that `lo` may have are none of
 * its business.
 *
 * @module
 */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type { HostError } from "../effects/kernel/host.ts";
import { type Act, perform } from "../engine/act.ts";
import type { EffectError, Finding, Plugin, Request } from "../engine/plugin.ts";
import { View } from "../engine/view.ts";
import { addressOf, contains, family, formatCidr } from "../spec/cidr.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import { VERSIONS } from "../spec/released_versions.ts";
import type { CniResult } from "../spec/result.ts";
import { inContainer } from "./check_interface.ts";

const LO = "lo";

/** What `lo` is for: RFC 1122, section 3.2.1.3, and RFC 4291, section 2.5.3. */
const LOOPBACK = ["127.0.0.0/8", "::1/128"] as const;

const isLoopback = (address: string): boolean => LOOPBACK.some((net) => contains(net, addressOf(address)));

/** It has no keys of its own. */
const LoopbackConfig = Schema.Struct({});

/** A decoded loopback configuration. */
export type LoopbackConfig = typeof LoopbackConfig.Type;

const missing = (): Refused =>
  new Refused({
    code: CniCode.IO_FAILURE,
    msg: `Cannot set up "${LO}" in the container: there is none`,
    details: "every network namespace begins with one; somebody has removed or renamed it",
  });

/** A `lo` that is up already is left as it is, and so DEL leaves it up. */
const add: (
  request: Request<LoopbackConfig>,
) => Effect.Effect<CniResult, EffectError | Refused, View | Act> = Effect.fnUntraced(
  function* ({ cniVersion, netns, prevResult }) {
    const { host } = yield* View;
    const link = yield* host.link("container", LO);
    if (link === null) return yield* missing();
    if (!link.up) yield* perform({ op: "link.set", on: "container", name: LO, set: { up: true } });
    if (prevResult !== null) return prevResult;
    const addresses = (yield* host.addresses("container", LO)).map(({ address }) => address).filter(isLoopback);
    return {
      cniVersion,
      interfaces: [{ name: LO, mac: link.mac, sandbox: netns?.path ?? "" }],
      ips: addresses.map((address) => ({ address, interface: 0 })),
    };
  },
);

/** Whether IPv6 was switched off after ADD, as a plugin behind this one may: then `::1` is not to be expected. */
const isIpv6Off = Effect.fnUntraced(function* () {
  const { host } = yield* View;
  const off = yield* host.sysctl("container", `net/ipv6/conf/${LO}/disable_ipv6`);
  return off === null || off.trim() !== "0";
});

/** `lo` is up, and has what ADD has said that it has. A result that does not name it says nothing. */
const check: (
  request: Request<LoopbackConfig>,
) => Effect.Effect<readonly Finding[], HostError, View> = Effect.fnUntraced(function* ({ netns, prevResult }) {
  const { host } = yield* View;
  const link = yield* host.link("container", LO);
  if (link === null) return [`${inContainer(LO)}: expected it to exist, found none`];
  const findings: Finding[] = link.up ? [] : [`${inContainer(LO)}: expected state up, found down`];
  const { interfaces = [], ips = [] } = prevResult ?? {};
  const at = interfaces.findIndex(({ name, sandbox }) => name === LO && sandbox === netns?.path);
  const present = (yield* host.addresses("container", LO)).map(({ address }) => formatCidr(address));
  for (const { address, interface: index } of at < 0 || !link.up ? [] : ips) {
    const wanted = formatCidr(address);
    if (index !== at || !isLoopback(wanted) || present.includes(wanted)) continue;
    if (family(wanted) === 6 && (yield* isIpv6Off())) continue;
    findings.push(`${inContainer(LO)}: expected address ${wanted}, found ${present.join(", ") || "none"}`);
  }
  return findings;
});

/**
 * Another program's ADD leaves no mark but its result: where that names `lo`, it is set down. Otherwise it may have been up
 * before there was any plugin, and others need it.
 */
const adopt = Effect.fnUntraced(function* ({ netns, prevResult }: Request<LoopbackConfig>) {
  const { host } = yield* View;
  const named = prevResult?.interfaces?.some(({ name, sandbox }) => name === LO && sandbox === netns?.path) ?? false;
  const link = named ? yield* host.link("container", LO) : null;
  return link?.up === true ? [{ op: "link.set", on: "container", name: LO, set: { up: false } } as const] : [];
});

/** Sets up `lo`. */
export const loopback: Plugin<LoopbackConfig> = {
  type: "loopback",
  versions: VERSIONS,
  config: LoopbackConfig,
  add,
  check,
  adopt,
};
