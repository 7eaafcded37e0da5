/** A simulated machine that is like one that can be looked at: where a plan is tried. */
import * as Effect from "effect/Effect";
import { parseCidr } from "../../../spec/cidr.ts";
import { BOOT, BY_KERNEL } from "../../../spec/routing.ts";
import type { HostError, HostView, Link } from "../host.ts";
import type { Side } from "../op.ts";
import { makeNetns, putLink, type SimLink, type SimNetns, type SimWorld } from "./state.ts";

/** Both sides of one attachment, copied. */
export interface Copy {
  readonly world: SimWorld;
  /** Null where there is no container, or it is gone. */
  readonly container: SimNetns | null;
}

/** Where the other ends of veth pairs are that lie in namespaces nobody looks at. */
const ELSEWHERE = "elsewhere";

type Copied = ReadonlyMap<Link, SimLink>;
type Sides = Readonly<Record<Side, { readonly netns: SimNetns; readonly links: readonly Link[] }>>;

const otherSide = (side: Side): Side => side === "host" ? "container" : "host";

const copyLink = (netns: SimNetns, link: Link, parent: SimLink | undefined): SimLink =>
  putLink({
    name: link.name,
    kind: link.kind,
    netns,
    index: link.index,
    mac: link.mac,
    mtu: link.mtu,
    txQueueLen: link.txQueueLen,
    up: link.up,
    promisc: link.promisc,
    allmulti: link.allmulti,
    alias: link.alias ?? "",
    device: link.device ?? null,
    permanentMac: link.permanentMac ?? null,
    tap: link.tap ?? null,
    vrfTable: link.vrfTable ?? null,
    vlanFiltering: link.vlanFiltering === true,
    hairpin: link.port?.hairpin ?? false,
    isolated: link.port?.isolated ?? false,
    macChosen: true,
    mtuChosen: true,
    portsCounted: link.kind === "bridge",
    ipv6Started: link.up,
    over: parent === undefined || link.over === undefined ? null : {
      parent,
      ...(link.over.mode === undefined ? {} : { mode: link.over.mode }),
      ...(link.over.id === undefined ? {} : { id: link.over.id }),
    },
  });

/** Copies all links, parents before what stands on them; where the parent is in a third namespace, there is none. */
const copyLinks = (sides: Sides): Copied => {
  const copied = new Map<Link, SimLink>();
  const copyOf = (side: Side, link: Link): SimLink => {
    const done = copied.get(link);
    if (done !== undefined) return done;
    const from = link.over?.elsewhere === true ? otherSide(side) : side;
    const below = link.over === undefined
      ? undefined
      : sides[from].links.find(({ index }) => index === link.over?.parent);
    const made = copyLink(sides[side].netns, link, below === undefined ? undefined : copyOf(from, below));
    copied.set(link, made);
    return made;
  };
  for (const side of ["host", "container"] as const) for (const link of sides[side].links) copyOf(side, link);
  return copied;
};

/** The other end of a veth, if one of both sides has it: each names the other's index. */
const peerOf = (sides: Sides, side: Side, link: Link): Link | undefined => {
  const isIt = (other: Link) =>
    other !== link && other.kind === "veth" && other.index === link.peer && other.peer === link.index;
  return sides[otherSide(side)].links.find(isIt) ?? sides[side].links.find(isIt);
};

/** An end that nobody sees; the link has carrier if it had. */
const unseenPeer = (elsewhere: SimNetns, link: Link, peer: SimLink): SimLink =>
  putLink({
    name: `${elsewhere.links.size}`,
    kind: "veth",
    netns: elsewhere,
    mac: "",
    up: link.operState === "up",
    peer,
  });

const join = (sides: Sides, copied: Copied): void => {
  const elsewhere = makeNetns(ELSEWHERE, "");
  for (const side of ["host", "container"] as const) {
    for (const link of sides[side].links) {
      const made = copied.get(link);
      if (made === undefined) continue;
      const master = sides[side].links.find(({ index }) => index === link.master);
      made.master = master === undefined ? null : copied.get(master) ?? null;
      if (link.kind !== "veth") continue;
      const peer = peerOf(sides, side, link);
      made.peer = (peer === undefined ? undefined : copied.get(peer)) ?? unseenPeer(elsewhere, link, made);
    }
  }
};

/** What is on a link: addresses, neighbours that were written by hand, VLANs. */
const copyContent = Effect.fnUntraced(function* (view: HostView, side: Side, link: SimLink) {
  for (const { address, noPrefixRoute = false, lifetime = null, ...shown } of yield* view.addresses(side, link.name)) {
    const [ip = "", prefix = ""] = address.split("/");
    const family = parseCidr(address)?.ip.family;
    if (family === undefined) continue;
    link.addresses.push({ ...shown, family, ip, prefix: Number(prefix), noDad: true, noPrefixRoute, lifetime });
  }
  for (const { ip, mac, permanent } of yield* view.neighbours(side, link.name)) {
    if (permanent) link.neighbours.set(ip, mac);
  }
  if (link.kind !== "bridge" && link.master === null) return;
  for (const { vid, to = vid, pvid = false, untagged = false } of yield* view.vlans(side, link.name)) {
    for (let each = vid; each <= to; each++) link.vlans.set(each, { pvid, untagged });
  }
});

const copyRules = Effect.fnUntraced(function* (view: HostView, side: Side, netns: SimNetns) {
  for (const family of [4, 6] as const) {
    const rules = (yield* view.policyRules(side, family)).map((rule) => ({ ...rule, family }));
    netns.rules = [...netns.rules.filter((rule) => rule.family !== family), ...rules];
  }
});

const copyRoutes = Effect.fnUntraced(function* (view: HostView, side: Side, netns: SimNetns) {
  for (const family of [4, 6] as const) {
    for (const { src = null, protocol = BOOT, link: name, ...route } of yield* view.routes(side, family)) {
      const link = name === null ? undefined : netns.links.get(name);
      if (link === undefined) continue;
      netns.routes.push({ ...route, family, link, src, protocol, connected: protocol === BY_KERNEL });
    }
  }
});

const emptyNetns = (path: string, cookie: string): SimNetns => {
  const netns = makeNetns(path, cookie);
  netns.links.clear();
  return netns;
};

/**
 * Copies links, addresses, routes, rules, neighbours and VLANs of both sides. Sysctls, nf_tables and traffic control are as on a
 * new machine: whoever needs them asks `view`. Ends with `HostError` when it cannot look.
 */
export const copyHost: (view: HostView) => Effect.Effect<Copy, HostError> = Effect.fnUntraced(function* (view) {
  const host = emptyNetns("/proc/self/ns/net", "");
  const container = view.netns === null ? null : emptyNetns(view.netns.path, view.netns.cookie);
  const sides: Sides = {
    host: { netns: host, links: yield* view.links("host") },
    container: container === null
      ? { netns: host, links: [] }
      : { netns: container, links: yield* view.links("container") },
  };
  join(sides, copyLinks(sides));
  for (const [side, netns] of [["host", host], ["container", container]] as const) {
    if (netns === null) continue;
    for (const link of netns.links.values()) yield* copyContent(view, side, link);
    yield* copyRoutes(view, side, netns);
    yield* copyRules(view, side, netns);
  }
  const world: SimWorld = {
    facts: { vlanFiltering: true, missing: new Set(), duplicates: new Set() },
    host,
    netns: new Map(container === null ? [] : [[container.path, container]]),
    nextMac: 1,
  };
  return { world, container };
});
