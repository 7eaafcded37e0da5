/** Links that a plugin makes in the container and that are the container's alone: macvlan, ipvlan, vlan, dummy, tap. */
import * as Effect from "effect/Effect";
import type { CreatedLink, HostError, Link } from "../effects/kernel/host.ts";
import type { LinkKind, Op } from "../effects/kernel/op.ts";
import { type Act, perform } from "../engine/act.ts";
import type { DelegateError } from "../engine/delegate.ts";
import type { EffectError, Finding, Request } from "../engine/plugin.ts";
import { View } from "../engine/view.ts";
import { CniCode, Refused } from "../spec/failure.ts";
import {
  addressFindings,
  containerEntry,
  inContainer,
  macFinding,
  routeFindings,
  wrongKind,
} from "./check_interface.ts";
import { PRESENT } from "./ensure.ts";
import { masterSide, type MasterWish } from "./master.ts";

/** A link to be made. */
export interface OwnLink {
  readonly ifName: string;
  readonly link: LinkKind;
  /** In bytes; 0 for the kernel's default. */
  readonly mtu?: number;
  /** Made up by the kernel where absent. */
  readonly mac?: string;
}

/**
 * Makes the link under its final name, down. Ends with `Refused` when the name, or a vlan's id, is taken,
 * or the kernel does not know such links.
 */
export const createOwnLink = (
  { ifName, link, mtu = 0, mac }: OwnLink,
): Effect.Effect<CreatedLink, EffectError | Refused, View | Act> =>
  Effect.catchTag(
    perform({
      op: "link.create",
      on: "container",
      name: ifName,
      link,
      ...(mtu > 0 ? { mtu } : {}),
      ...(mac === undefined ? {} : { mac }),
    }),
    "HostError",
    (error) => {
      if (PRESENT.has(error.errno)) return taken(ifName, link);
      return orUnknownKind(ifName, link)(error);
    },
  );

/** A kernel that does not know such links says so in its own words; any other failure stays. */
export const orUnknownKind =
  (name: string, { kind }: LinkKind) => <E extends EffectError>(error: E): Effect.Effect<never, E | Refused> =>
    error._tag === "HostError" && error.extack?.startsWith(UNKNOWN_KIND) === true
      ? unknownKind(name, kind)
      : Effect.fail(error);

/** The words that go with EOPNOTSUPP where the kernel does not know the kind (rtnl_newlink, net/core/rtnetlink.c). */
const UNKNOWN_KIND = "Unknown device type";

/** The kernel's module for a kind, where it has another name. */
const MODULES: { readonly [Kind in LinkKind["kind"]]?: string } = { vlan: "8021q" };

const unknownKind = (ifName: string, kind: LinkKind["kind"]) =>
  new Refused({
    code: CniCode.PLUGIN_NOT_AVAILABLE,
    msg: `Cannot create "${ifName}" in the container: the kernel has no links of kind "${kind}" (EOPNOTSUPP)`,
    details: `load its module: modprobe ${MODULES[kind] ?? kind}`,
  });

/** The kernel has one errno for a name and for the id of a vlan. */
const taken = Effect.fnUntraced(function* (ifName: string, link: LinkKind) {
  const { host } = yield* View;
  const there = yield* host.link("container", ifName);
  if (there === null && link.kind === "vlan") {
    return yield* new Refused({
      code: CniCode.RESOURCE_TAKEN,
      msg: `Cannot create "${ifName}" in the container: VLAN ${link.id} of "${link.parent.name}" has a link already`,
      details: "a link can have one such link for each VLAN, in whatever namespace it is",
    });
  }
  return yield* new Refused({
    code: CniCode.RESOURCE_TAKEN,
    msg: `Cannot create "${ifName}" in the container: there is a link of that name, of kind "${
      there?.kind ?? "device"
    }"`,
    details: "run DEL for this attachment first",
  });
});

/** What such a link must be like, for CHECK and `adopt`. */
export interface Expected {
  readonly kind: LinkKind["kind"];
  /** Of macvlan and ipvlan. */
  readonly mode?: string;
  /** Of vlan. */
  readonly id?: number;
  /** In bytes; 0 for any. */
  readonly mtu?: number;
  /** Where a master was named: what the link stands on. */
  readonly master?: MasterWish;
  /** Type of the IPAM plugin, or null. */
  readonly ipam: string | null;
}

/** What CHECK sees beyond the log, which has the link itself; of attachments that the log does not know it is all. */
export const checkOwnLink: (
  request: Request<unknown>,
  expected: Expected,
) => Effect.Effect<readonly Finding[], HostError | DelegateError, View> = Effect.fnUntraced(
  function* (request, expected) {
    const view = yield* View;
    if (expected.ipam !== null) yield* view.ask(expected.ipam, "CHECK", request.raw);
    const found = containerEntry(request);
    if (typeof found === "string") return [found];
    const { ifName } = request.key;
    const what = inContainer(ifName);
    const link = yield* view.host.link("container", ifName);
    if (link === null || link.kind !== expected.kind) return [wrongKind(what, expected.kind, link)];
    return [
      ...macFinding(what, found.entry, link),
      // The log does not tell: a plugin after this one may change an MTU that nobody has asked for.
      ...mtuFinding(what, expected, link),
      ...(request.known === true ? [] : [
        ...dataFindings(what, expected, link),
        ...(yield* parentFindings(what, expected, link)),
        ...(link.up ? [] : [`${what}: expected state up, found down`]),
        ...(yield* addressFindings(ifName, found)),
        ...(yield* routeFindings(found.result.routes ?? [])),
      ]),
    ];
  },
);

const mtuFinding = (what: string, { mtu = 0 }: Expected, link: Link): readonly Finding[] =>
  mtu <= 0 || link.mtu === mtu ? [] : [`${what}: expected MTU ${mtu}, found ${link.mtu}`];

const dataFindings = (what: string, { mode, id }: Expected, { over }: Link): readonly Finding[] => [
  ...(mode === undefined || over?.mode === mode
    ? []
    : [`${what}: expected mode ${mode}, found ${over?.mode ?? "none"}`]),
  ...(id === undefined || over?.id === id ? [] : [`${what}: expected VLAN id ${id}, found ${over?.id ?? "none"}`]),
];

const parentFindings = Effect.fnUntraced(function* (what: string, { master }: Expected, link: Link) {
  if (master === undefined || master.master === "" || (yield* standsOn(master, link))) return [];
  return [`${what}: expected "${master.master}" as its master, found another link or none`];
});

/** Whether the link stands on the master that is named. */
const standsOn = Effect.fnUntraced(function* (wish: MasterWish, { kind, over }: Link) {
  const { host } = yield* View;
  const master = yield* host.link(masterSide(wish), wish.master);
  if (master === null || over === undefined) return false;
  if (over.parent === master.index && over.elsewhere !== wish.linkInContainer) return true;
  // A macvlan on a macvlan, and an ipvlan on an ipvlan, stand on what that stands on.
  return master.kind === kind && over.parent === master.over?.parent;
});

/** What removes such a link of an attachment that the log does not know, and what IPAM holds. */
export const adoptOwnLink: (
  request: Request<unknown>,
  expected: Expected,
) => Effect.Effect<readonly Op[], HostError, View> = Effect.fnUntraced(function* (request, expected) {
  const { host } = yield* View;
  const { key, raw } = request;
  const ops: Op[] = [];
  const link = yield* host.link("container", key.ifName);
  // A container may have a link of that name from elsewhere, for instance when ADD was refused for that very reason.
  if (link?.kind === expected.kind && (yield* isAttached(request, expected, link))) {
    ops.push({ op: "link.delete", on: "container", name: key.ifName });
  }
  if (expected.ipam !== null) {
    ops.push({ op: "plugin.invoke", plugin: expected.ipam, command: "DEL", config: raw });
  }
  return ops;
});

/** By the MAC in the result; where that is another, or none, by what the link is like: tuning puts an old MAC back first. */
const isAttached = Effect.fnUntraced(function* ({ key, prevResult }: Request<unknown>, expected: Expected, link: Link) {
  const mac = prevResult?.interfaces?.find(({ name, sandbox }) => name === key.ifName && sandbox)?.mac;
  if (mac?.toLowerCase() === link.mac) return true;
  if (dataFindings("", expected, link).length > 0) return false;
  const { master } = expected;
  return master === undefined || master.master === "" || (yield* standsOn(master, link));
});
