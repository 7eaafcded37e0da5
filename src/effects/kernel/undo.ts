/**
 * What takes an op back, decided before the op is carried out: afterwards the old values are gone, and a process that
 * died in between could not tell them to the next one.
 *
 * Two kinds of op have no undo. *Covered*: what lives on a link that this stream created dies with that link. *Shared*:
 * things of the host that other attachments use too (bridges, host addresses, host sysctls, nf_tables chains); two
 * attachments cannot restore one value in order, so none of them does.
 */
import * as Effect from "effect/Effect";
import { MAIN_TABLE } from "../../spec/routing.ts";
import type { HostError, HostView, Link } from "./host.ts";
import type { NftCommand } from "./nft.ts";
import type { KernelOp, LinkSettings, Op, PortSettings, PortVlan, Side } from "./op.ts";
import { sameAddress, sameIp, sameRoute } from "./same.ts";
import { undoMove } from "./undo_move.ts";
import { restoreAddress, restoreRoute, undoRule } from "./undo_routes.ts";

/** What an undo is decided from: the kernel as it is now, and the links this stream made (`linkKey` of each end). */
export interface UndoContext {
  readonly view: HostView;
  readonly created: ReadonlySet<string>;
}

type Of<Name extends Op["op"]> = Extract<Op, { readonly op: Name }>;
type Undo = Effect.Effect<Op | null, HostError>;

const NOTHING: Undo = Effect.succeed(null);

/** Names a link of one side: `host/veth1`, `container/eth0`. */
export const linkKey = (on: Side, name: string): string => `${on}/${name}`;

/**
 * Whether creating this link makes it part of the attachment. A bridge on the host, and a veth pair with both ends on
 * the host (a VLAN's gateway), serve every attachment of the network.
 */
const isOwn = (op: Of<"link.create">): boolean =>
  op.on === "container" || op.link.kind === "ifb" || (op.link.kind === "veth" && op.link.peer.on === "container");

/**
 * The links that these ops make for the attachment alone, both ends of a veth pair, and those that they bring, which lose
 * on the way back what they were given: as `linkKey` names them.
 */
export const createdLinks = (ops: Iterable<Op>): Set<string> => {
  const created = new Set<string>();
  for (const op of ops) {
    if (op.op === "link.move") created.add(linkKey(op.to.on, op.to.name));
    if (op.op !== "link.create" || !isOwn(op)) continue;
    created.add(linkKey(op.on, op.name));
    if (op.link.kind === "veth") created.add(linkKey(op.link.peer.on, op.link.peer.name));
  }
  return created;
};

/** Whether the link is a container link that was there before this stream: the only kind whose changes are restored. */
const isBorrowed = (on: Side, name: string, { created }: UndoContext): boolean =>
  on === "container" && !created.has(linkKey(on, name));

/** A taken name makes the op fail, and the link that bears it must outlive the undo: then there is none. */
const unlessThere = <A>(there: Effect.Effect<A, HostError>, isThere: (found: A) => boolean, undo: Op): Undo =>
  Effect.map(there, (found) => isThere(found) ? null : undo);

const undoCreate = (op: Of<"link.create">, { view }: UndoContext): Undo => {
  const { on, name, join } = op;
  if (!isOwn(op)) return NOTHING;
  const undo = { op: "link.delete", on, name } as const;
  if (join === undefined) return unlessThere(view.link(on, name), (link) => link !== null, undo);
  // One that this op makes has no alias yet.
  const aliases = (link: Link | null) => link === null ? ["", join.alias] : [join.alias];
  return Effect.map(view.link(on, name), (link) => ({ ...undo, whileUnused: { aliases: aliases(link) } }));
};

/** The present values of exactly the settings that are about to change; null when the old master cannot be named. */
const oldSettings = Effect.fnUntraced(function* (on: Side, link: Link, set: LinkSettings, view: HostView) {
  const master = set.master === undefined || link.master === null ? null : yield* view.linkByIndex(on, link.master);
  const old: LinkSettings = {
    ...(set.up === undefined ? {} : { up: link.up }),
    ...(set.mtu === undefined ? {} : { mtu: link.mtu }),
    ...(set.mac === undefined ? {} : { mac: link.mac }),
    ...(set.master === undefined ? {} : { master: master?.name ?? null }),
    ...(set.promisc === undefined ? {} : { promisc: link.promisc }),
    ...(set.allmulti === undefined ? {} : { allmulti: link.allmulti }),
    ...(set.txQueueLen === undefined ? {} : { txQueueLen: link.txQueueLen }),
    ...(set.alias === undefined ? {} : { alias: link.alias ?? "" }),
  };
  return old;
});

const undoSet = Effect.fnUntraced(function* (op: Of<"link.set">, context: UndoContext) {
  if (!isBorrowed(op.on, op.name, context)) return null;
  const link = yield* context.view.link(op.on, op.name);
  if (link === null) return null;
  return { ...op, set: yield* oldSettings(op.on, link, op.set, context.view) };
});

const undoPort = Effect.fnUntraced(function* (op: Of<"port.set">, context: UndoContext) {
  if (op.borrowed !== true && !isBorrowed(op.on, op.name, context)) return null;
  const port = (yield* context.view.link(op.on, op.name))?.port ?? null;
  if (port === null) return null;
  const set: PortSettings = {
    ...(op.set.hairpin === undefined ? {} : { hairpin: port.hairpin }),
    ...(op.set.isolated === undefined ? {} : { isolated: port.isolated }),
  };
  return { ...op, set };
});

/** What of these VLANs is not there yet; ranges that overlap with what is there are taken apart. */
const missingVlans = (wanted: readonly PortVlan[], present: readonly PortVlan[]): readonly PortVlan[] => {
  const isThere = (first: number, last = first) => present.some(({ vid, to = vid }) => vid <= last && first <= to);
  return wanted.flatMap((vlan): readonly PortVlan[] => {
    const { vid, to = vid } = vlan;
    if (!isThere(vid, to)) return [vlan];
    return Array.from({ length: to - vid + 1 }, (_, at) => ({ vid: vid + at })).filter((one) => !isThere(one.vid));
  });
};

const undoVlans = Effect.fnUntraced(function* (op: Of<"vlan.add">, context: UndoContext) {
  if (!isBorrowed(op.on, op.name, context)) return null;
  const link = yield* context.view.link(op.on, op.name);
  // Neither a port nor a bridge: the op fails, and so would its undo, with EOPNOTSUPP.
  if (link === null || (link.port === null && link.kind !== "bridge")) return null;
  const vlans = missingVlans(op.vlans, yield* context.view.vlans(op.on, op.name));
  return vlans.length === 0 ? null : { op: "vlan.delete" as const, on: op.on, name: op.name, vlans };
});

const familyOf = (ip: string): 4 | 6 => ip.includes(":") ? 6 : 4;

const undoAdd = (op: Of<"address.add" | "route.add" | "neighbour.add">, context: UndoContext): Undo => {
  if (!isBorrowed(op.on, op.link, context)) return NOTHING;
  const { view } = context;
  switch (op.op) {
    case "address.add":
      return unlessThere(
        view.addresses(op.on, op.link),
        (found) => found.some(({ address }) => sameAddress(address, op.address)),
        { ...op, op: "address.remove" },
      );
    case "route.add":
      return unlessThere(
        view.routes(op.on, familyOf(op.dst), op.table ?? MAIN_TABLE),
        (found) => found.some((route) => sameRoute(route, op)),
        { ...op, op: "route.remove" },
      );
    case "neighbour.add":
      return unlessThere(
        view.neighbours(op.on, op.link),
        (found) => found.some(({ ip, permanent }) => permanent && sameIp(ip, op.ip)),
        { ...op, op: "neighbour.remove" },
      );
  }
};

/** What is taken from a link that was there before is given back; what else it brings, the kernel makes itself. */
const undoRemove = (op: Of<"address.remove" | "route.remove">, context: UndoContext): Undo => {
  if (!isBorrowed(op.on, op.link, context)) return NOTHING;
  return op.op === "address.remove" ? restoreAddress(op, context.view) : restoreRoute(op, context.view);
};

/** The link whose own settings the key holds: `net/ipv4/conf/eth0/arp_notify` belongs to eth0. */
const linkOfKey = (key: string): string | undefined => /^net\/[^/]+\/(?:conf|neigh)\/([^/]+)\//.exec(key)?.[1];

const undoSysctl = (op: Of<"sysctl.write">, { view, created }: UndoContext): Undo => {
  const link = linkOfKey(op.key);
  if (op.on === "host" || (link !== undefined && created.has(linkKey(op.on, link)))) return NOTHING;
  return Effect.map(view.sysctl(op.on, op.key), (value) => value === null ? null : { ...op, value });
};

/**
 * A queue of a virtual link is the attachment's, on either side: nobody makes one on a link that serves others. Hardware is
 * everybody's.
 */
const undoQdisc = Effect.fnUntraced(function* (op: Of<"qdisc.add">, { view, created }: UndoContext) {
  const { on, link, parent, handle, qdisc: { kind } } = op;
  if (created.has(linkKey(on, link))) return null;
  const found = yield* view.link(on, link);
  if (found === null || found.kind === null) return null;
  const there = yield* view.qdisc(on, link, parent);
  return there === null ? { op: "qdisc.delete" as const, on, link, parent, handle, kind } : null;
});

/** Elements belong to the attachment; tables, chains, sets and rules are shared. Conditional, so that only ours go. */
const undoNft = (op: Of<"nft.apply">): Op | null => {
  const commands = op.commands.flatMap((command): NftCommand[] => {
    if (!("add" in command) || command.add !== "element") return [];
    const { family, table, set, key, value } = command;
    return [{ remove: "element", family, table, set, key, ...(value === undefined ? {} : { value }) }];
  });
  return commands.length === 0 ? null : { op: "nft.apply", on: op.on, commands: commands.reverse() };
};

const undoKernel = (op: KernelOp, context: UndoContext): Undo => {
  switch (op.op) {
    case "link.create":
      return undoCreate(op, context);
    case "link.set":
      return undoSet(op, context);
    case "link.move":
      return undoMove(op, context.view);
    case "port.set":
      return undoPort(op, context);
    case "vlan.add":
      return undoVlans(op, context);
    case "address.add":
    case "route.add":
    case "neighbour.add":
      return undoAdd(op, context);
    case "address.remove":
    case "route.remove":
      return undoRemove(op, context);
    case "rule.add":
      return undoRule(op, context.view);
    case "sysctl.write":
      return undoSysctl(op, context);
    case "nft.apply":
      return Effect.succeed(undoNft(op));
    case "qdisc.add":
      return undoQdisc(op, context);
    case "conntrack.flush":
      // Popped after the elements that were added later are gone: connections they steered are then looked up afresh.
      return Effect.succeed(op);
    case "iptables.open":
      return Effect.succeed({
        op: "iptables.close",
        on: op.on,
        family: op.family,
        addresses: op.addresses,
        ...(op.natively ? { natively: true } : {}),
      });
    case "firewalld.add":
      return Effect.succeed({ ...op, op: "firewalld.remove" });
    case "link.delete":
    case "link.return":
    case "vlan.delete":
    case "rule.remove":
    case "neighbour.remove":
    case "qdisc.delete":
    case "class.add":
    case "filter.add":
    case "iptables.delete":
    case "iptables.close":
    case "firewalld.remove":
      return NOTHING;
    default:
      return op satisfies never;
  }
};

/**
 * The op that takes `op` back, or null when nothing is to be taken back: the op is covered, shared, a removal, or bound
 * to fail because what it adds is there. Must be asked before the op is carried out. Ends with `HostError` when an old
 * value cannot be read.
 */
export const undoFor = (op: Op, context: UndoContext): Undo => {
  switch (op.op) {
    case "lease.reserve":
      return Effect.succeed({ op: "lease.release", pool: op.pool, owner: op.owner, ranges: op.ranges });
    case "dhcp.acquire":
      return Effect.succeed({ op: "dhcp.release", socket: op.socket, network: op.network, owner: op.owner });
    case "plugin.invoke":
      return Effect.succeed(op.command === "ADD" ? { ...op, command: "DEL" } : null);
    case "lease.release":
    case "dhcp.release":
    case "backup.delete":
      return NOTHING;
    default:
      return undoKernel(op, context);
  }
};
