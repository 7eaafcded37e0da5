/** Packet sockets (packet(7)) that hear the UDP datagrams for one port, and the frames they send. Everything throws `SystemError`. */
import { macBytes, macFromBytes } from "../../spec/mac.ts";
import { checked } from "./checked.ts";
import { errnoName, errnoView, SystemError } from "./errno.ts";
import { libcFunction } from "./ffi.ts";
import { O_NONBLOCK } from "./files.ts";
import { bind, close, setSocketOption, socket } from "./sockets.ts";

const AF_INET = 2, AF_PACKET = 17; // linux/socket.h
const SOCK_DGRAM = 2;
const SOL_SOCKET = 1; // asm-generic/socket.h
const SO_REUSEADDR = 2;
const SO_BINDTODEVICE = 25;
const SO_ATTACH_FILTER = 26;
const ETH_P_IP = 0x0800; // linux/if_ether.h
const SOCKADDR_LL = 20; // linux/if_packet.h
const PROTOCOL_UDP = 17;

const setsockoptFn = libcFunction("setsockopt", {
  parameters: ["i32", "i32", "i32", "buffer", "u32"],
  result: "i32",
});
const sendtoFn = libcFunction("sendto", {
  parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"],
  result: "i32",
});
const recvfromFn = libcFunction("recvfrom", {
  parameters: ["i32", "buffer", "usize", "i32", "buffer", "buffer"],
  result: "i32",
});

/** struct sockaddr_ll { u16 family, be16 protocol, int index, u16 hatype, u8 pkttype, u8 halen, u8 addr[8] }. */
function linkAddress(index: number, mac?: string): Uint8Array<ArrayBuffer> {
  const address = new Uint8Array(SOCKADDR_LL);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, ETH_P_IP);
  view.setInt32(4, index, true);
  if (mac !== undefined) {
    view.setUint8(11, 6);
    address.set(macBytes(mac), 12);
  }
  return address;
}

/** Classic BPF (linux/filter.h): unfragmented UDP for this port; the IP header comes first. */
const filter = (port: number): readonly (readonly [code: number, jt: number, jf: number, k: number])[] => [
  [0x30, 0, 0, 9], // the protocol
  [0x15, 0, 6, PROTOCOL_UDP],
  [0x28, 0, 0, 6], // flags and offset of fragments
  [0x45, 4, 0, 0x1fff],
  [0xb1, 0, 0, 0], // x = length of the header
  [0x48, 0, 0, 2], // the destination port
  [0x15, 0, 1, port],
  [0x06, 0, 0, 0x4_0000],
  [0x06, 0, 0, 0],
];

/** SO_ATTACH_FILTER takes a struct sock_fprog { u16 len; struct sock_filter *filter }. */
function attachFilter(fd: number, port: number): void {
  const program = filter(port);
  const code = new Uint8Array(8 * program.length);
  const view = new DataView(code.buffer);
  for (const [index, [op, jt, jf, k]] of program.entries()) {
    view.setUint16(8 * index, op, true);
    view.setUint8(8 * index + 2, jt);
    view.setUint8(8 * index + 3, jf);
    view.setUint32(8 * index + 4, k, true);
  }
  const fprog = new Uint8Array(16);
  new DataView(fprog.buffer).setUint16(0, program.length, true);
  new DataView(fprog.buffer).setBigUint64(8, Deno.UnsafePointer.value(Deno.UnsafePointer.of(code)), true);
  checked("setsockopt", () => setsockoptFn().call(fd, SOL_SOCKET, SO_ATTACH_FILTER, fprog, fprog.length));
}

/** Runs `prepare` with a new socket, which is closed where that throws. */
function opened(fd: number, prepare: (fd: number) => void): number {
  try {
    prepare(fd);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** A socket for IPv4 packets of one link of the calling thread's namespace: it hears what comes for this UDP port. */
export const openPacketSocket = (index: number, port: number): number =>
  // Without a protocol it hears nothing before it is bound, and so nothing that the filter would drop.
  opened(socket(AF_PACKET, SOCK_DGRAM | O_NONBLOCK, 0), (fd) => {
    attachFilter(fd, port);
    bind(fd, linkAddress(index));
  });

/**
 * Takes the UDP port on one link, so that the kernel does not answer what comes for it with "port unreachable". What
 * arrives there is not read.
 */
export const holdPort = (link: string, port: number): number =>
  opened(socket(AF_INET, SOCK_DGRAM, 0), (fd) => {
    const name = new TextEncoder().encode(link);
    setSocketOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    checked("setsockopt", () => setsockoptFn().call(fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length));
    const address = new Uint8Array(16); // struct sockaddr_in
    new DataView(address.buffer).setUint16(0, AF_INET, true);
    new DataView(address.buffer).setUint16(2, port);
    bind(fd, address);
  });

/** Sends an IP packet to an Ethernet address. */
export const sendPacket = (fd: number, packet: Uint8Array<ArrayBuffer>, index: number, mac: string): void =>
  void checked(
    "sendto",
    () => sendtoFn().call(fd, packet, BigInt(packet.length), 0, linkAddress(index, mac), SOCKADDR_LL),
  );

/** The next packet, and the Ethernet address it came from; null when there is none. */
export function receivePacket(fd: number): { readonly packet: Uint8Array; readonly from: string } | null {
  const buffer = new Uint8Array(65_536);
  const address = new Uint8Array(SOCKADDR_LL);
  const errno = errnoView();
  const length = recvfromFn().call(
    fd,
    buffer,
    BigInt(buffer.length),
    0,
    address,
    new Uint8Array(Uint32Array.of(SOCKADDR_LL).buffer),
  );
  if (length >= 0) return { packet: buffer.slice(0, length), from: macFromBytes(address.subarray(12, 18)) };
  const name = errnoName(errno[0] ?? 0);
  if (name === "EAGAIN") return null;
  throw new SystemError(name, "recvfrom");
}
