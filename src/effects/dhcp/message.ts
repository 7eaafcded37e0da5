/** DHCP messages as bytes (RFC 2131, 2; options RFC 2132 and, where they are long, RFC 3396). Reading never throws. */
import { OPTION } from "../../spec/dhcp_option.ts";
import { macBytes, macFromBytes } from "../../spec/mac.ts";

/** Values of option 53 (RFC 2132, 9.6). */
export const MESSAGE_TYPE = { DISCOVER: 1, OFFER: 2, REQUEST: 3, ACK: 5, NAK: 6, RELEASE: 7 } as const;

/** The bit of `flags` that asks servers to answer by broadcast (RFC 2131, figure 2). */
export const BROADCAST_FLAG = 0x8000;

/** `op` of messages of clients and of servers. */
const BOOTREQUEST = 1, BOOTREPLY = 2;
const ETHERNET = 1, MAC_BYTES = 6;
const MAGIC = [99, 130, 83, 99];
const PAD = 0, END = 255;
/** Where the fields of RFC 2131, figure 1, start; `options` behind the magic. */
const AT = {
  XID: 4,
  SECS: 8,
  FLAGS: 10,
  CIADDR: 12,
  YIADDR: 16,
  CHADDR: 28,
  SNAME: 44,
  FILE: 108,
  MAGIC: 236,
  OPTIONS: 240,
};
/** Shortest message that all relays and servers take (RFC 1542, 2.1). */
const SHORTEST = 300;
const LONGEST_PIECE = 255;

/** A message of a client or a server. */
export interface DhcpMessage {
  /** Whether it is a server's. */
  readonly isReply: boolean;
  /** The transaction it belongs to. */
  readonly xid: number;
  /** Seconds since the client began. */
  readonly secs: number;
  /** `BROADCAST_FLAG` or 0. */
  readonly flags: number;
  /** The address that the client has. */
  readonly ciaddr: string;
  /** The address that the client is given. */
  readonly yiaddr: string;
  /** The client's Ethernet address. */
  readonly chaddr: string;
  /** Option values by code, each in one piece. */
  readonly options: ReadonlyMap<number, Uint8Array>;
}

/** No address: 0.0.0.0. */
export const NO_ADDRESS = "0.0.0.0";

/** The four bytes of an IPv4 address that has been checked before. */
export const ipv4Bytes = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(text.split("."), Number);

/** The IPv4 address that starts there. */
export const ipv4At = (bytes: Uint8Array, at = 0): string => bytes.subarray(at, at + 4).join(".");

/** Big-endian number of 1 to 4 bytes. */
export const numberOf = (bytes: Uint8Array): number => bytes.reduce((sum, byte) => sum * 256 + byte, 0);

/** Four bytes, big-endian. */
export const u32Bytes = (value: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);

function optionBytes(options: ReadonlyMap<number, Uint8Array>): number[] {
  const bytes: number[] = [];
  for (const [code, value] of [...options].sort(([a], [b]) => a - b)) {
    if (code === PAD || code === END) continue;
    for (let at = 0; at === 0 || at < value.length; at += LONGEST_PIECE) {
      const piece = value.subarray(at, at + LONGEST_PIECE);
      bytes.push(code, piece.length, ...piece);
    }
  }
  return [...bytes, END];
}

/**
 * The bytes of a message, with its options in ascending order.
 *
 * @example
 * ```ts
 * import { decodeMessage, encodeMessage, NO_ADDRESS } from "./message.ts";
 * const chaddr = "02:00:00:00:00:01", options = new Map([[53, Uint8Array.of(1)]]);
 * const bytes = encodeMessage({
 *   isReply: false, xid: 7, secs: 0, flags: 0, ciaddr: NO_ADDRESS, yiaddr: NO_ADDRESS, chaddr, options,
 * });
 * if (bytes.length !== 300 || decodeMessage(bytes)?.xid !== 7) throw new Error("not the same message");
 * ```
 */
export function encodeMessage(message: DhcpMessage): Uint8Array<ArrayBuffer> {
  const options = optionBytes(message.options);
  const bytes = new Uint8Array(Math.max(SHORTEST, AT.OPTIONS + options.length));
  const view = new DataView(bytes.buffer);
  bytes.set([message.isReply ? BOOTREPLY : BOOTREQUEST, ETHERNET, MAC_BYTES, 0]);
  view.setUint32(AT.XID, message.xid);
  view.setUint16(AT.SECS, message.secs);
  view.setUint16(AT.FLAGS, message.flags);
  bytes.set(ipv4Bytes(message.ciaddr), AT.CIADDR);
  bytes.set(ipv4Bytes(message.yiaddr), AT.YIADDR);
  bytes.set(macBytes(message.chaddr), AT.CHADDR);
  bytes.set(MAGIC, AT.MAGIC);
  bytes.set(options, AT.OPTIONS);
  return bytes;
}

/** Reads options into `found`; false where one does not fit, or the end is missing. */
function readOptions(field: Uint8Array, found: Map<number, Uint8Array>): boolean {
  for (let at = 0; at < field.length;) {
    const code = field[at++];
    if (code === END) return true;
    if (code === PAD || code === undefined) continue;
    const length = field[at++];
    if (length === undefined || at + length > field.length) return false;
    const piece = field.subarray(at, at + length);
    found.set(code, Uint8Array.of(...found.get(code) ?? [], ...piece));
    at += length;
  }
  return false;
}

/** Option 52: options go on in the fields for names (RFC 2132, 9.3). */
function readOverload(bytes: Uint8Array, found: Map<number, Uint8Array>): boolean {
  const where = found.get(OPTION.OVERLOAD)?.[0] ?? 0;
  const isFine = (where & 1) === 0 || readOptions(bytes.subarray(AT.FILE, AT.MAGIC), found);
  return isFine && ((where & 2) === 0 || readOptions(bytes.subarray(AT.SNAME, AT.FILE), found));
}

/** Reads a message; null where it is none, or not one for Ethernet. */
export function decodeMessage(bytes: Uint8Array): DhcpMessage | null {
  if (bytes.length <= AT.OPTIONS || MAGIC.some((byte, at) => bytes[AT.MAGIC + at] !== byte)) return null;
  const [op, hardware, length] = bytes;
  if ((op !== BOOTREQUEST && op !== BOOTREPLY) || hardware !== ETHERNET || length !== MAC_BYTES) return null;
  const options = new Map<number, Uint8Array>();
  if (!readOptions(bytes.subarray(AT.OPTIONS), options) || !readOverload(bytes, options)) return null;
  return {
    isReply: op === BOOTREPLY,
    xid: numberOf(bytes.subarray(AT.XID, AT.XID + 4)),
    secs: numberOf(bytes.subarray(AT.SECS, AT.SECS + 2)),
    flags: numberOf(bytes.subarray(AT.FLAGS, AT.FLAGS + 2)),
    ciaddr: ipv4At(bytes, AT.CIADDR),
    yiaddr: ipv4At(bytes, AT.YIADDR),
    chaddr: macFromBytes(bytes.subarray(AT.CHADDR, AT.CHADDR + MAC_BYTES)),
    options,
  };
}

/** Option 53 of a message; 0 where it has none. */
export const messageTypeOf = ({ options }: DhcpMessage): number => options.get(OPTION.MESSAGE_TYPE)?.[0] ?? 0;

/** Option 54 of a message. */
export function serverIdOf({ options }: DhcpMessage): string | null {
  const value = options.get(OPTION.SERVER_ID);
  return value?.length === 4 ? ipv4At(value) : null;
}
