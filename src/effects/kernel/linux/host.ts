/** The two sides of an attachment on a real kernel. */
import * as Effect from "effect/Effect";
import type { Address, HostError, HostShape, Link, NetnsIdentity } from "../host.ts";
import type { Side } from "../op.ts";
import { applyOp, type Sides } from "./apply.ts";
import { type Deed, describeOp, hostError, where } from "./describe.ts";
import { firewalldRuns, zoneOf } from "./firewalld.ts";
import { iptablesChains, iptablesRules } from "./iptables.ts";
import type { OpenNetns } from "./netns.ts";
import { describeElement } from "./nftables/describe.ts";
import { readElement } from "./nftables/element.ts";
import { chainsOf, elementsOf, rulesOf } from "./nftables/list.ts";
import { addressesOf } from "./rtnetlink/address.ts";
import { RTNLGRP, untilSettled } from "./rtnetlink/events.ts";
import { allLinks, linkByIndex, linkByName } from "./rtnetlink/link_look.ts";
import { neighboursOf } from "./rtnetlink/neighbour.ts";
import { linkTowards, routesOf } from "./rtnetlink/route.ts";
import { policyRulesOf } from "./rtnetlink/rule.ts";
import { vlansOf } from "./rtnetlink/vlan.ts";
import { classOf } from "./tc/class.ts";
import { filtersOf } from "./tc/filter.ts";
import { qdiscOf } from "./tc/qdisc.ts";
import { readSysctl } from "./sysctl.ts";

/** Runs synchronous code of this layer; its failures become typed. */
export const attempt = <A>(deed: Deed, run: () => A): Effect.Effect<A, HostError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(run());
    } catch (cause) {
      return Effect.fail(hostError(deed, cause));
    }
  });

interface Waiting<T> {
  readonly deed: Deed;
  readonly group: number;
  readonly limitMs: number;
  /** The answer after the limit, and in a namespace that is not there. */
  readonly late: T;
  readonly absent: T;
  readonly look: (netns: OpenNetns) => T | null;
}

/** Looks at once, and listens only when that did not settle it. */
function wait<T>(netns: OpenNetns | null, waiting: Waiting<T>): Effect.Effect<T, HostError> {
  const { deed, group, limitMs, late, absent, look } = waiting;
  if (netns === null) return Effect.succeed(absent);
  return Effect.flatMap(
    attempt(deed, () => look(netns)),
    (settled) =>
      settled !== null || limitMs <= 0 ? Effect.succeed(settled ?? late) : Effect.map(
        Effect.tryPromise({
          try: (signal) => untilSettled(netns, group, limitMs, () => look(netns), signal),
          catch: (cause) => hostError(deed, cause),
        }),
        (found) => found ?? late,
      ),
  );
}

const linkIsUp = (link: Link | null): true | null => link?.operState === "up" ? true : null;

/** A duplicate is reported as failed and tentative at once, so failed comes first. */
const dadState = (addresses: readonly Address[]): "done" | "failed" | null =>
  addresses.some(({ dadFailed }) => dadFailed)
    ? "failed"
    : addresses.some(({ tentative }) => tentative)
    ? null
    : "done";

/** Looks and ops over the sockets of both sides. The container's is null where there is none, or none any more. */
export function linuxHost(sides: Sides, netns: NetnsIdentity | null): HostShape {
  const look = <A>(on: Side, what: string, subject: string, absent: A, read: (netns: OpenNetns) => A) =>
    attempt({ doing: `read ${what} ${where(on)}`, subject }, () => {
      const side = sides[on];
      return side === null ? absent : read(side);
    });
  return {
    netns,
    link: (on, name) => look(on, "link", name, null, ({ route }) => linkByName(route, name)),
    linkByIndex: (on, index) => look(on, "link", `#${index}`, null, ({ route }) => linkByIndex(route, index)),
    links: (on) => look(on, "links", "all", [], ({ route }) => allLinks(route)),
    addresses: (on, link) => look(on, "addresses", link, [], ({ route }) => addressesOf(route, link)),
    routes: (on, family, table) =>
      look(on, "routes", `IPv${family}`, [], ({ route }) => routesOf(route, family, table)),
    policyRules: (on, family) => look(on, "rules", `IPv${family}`, [], ({ route }) => policyRulesOf(route, family)),
    linkTowards: (on, ip) => look(on, "route", ip, null, ({ route }) => linkTowards(route, ip)),
    neighbours: (on, link) => look(on, "neighbours", link, [], ({ route }) => neighboursOf(route, link)),
    vlans: (on, name) => look(on, "VLANs", name, [], ({ route }) => vlansOf(route, name)),
    qdisc: (on, link, parent) => look(on, "qdisc", link, null, ({ route }) => qdiscOf(route, link, parent)),
    trafficClass: (on, link, handle) => look(on, "class", link, null, ({ route }) => classOf(route, link, handle)),
    filters: (on, link, handle) => look(on, "filters", link, [], ({ route }) => filtersOf(route, link, handle)),
    sysctl: (on, key) => look(on, "sysctl", key, null, (side) => readSysctl(side, key)),
    element: (on, which) =>
      look(on, "element", describeElement(which), null, ({ netfilter }) => readElement(netfilter, which)),
    elements: (on, table, comment) =>
      look(
        on,
        "elements",
        `${table.family} ${table.table}`,
        [],
        ({ netfilter }) => elementsOf(netfilter, table, comment),
      ),
    rules: (on, chain) =>
      look(on, "rules", `${chain.table} ${chain.chain}`, [], ({ netfilter }) => rulesOf(netfilter, chain)),
    chains: (on, table) =>
      look(on, "chains", `${table.family} ${table.table}`, [], ({ netfilter }) => chainsOf(netfilter, table)),
    iptablesChains: (on, family, table) =>
      look(on, "iptables' chains", `IPv${family}`, [], (side) => iptablesChains(side, family, table)),
    iptablesRules: (on, family, table) =>
      look(on, "iptables' rules", `IPv${family}`, [], (side) => iptablesRules(side, family, table)),
    firewalldRuns: (on) => look(on, "the state", "firewalld", false, firewalldRuns),
    firewalldZone: (on, source) => look(on, "the firewalld zone", source, null, (side) => zoneOf(side, source)),
    awaitUp: (on, name, limitMs) =>
      wait<boolean>(sides[on], {
        deed: { doing: `wait for link ${where(on)}`, subject: name },
        group: RTNLGRP.LINK,
        limitMs,
        late: false,
        absent: false,
        look: ({ route }) => linkIsUp(linkByName(route, name)),
      }),
    awaitDad: (on, name, limitMs) =>
      wait<"done" | "failed" | "timeout">(sides[on], {
        deed: { doing: `wait for addresses ${where(on)}`, subject: name },
        group: RTNLGRP.IPV6_IFADDR,
        limitMs,
        late: "timeout",
        absent: "done",
        look: ({ route }) => dadState(addressesOf(route, name)),
      }),
    apply: (op) => attempt(describeOp(op), () => applyOp(sides, op)),
  };
}
