/** Limits that the log does not know: made by Go's plugin, or the log was lost. */
import * as Effect from "effect/Effect";
import type { HostError, Link } from "../../effects/kernel/host.ts";
import type { KernelOp, Op } from "../../effects/kernel/op.ts";
import type { Finding, Request } from "../../engine/plugin.ts";
import { View } from "../../engine/view.ts";
import type { Refused } from "../../spec/failure.ts";
import type { LeaseError } from "../../effects/leases/leases.ts";
import { type BandwidthConfig, readBandwidth } from "./config.ts";
import { endOf, findEnd } from "./host_end.ts";
import { ifbName, ifbsOf } from "./ifb.ts";
import { INGRESS, redirect, shape, type Shaped, shapedByGo, withFrames } from "./plan.ts";

const leadsTo = Effect.fnUntraced(function* (end: Link, ifbs: readonly Link[]) {
  const { host } = yield* View;
  const filters = yield* host.filters("host", end.name, INGRESS);
  return filters.some(({ redirect }) => ifbs.some(({ index }) => index === redirect));
});

/** The ends that lead to these ifbs, whoever has them: one look at each pair of the host. */
const endsLeadingTo = Effect.fnUntraced(function* (ifbs: readonly Link[]) {
  const { host } = yield* View;
  const found: Link[] = [];
  if (ifbs.length === 0) return found;
  for (const link of yield* host.links("host")) {
    if (link.kind === "veth" && (yield* leadsTo(link, ifbs))) found.push(link);
  }
  return found;
});

/** The host's end, by the container or, without that, by what the result names or else by where it leads. */
const endsOf: (
  request: Request<unknown>,
  ifbs: readonly Link[],
) => Effect.Effect<readonly Link[], HostError, View> = Effect.fnUntraced(
  function* ({ key, prevResult }, ifbs) {
    const { host } = yield* View;
    const end = yield* endOf(key.ifName);
    if (end !== null) return [end];
    const found: Link[] = [];
    for (const { name, sandbox } of prevResult?.interfaces ?? []) {
      const link = sandbox ? null : yield* host.link("host", name);
      if (link?.kind === "veth") found.push(link);
    }
    return found.length > 0 ? found : yield* endsLeadingTo(ifbs);
  },
);

const KINDS = ["tbf", "htb"] as const;

/** What holds up what the container receives; only where the configuration has such a limit: it may be somebody else's. */
const removeShape = Effect.fnUntraced(function* (end: Link) {
  const { host } = yield* View;
  const found = yield* host.qdisc("host", end.name, "root");
  const kind = KINDS.find((known) => known === found?.kind);
  if (kind === undefined || found?.handle !== "1:") return [];
  const op: KernelOp = { op: "qdisc.delete", on: "host", link: end.name, parent: "root", handle: found.handle, kind };
  return [op];
});

/** What leads to these ifbs: without them, nothing that the container sends would arrive. */
const removeRedirect = Effect.fnUntraced(function* (end: Link, ifbs: readonly Link[]) {
  if (!(yield* leadsTo(end, ifbs))) return [];
  const op: KernelOp = {
    op: "qdisc.delete",
    on: "host",
    link: end.name,
    parent: "ingress",
    handle: INGRESS,
    kind: "ingress",
  };
  return [op];
});

/** What removes the limits of an attachment. */
export const adopt: (request: Request<BandwidthConfig>) => Effect.Effect<readonly Op[], HostError, View> = Effect
  .fnUntraced(function* (request) {
    const ifbs = yield* ifbsOf(request.key);
    const settings = yield* Effect.orElseSucceed(readBandwidth(request.config), () => null);
    const ops: Op[] = [];
    for (const end of yield* endsOf(request, ifbs)) {
      ops.push(...(yield* removeRedirect(end, ifbs)));
      if (settings?.ingress) ops.push(...(yield* removeShape(end)));
    }
    return [...ops, ...ifbs.map(({ name }): Op => ({ op: "link.delete", on: "host", name }))];
  });

/**
 * What is not as a limit should be. Releases of Go's plugin differ: older ones make a bucket, newer ones classes, and neither
 * makes room for a frame; one of ours, whose log was lost, is like the first.
 */
const limitFindings = Effect.fnUntraced(function* (shaped: Shaped, mtu: number) {
  const { host, holds } = yield* View;
  const whole = { ...shaped, partners: null };
  const ours = shape({ ...shaped, bucket: withFrames(shaped.bucket, mtu) });
  const seen: (readonly Finding[])[] = [];
  for (const ops of [ours, shape(whole), shapedByGo(shaped)]) {
    const findings = (yield* Effect.forEach(ops, holds)).flat();
    if (findings.length === 0) return findings;
    seen.push(findings);
  }
  const found = yield* host.qdisc("host", shaped.link, "root");
  return seen[found?.kind === "htb" && shaped.partners === null ? seen.length - 1 : 0] ?? [];
});

/** Compares the configuration with the host. */
export const checkAdopted: (
  request: Request<BandwidthConfig>,
) => Effect.Effect<readonly Finding[], HostError | LeaseError | Refused, View> = Effect.fnUntraced(
  function* (request) {
    const { holds } = yield* View;
    const { ingress, egress, partners } = yield* readBandwidth(request.config);
    const end = yield* findEnd(request);
    if (typeof end === "string") return [end];
    const findings: Finding[] = [];
    if (ingress !== null) {
      findings.push(...(yield* limitFindings({ link: end.name, bucket: ingress, partners, field: "src" }, end.mtu)));
    }
    if (egress === null) return findings;
    const ifb = (yield* ifbsOf(request.key))[0]?.name ?? (yield* ifbName(request.key));
    const made: KernelOp = { op: "link.create", on: "host", name: ifb, link: { kind: "ifb" }, up: true };
    findings.push(...(yield* limitFindings({ link: ifb, bucket: egress, partners, field: "dst" }, end.mtu)));
    findings.push(...(yield* Effect.forEach([made, ...redirect(end.name, ifb)], holds)).flat());
    return findings;
  },
);
