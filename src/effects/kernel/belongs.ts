/**
 * Whether an undo is one that its op can have. Undo is decided before the effect and read back from a file: a file that was
 * edited with care, hashes included, must not make DEL delete a link, write a value or run a plugin that is not the
 * attachment's own. What cannot be told from the log alone, the kernel is asked (see `unwind.ts`).
 */
import type { AttachmentKey } from "../../spec/key.ts";
import { MAIN_TABLE } from "../../spec/routing.ts";
import type { NftCommand, NftElement } from "./nft.ts";
import type { LeaseOwner, Op, PortVlan } from "./op.ts";
import { canonicalPrefix, metricOf, sameAddress, sameIp } from "./same.ts";
import { createdLinks, linkKey } from "./undo.ts";

type Of<Name extends Op["op"]> = Extract<Op, { readonly op: Name }>;

/** Both were made, or read, with their keys in one order. */
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

const sameKeys = (a: object, b: object): boolean => same(Object.keys(a).sort(), Object.keys(b).sort());

const isWithin = (part: PortVlan, wanted: readonly PortVlan[]): boolean =>
  wanted.some(({ vid, to = vid }) => vid <= part.vid && (part.to ?? part.vid) <= to);

const isOwner = ({ containerId, ifName }: LeaseOwner, key: AttachmentKey): boolean =>
  containerId === key.containerId && ifName === key.ifName;

/** A comment names the attachment at its end; a long network name before it may be cut, and so may a long ID. */
const isCommentOf = (comment: string, { containerId, ifName }: AttachmentKey): boolean =>
  comment.endsWith(`/${ifName}`) && (comment.includes("…") || comment.endsWith(`/${containerId}/${ifName}`));

const isRemovalOf = (removal: NftCommand, added: readonly NftElement[]): boolean => {
  if (!("remove" in removal) || removal.remove !== "element") return false;
  return added.some(({ family, table, set, key, value }) =>
    family === removal.family && table === removal.table && set === removal.set && same(key, removal.key) &&
    same(value, removal.value)
  );
};

const nftBelongs = (key: AttachmentKey, op: Of<"nft.apply">, undo: Of<"nft.apply">): boolean => {
  const added = op.commands.flatMap((command) => "add" in command && command.add === "element" ? [command] : []);
  return undo.on === op.on && undo.commands.every((command) => isRemovalOf(command, added)) &&
    added.every(({ comment }) => comment === undefined || isCommentOf(comment, key));
};

const sameGateway = (a: string | undefined, b: string | undefined): boolean =>
  a === undefined || b === undefined ? a === b : sameIp(a, b);

/** What is shared is deleted only while it is unused, and is nobody else's. */
const isShared = ({ join }: Of<"link.create">, { whileUnused }: Of<"link.delete">): boolean =>
  join === undefined || whileUnused === undefined
    ? join === undefined && whileUnused === undefined
    : whileUnused.aliases.every((alias) => alias === "" || alias === join.alias);

/** The op with this name that undoes by saying the same again. */
const named = <Name extends Op["op"]>(op: Op, name: Name): object => ({ ...op, op: name });

/**
 * Whether `undo` takes back `op`, for the attachment that the stream is named after: the same subject, the inverse kind, the
 * stream's own key as the owner. Every undo of `undoFor` does.
 *
 * @example
 * ```ts
 * import { belongs } from "./belongs.ts";
 * const key = { network: "net", containerId: "c1", ifName: "eth0" };
 * const op = { op: "sysctl.write", on: "container", key: "net/core/somaxconn", value: "512" } as const;
 * if (!belongs(key, op, { ...op, value: "128" })) throw new Error("the old value is what an undo writes");
 * if (belongs(key, op, { op: "link.delete", on: "host", name: "eth0" })) throw new Error("that is another matter");
 * ```
 */
export const belongs = (key: AttachmentKey, op: Op, undo: Op): boolean => {
  try {
    return isInverse(key, op, undo);
  } catch {
    return false; // an op that lacks a part was not made by us
  }
};

const isInverse = (key: AttachmentKey, op: Op, undo: Op): boolean => {
  switch (op.op) {
    case "link.create":
      return undo.op === "link.delete" && undo.on === op.on && undo.name === op.name &&
        isShared(op, undo) && createdLinks([op]).has(linkKey(undo.on, undo.name));
    case "link.move":
      return undo.op === "link.return" && op.on === "host" && op.to.on === "container" && undo.on === op.on &&
        undo.name === op.name && same(undo.from, op.to) && same(undo.link, op.link);
    case "link.set":
      return undo.op === op.op && op.on === "container" && undo.on === op.on && undo.name === op.name &&
        sameKeys(op.set, undo.set);
    case "port.set":
      return undo.op === op.op && (op.on === "container" || op.borrowed === true) && undo.on === op.on &&
        undo.name === op.name && sameKeys(op.set, undo.set);
    case "vlan.add":
      return undo.op === "vlan.delete" && op.on === "container" && undo.on === op.on && undo.name === op.name &&
        undo.vlans.every((vlan) => isWithin(vlan, op.vlans));
    case "address.add":
      return op.on === "container" && same(named(op, "address.remove"), undo);
    case "route.add":
      return op.on === "container" && same(named(op, "route.remove"), undo);
    case "rule.add":
      return op.on === "container" && same(named(op, "rule.remove"), undo);
    case "address.remove":
      return undo.op === "address.add" && op.on === "container" && undo.on === op.on && undo.link === op.link &&
        sameAddress(undo.address, op.address);
    case "route.remove":
      return undo.op === "route.add" && op.on === "container" && undo.on === op.on && undo.link === op.link &&
        canonicalPrefix(undo.dst) === canonicalPrefix(op.dst) && sameGateway(undo.gw, op.gw) &&
        undo.metric === metricOf(op) && undo.table === (op.table ?? MAIN_TABLE);
    case "neighbour.add":
      return op.on === "container" && same(named(op, "neighbour.remove"), undo);
    case "qdisc.add":
      return undo.op === "qdisc.delete" && undo.on === op.on && undo.link === op.link && undo.parent === op.parent &&
        undo.handle === op.handle && undo.kind === op.qdisc.kind;
    case "sysctl.write":
      return undo.op === op.op && op.on === "container" && undo.on === op.on && undo.key === op.key;
    case "nft.apply":
      return undo.op === op.op && nftBelongs(key, op, undo);
    case "conntrack.flush":
      return same(op, undo);
    case "iptables.open":
      return undo.op === "iptables.close" && undo.on === op.on && undo.family === op.family &&
        same(undo.addresses, op.addresses);
    case "firewalld.add":
      return same(named(op, "firewalld.remove"), undo);
    case "lease.reserve":
      return undo.op === "lease.release" && undo.pool === op.pool && isOwner(op.owner, key) &&
        isOwner(undo.owner, key) && same(op.ranges, undo.ranges);
    case "dhcp.acquire":
      return undo.op === "dhcp.release" && undo.socket === op.socket && op.network === key.network &&
        undo.network === key.network && isOwner(op.owner, key) && isOwner(undo.owner, key);
    case "plugin.invoke":
      return undo.op === op.op && op.command === "ADD" && undo.command === "DEL" && undo.plugin === op.plugin &&
        same(op.config, undo.config);
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
    case "lease.release":
    case "dhcp.release":
    case "backup.delete":
      return false; // none of them has an undo
    default:
      op satisfies never;
      return false; // only a later version knows it
  }
};
