/** UDP datagrams in IPv4 packets as bytes (RFC 791, RFC 768). Reading never throws. */
import { ipv4At, ipv4Bytes, numberOf } from "./message.ts";

/** Where a datagram comes from and goes to. */
export interface Datagram {
  /** Source address and port. */
  readonly from: string;
  readonly fromPort: number;
  /** Destination address and port. */
  readonly to: string;
  readonly toPort: number;
  /** What it carries. */
  readonly payload: Uint8Array;
}

/** netinet/in.h: the protocol's number. */
const UDP = 17;
const IP_HEADER = 20, UDP_HEADER = 8;
const TTL = 64;

/** The Internet checksum (RFC 1071) of bytes, of which one that is missing at the end counts as zero. */
function checksum(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length; at += 2) sum += ((part[at] ?? 0) << 8) | (part[at + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** The packet of a datagram, with both checksums. */
export function encodeDatagram({ from, fromPort, to, toPort, payload }: Datagram): Uint8Array<ArrayBuffer> {
  const length = UDP_HEADER + payload.length;
  const packet = new Uint8Array(IP_HEADER + length);
  const view = new DataView(packet.buffer);
  packet[0] = 0x45; // version 4, header of 5 words
  view.setUint16(2, packet.length);
  packet[8] = TTL;
  packet[9] = UDP;
  packet.set(ipv4Bytes(from), 12);
  packet.set(ipv4Bytes(to), 16);
  view.setUint16(10, checksum(packet.subarray(0, IP_HEADER)));
  view.setUint16(20, fromPort);
  view.setUint16(22, toPort);
  view.setUint16(24, length);
  packet.set(payload, IP_HEADER + UDP_HEADER);
  const pseudo = Uint8Array.of(0, UDP, length >>> 8, length);
  const sum = checksum(packet.subarray(12, IP_HEADER), pseudo, packet.subarray(IP_HEADER));
  view.setUint16(26, sum === 0 ? 0xffff : sum);
  return packet;
}

/**
 * Reads a packet; null where it is no whole UDP datagram. The checksum of UDP is not looked at: between virtual links the
 * kernel leaves it incomplete, since nothing can be damaged there.
 */
export function decodeDatagram(packet: Uint8Array): Datagram | null {
  const [start = 0] = packet;
  const header = (start & 0xf) * 4;
  const total = numberOf(packet.subarray(2, 4));
  if (start >>> 4 !== 4 || header < IP_HEADER || total > packet.length || packet[9] !== UDP) return null;
  if ((numberOf(packet.subarray(6, 8)) & 0x3fff) !== 0) return null; // a fragment
  const length = numberOf(packet.subarray(header + 4, header + 6));
  if (length < UDP_HEADER || header + length > total) return null;
  return {
    from: ipv4At(packet, 12),
    to: ipv4At(packet, 16),
    fromPort: numberOf(packet.subarray(header, header + 2)),
    toPort: numberOf(packet.subarray(header + 2, header + 4)),
    payload: packet.subarray(header + UDP_HEADER, header + length),
  };
}
