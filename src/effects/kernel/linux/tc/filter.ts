/** Filters of kind u32, which compare words of a packet. */
import { type Cidr, formatCidr, ipBytes, ipFromBytes, parseCidr } from "../../../../spec/cidr.ts";
import type { Filter } from "../../host.ts";
import type { FilterOp, KernelOp } from "../../op.ts";
import { NetlinkFailure } from "../netlink/error.ts";
import { Attributes, attributesOf, readBe, readUint, type Writer } from "../netlink/message.ts";
import { type NetlinkSocket, NLM_F_CREATE, NLM_F_EXCL } from "../netlink/socket.ts";
import { linkByName, requireIndex } from "../rtnetlink/link_look.ts";
import { ETH_P, RTM_TC, TCA, TCA_ACT, TCA_MIRRED_PARMS, TCA_U32 } from "./constants.ts";
import { handleNumber, handleText, TCMSG, tcmsg } from "./header.ts";

type Add = Extract<KernelOp, { readonly op: "filter.add" }>;

/** TC_U32_TERMINAL: what matches is classified (linux/pkt_cls.h). */
const TERMINAL = 1;

/** What mirred is told: the packet is the other link's now (TC_ACT_STOLEN), from where it leaves (TCA_EGRESS_REDIR). */
const STOLEN = 4;
const EGRESS_REDIRECT = 1;

/** Bytes of struct tc_u32_sel without its keys, and of struct tc_u32_key { be32 mask, val; i32 off, offmask }. */
const SELECTOR = 16;
const KEY = 16;

/** Offsets in struct tc_mirred { u32 index, capab; i32 action; i32 refcnt, bindcnt; i32 eaction; u32 ifindex }. */
const MIRRED = { EACTION: 20, IFINDEX: 24 } as const;

/** Where the addresses are in the headers of both families. */
const OFFSETS = { 4: { src: 12, dst: 16 }, 6: { src: 8, dst: 24 } } as const;

interface Key {
  readonly mask: number;
  readonly value: number;
  readonly offset: number;
}

/** The words of 32 bits that a prefix fixes, each with the bits that count. */
function keysOf({ match }: FilterOp): readonly Key[] {
  const cidr = match === undefined ? null : parseCidr(match.prefix);
  if (match === undefined || cidr === null || cidr.prefix === 0) return [{ mask: 0, value: 0, offset: 0 }];
  const bytes = ipBytes(cidr.ip);
  return Array.from({ length: Math.ceil(cidr.prefix / 32) }, (_, word) => {
    const bits = Math.min(32, cidr.prefix - 32 * word);
    const mask = (0xffff_ffff << (32 - bits)) >>> 0;
    const value = ((readBe(bytes, 4, 4 * word) ?? 0) & mask) >>> 0;
    return { mask, value, offset: OFFSETS[cidr.ip.family][match.field] + 4 * word };
  });
}

function writeSelector(writer: Writer, keys: readonly Key[]): void {
  writer.u8(TERMINAL).u8(0).u8(keys.length).u8(0).u32(0).u32(0).u32(0);
  for (const { mask, value, offset } of keys) writer.be32(mask).be32(value).u32(offset).u32(0);
}

/** An action is an attribute whose type is its place in the order. */
const writeRedirect = (writer: Writer, ifindex: number): Writer =>
  writer.nested(TCA_U32.ACT, () =>
    writer.nested(1, () => {
      writer.attributeString(TCA_ACT.KIND, "mirred");
      writer.nested(TCA_ACT.OPTIONS, () =>
        writer.attribute(TCA_MIRRED_PARMS, () =>
          writer.u32(0).u32(0).u32(STOLEN).u32(0).u32(0).u32(EGRESS_REDIRECT).u32(ifindex)));
    }));

/** tcm_info: the priority, and the protocol in network order. */
const infoOf = ({ priority, protocol }: Pick<FilterOp, "priority" | "protocol">): number => {
  const ethertype = ETH_P[protocol];
  return ((priority << 16) | ((ethertype & 0xff) << 8) | (ethertype >>> 8)) >>> 0;
};

/** The body of the RTM_NEWTFILTER that adds it; `redirect` is the index of the link that it leads to. */
export function encodeFilter(ifindex: number, op: Add, redirect: number | null): Uint8Array {
  const writer = tcmsg(ifindex, handleNumber(op.parent), 0, infoOf(op)).attributeString(TCA.KIND, "u32");
  writer.nested(TCA.OPTIONS, () => {
    writer.attributeU32(TCA_U32.CLASSID, handleNumber(op.flow));
    writer.attribute(TCA_U32.SEL, () => writeSelector(writer, keysOf(op)));
    if (redirect !== null) writeRedirect(writer, redirect);
  });
  return writer.finish();
}

/** Adds a filter. Throws `NetlinkFailure`. */
export function addFilter(socket: NetlinkSocket, op: Add): void {
  const redirect = op.redirect === undefined ? null : requireIndex(socket, op.redirect);
  const body = encodeFilter(requireIndex(socket, op.link), op, redirect);
  socket.request({ type: RTM_TC.NEWTFILTER, flags: NLM_F_CREATE | NLM_F_EXCL, body });
}

/** How many bits a mask has, from the left; null for one with gaps. */
const prefixOf = (mask: number): number | null => {
  const bits = Math.clz32(~mask >>> 0);
  return mask === (bits === 0 ? 0 : (0xffff_ffff << (32 - bits)) >>> 0) ? bits : null;
};

/** The keys of a selector, in its order. */
function readKeys(selector: Uint8Array): readonly Key[] {
  const count = selector[2] ?? 0;
  return Array.from({ length: count }, (_, at) => SELECTOR + KEY * at).flatMap((at) => {
    const [mask, value] = [readBe(selector, 4, at), readBe(selector, 4, at + 4)];
    const offset = readUint(selector, 4, at + 8);
    return mask === null || value === null || offset === null ? [] : [{ mask, value, offset }];
  });
}

/** Keys as the prefix that they stand for; null where it is none. */
function prefixFrom(keys: readonly Key[], family: 4 | 6, start: number): Cidr | null {
  const bytes = new Uint8Array(family === 4 ? 4 : 16);
  let prefix = 0;
  for (const [word, { mask, value, offset }] of keys.entries()) {
    const bits = prefixOf(mask);
    if (bits === null || offset !== start + 4 * word || prefix !== 32 * word || 4 * word >= bytes.length) return null;
    prefix += bits;
    new DataView(bytes.buffer).setUint32(4 * word, value);
  }
  return { ip: ipFromBytes(bytes), prefix };
}

/** What a filter looks for: nothing, a prefix, or something else. */
function readMatch(keys: readonly Key[], protocol: Filter["protocol"]): Filter["match"] {
  if (keys.every(({ mask }) => mask === 0)) return null;
  if (protocol !== "ip" && protocol !== "ipv6") return "other";
  const family = protocol === "ip" ? 4 : 6;
  for (const field of ["src", "dst"] as const) {
    const cidr = prefixFrom(keys, family, OFFSETS[family][field]);
    if (cidr !== null) return { field, prefix: formatCidr(cidr) };
  }
  return "other";
}

/** The index of the link that the first redirecting action leads to; null for none, 0 for one that is gone. */
function readRedirect(actions: Uint8Array): number | null {
  for (const [, payload] of attributesOf(actions)) {
    const action = new Attributes(payload);
    const parms = action.nested(TCA_ACT.OPTIONS).bytes(TCA_MIRRED_PARMS);
    const isRedirect = action.string(TCA_ACT.KIND) === "mirred" &&
      readUint(parms, 4, MIRRED.EACTION) === EGRESS_REDIRECT;
    if (isRedirect) return readUint(parms, 4, MIRRED.IFINDEX) ?? 0;
  }
  return null;
}

const protocolName = (info: number): Filter["protocol"] => {
  const ethertype = ((info & 0xff) << 8) | ((info >>> 8) & 0xff);
  return (["all", "ip", "ipv6"] as const).find((name) => ETH_P[name] === ethertype) ?? "other";
};

/** Reads an RTM_NEWTFILTER; null for the tables that u32 keeps its filters in, and for what is too short. Never throws. */
export function decodeFilter(body: Uint8Array): Filter | null {
  const info = readUint(body, 4, 16);
  const attributes = new Attributes(body.subarray(TCMSG));
  const kind = attributes.string(TCA.KIND);
  if (info === null || kind === null) return null;
  const options = attributes.nested(TCA.OPTIONS);
  const [priority, protocol] = [info >>> 16, protocolName(info)];
  if (kind !== "u32") return { kind, priority, protocol, match: "other", flow: null, redirect: null };
  const selector = options.bytes(TCA_U32.SEL);
  if (selector === null) return null;
  const flow = options.u32(TCA_U32.CLASSID);
  return {
    kind,
    priority,
    protocol,
    match: readMatch(readKeys(selector), protocol),
    flow: flow === null ? null : handleText(flow),
    redirect: readRedirect(options.bytes(TCA_U32.ACT) ?? new Uint8Array()),
  };
}

/** What says that there is no such link, or nothing that has filters. */
const NONE: ReadonlySet<string> = new Set(["ENOENT", "ENODEV", "EINVAL", "EOPNOTSUPP"]);

/** The filters of a queueing discipline, in the order in which packets meet them. Throws `NetlinkFailure`. */
export function filtersOf(socket: NetlinkSocket, link: string, parent: string): readonly Filter[] {
  const found = linkByName(socket, link);
  if (found === null) return [];
  try {
    const messages = socket.dump({
      type: RTM_TC.GETTFILTER,
      body: tcmsg(found.index, handleNumber(parent)).finish(),
    });
    return messages.flatMap(({ body }) => decodeFilter(body) ?? []);
  } catch (error) {
    if (error instanceof NetlinkFailure && NONE.has(error.errno)) return [];
    throw error;
  }
}
