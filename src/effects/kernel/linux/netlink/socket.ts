/** One netlink socket: requests, batches and dumps, all synchronous. */
import { SystemError } from "../../../libc/errno.ts";
import { bind, close, recv, send, setSocketOption, socket } from "../../../libc/sockets.ts";
import { NetlinkFailure, readFailure } from "./error.ts";
import { aligned, NLMSG_HDRLEN, readUint, Writer } from "./message.ts";

/** linux/netlink.h: the protocols used here. */
export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

/** linux/netlink.h: flags of requests and, MULTI and DUMP_INTR, of answers. */
export const NLM_F_REQUEST = 1;
export const NLM_F_ACK = 4;
export const NLM_F_ECHO = 8;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_EXCL = 0x200;
export const NLM_F_DUMP = 0x300;
export const NLM_F_CREATE = 0x400;

/** linux/netlink.h: the types of control messages. */
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;

/** linux/socket.h, asm-generic/socket.h and linux/netlink.h: how the socket is made, its options, and recv(2)'s flags. */
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;

/** How often a dump is started again when the list changes while it is read. */
const DUMP_TRIES = 10;

/** A request: `body` is the family's header and its attributes. NLM_F_REQUEST is added to `flags`. */
export interface NetlinkRequest {
  readonly type: number;
  readonly flags?: number;
  readonly body: Uint8Array;
}

/** A message from the kernel; `body` starts with the family's header. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  readonly body: Uint8Array;
}

/** What became of a batch: everything the kernel said, and the refused requests by their place in the batch, in order. */
export interface BatchAnswer {
  readonly messages: readonly NetlinkMessage[];
  readonly failures: readonly { readonly index: number; readonly failure: NetlinkFailure }[];
}

/** The messages in one datagram. Ends at the first that does not fit; never throws. */
export function* messagesOf(datagram: Uint8Array): Generator<NetlinkMessage> {
  let at = 0;
  while (at + NLMSG_HDRLEN <= datagram.length) {
    const length = readUint(datagram, 4, at) ?? 0;
    if (length < NLMSG_HDRLEN || at + length > datagram.length) return;
    yield {
      type: readUint(datagram, 2, at + 4) ?? 0,
      flags: readUint(datagram, 2, at + 6) ?? 0,
      seq: readUint(datagram, 4, at + 8) ?? 0,
      body: datagram.subarray(at + NLMSG_HDRLEN, at + length),
    };
    at += aligned(length);
  }
}

/**
 * All sockets read into one buffer: reading is synchronous, and what is read is copied out. The kernel cuts dumps to the
 * largest buffer a socket was ever read with (at most 32 KiB), so it must never shrink.
 */
let shared: Uint8Array<ArrayBuffer> | undefined;

/** A socket belongs for good to the network namespace its thread was in when it was opened. */
export class NetlinkSocket {
  readonly fd: number;
  #seq = 0;
  #open = true;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** Opens a socket in the namespace the calling thread is in now. Throws `SystemError`. */
  static open(protocol: number): NetlinkSocket {
    const fd = socket(AF_NETLINK, SOCK_RAW, protocol);
    try {
      setSocketOption(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
      setSocketOption(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
      // Without it rtnetlink ignores the filters of address and route dumps.
      if (protocol === NETLINK_ROUTE) setSocketOption(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
    } catch (error) {
      close(fd);
      throw error;
    }
    return new NetlinkSocket(fd);
  }

  /** Closes the descriptor; a second time does nothing. */
  close(): void {
    if (this.#open) close(this.fd);
    this.#open = false;
  }

  /** Receives the events of a group from now on (`receive`). The socket must not be used for requests then. */
  subscribe(group: number): void {
    // A socket that is not bound has port id 0, the kernel's own, and events are not sent to their sender.
    bind(this.fd, new Writer().u16(AF_NETLINK).u16(0).u32(0).u32(0).finish());
    setSocketOption(this.fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group);
  }

  /** One request: the kernel's data answers, without the acknowledgement. Throws `NetlinkFailure` when it is refused. */
  request(request: NetlinkRequest): readonly NetlinkMessage[] {
    const seq = this.#sendOne({ ...request, flags: (request.flags ?? 0) | NLM_F_ACK });
    const messages: NetlinkMessage[] = [];
    for (const message of this.#answers(seq)) {
      if (message.type !== NLMSG_ERROR) {
        messages.push(message);
        continue;
      }
      const failure = readFailure(message.flags, message.body);
      if (failure !== null) throw failure;
      return messages;
    }
    throw new NetlinkFailure("EPROTO", "the kernel did not answer");
  }

  /**
   * Asks for one thing: the kernel's one answer, which needs no acknowledgement, or the refusal. What is asked for is often
   * not there, so that is returned and not thrown.
   */
  ask(request: NetlinkRequest): NetlinkMessage | NetlinkFailure {
    const seq = this.#sendOne(request);
    for (const message of this.#answers(seq)) {
      if (message.type !== NLMSG_ERROR) return message;
      const failure = readFailure(message.flags, message.body);
      if (failure !== null) return failure;
    }
    return new NetlinkFailure("EPROTO", "the kernel did not answer");
  }

  /**
   * Several requests in one send. The kernel carries them out inside the send, so that all it has to say is there when
   * the send returns. A refused request always answers; one that is carried out answers with NLM_F_ACK: at least the
   * last should have it, as the proof that the kernel came that far. Throws for the socket only.
   */
  batch(requests: readonly NetlinkRequest[]): BatchAnswer {
    const first = this.#seq + 1;
    const writer = new Writer();
    for (const request of requests) this.#write(writer, request);
    this.#send(writer.finish());
    const messages: NetlinkMessage[] = [];
    const failures: { index: number; failure: NetlinkFailure }[] = [];
    let answered = 0;
    for (let datagram = this.receive(); datagram !== null; datagram = this.receive()) {
      for (const message of messagesOf(datagram)) {
        const index = message.seq - first;
        if (index < 0 || index >= requests.length) continue;
        answered++;
        if (message.type !== NLMSG_ERROR) {
          messages.push(message);
          continue;
        }
        const failure = readFailure(message.flags, message.body);
        if (failure !== null) failures.push({ index, failure });
      }
    }
    if (answered === 0 && requests.length > 0) throw new NetlinkFailure("EPROTO", "the kernel did not answer");
    return { messages, failures: failures.sort((a, b) => a.index - b.index) };
  }

  /**
   * All objects of a kind. Started again when the list changed while it was read; EINTR when that happens every time.
   * Throws `NetlinkFailure`.
   */
  dump(request: NetlinkRequest): readonly NetlinkMessage[] {
    for (let tries = 0; tries < DUMP_TRIES; tries++) {
      const messages = this.#dumpOnce(request);
      if (messages !== null) return messages;
    }
    throw new NetlinkFailure("EINTR", "the list kept changing while it was read");
  }

  /** The next datagram, copied; null when there is none. */
  receive(): Uint8Array | null {
    shared ??= new Uint8Array(65_536);
    const length = recv(this.fd, shared, MSG_DONTWAIT | MSG_TRUNC);
    if (length === null) return null;
    if (length > shared.length) {
      throw new NetlinkFailure("EMSGSIZE", `the kernel's answer has ${length} bytes, more than ${shared.length}`);
    }
    return shared.slice(0, length);
  }

  /** Sends a request and returns its sequence number. */
  #sendOne(request: NetlinkRequest): number {
    const writer = new Writer();
    const seq = this.#write(writer, request);
    this.#send(writer.finish());
    return seq;
  }

  /** What the kernel has said to a request so far. */
  *#answers(seq: number): Generator<NetlinkMessage> {
    for (let datagram = this.receive(); datagram !== null; datagram = this.receive()) {
      for (const message of messagesOf(datagram)) if (message.seq === seq) yield message;
    }
  }

  /** One reading of a dump; null when the list changed meanwhile. Reads to the end in any case. */
  #dumpOnce(request: NetlinkRequest): readonly NetlinkMessage[] | null {
    const seq = this.#sendOne({ ...request, flags: (request.flags ?? 0) | NLM_F_DUMP });
    const messages: NetlinkMessage[] = [];
    let interrupted = false;
    for (const message of this.#answers(seq)) {
      if ((message.flags & NLM_F_DUMP_INTR) !== 0) interrupted = true;
      if (message.type !== NLMSG_ERROR && message.type !== NLMSG_DONE) {
        messages.push(message);
        continue;
      }
      const failure = readFailure(message.flags, message.body);
      if (failure !== null) throw failure;
      return interrupted ? null : messages;
    }
    throw new NetlinkFailure("EPROTO", "the kernel did not finish its answer");
  }

  /** Writes a request with its header and returns its sequence number. */
  #write(writer: Writer, request: NetlinkRequest): number {
    this.#seq = (this.#seq + 1) >>> 0;
    writer.u32(NLMSG_HDRLEN + request.body.length).u16(request.type).u16((request.flags ?? 0) | NLM_F_REQUEST)
      .u32(this.#seq).u32(0).bytes(request.body).align();
    return this.#seq;
  }

  /** One send. What does not fit the send buffer (212 992 bytes by default) is sent again with a larger one. */
  #send(bytes: Uint8Array<ArrayBuffer>): void {
    try {
      send(this.fd, bytes);
    } catch (error) {
      if (!(error instanceof SystemError) || error.errno !== "EMSGSIZE") throw error;
      this.#enlarge(bytes.length);
      send(this.fd, bytes);
    }
  }

  /** Only the root of the whole machine may go past the limit of the send buffer; a user namespace's may not. */
  #enlarge(length: number): void {
    try {
      setSocketOption(this.fd, SOL_SOCKET, SO_SNDBUFFORCE, 2 * length);
    } catch (error) {
      if (!(error instanceof SystemError) || error.errno !== "EPERM") throw error;
      throw new NetlinkFailure("EMSGSIZE", `${length} bytes are more than root of a user namespace may send at once`);
    }
  }
}
