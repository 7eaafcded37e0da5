/** Local sockets (unix(7)) that listen, and what they accept. None of them blocks. Everything throws `SystemError`. */
import { checked } from "./checked.ts";
import { errnoName, errnoView, SystemError } from "./errno.ts";
import { libcFunction } from "./ffi.ts";
import { O_CLOEXEC, O_NONBLOCK } from "./files.ts";
import { bind, close, socket } from "./sockets.ts";

const AF_UNIX = 1, SOCK_STREAM = 1; // linux/socket.h
const SOL_SOCKET = 1, SO_ACCEPTCONN = 30; // asm-generic/socket.h
const MSG_NOSIGNAL = 0x4000; // linux/socket.h
/** sun_path of struct sockaddr_un, with its final NUL (linux/un.h). */
const LONGEST_PATH = 108;
/** As many as the kernel allows (net/core/net_namespace.c: SOMAXCONN): a node may start all its containers at once. */
const BACKLOG = 4096;
const F_SETFL = 4, F_SETFD = 2, FD_CLOEXEC = 1; // asm-generic/fcntl.h

const listenFn = libcFunction("listen", { parameters: ["i32", "i32"], result: "i32" });
const connectFn = libcFunction("connect", { parameters: ["i32", "buffer", "u32"], result: "i32" });
const accept4Fn = libcFunction("accept4", { parameters: ["i32", "pointer", "pointer", "i32"], result: "i32" });
const fcntlFn = libcFunction("fcntl", { parameters: ["i32", "i32", "i32"], result: "i32" });
const readFn = libcFunction("read", { parameters: ["i32", "buffer", "usize"], result: "i32" });
const sendFn = libcFunction("send", { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" });
const getsockoptFn = libcFunction("getsockopt", {
  parameters: ["i32", "i32", "i32", "buffer", "buffer"],
  result: "i32",
});

/** struct sockaddr_un { u16 family; char path[108] }. */
function localAddress(path: string): Uint8Array<ArrayBuffer> {
  const name = new TextEncoder().encode(path);
  if (name.length >= LONGEST_PATH) throw new SystemError("ENAMETOOLONG", `"${path}" has ${name.length} bytes`);
  const address = new Uint8Array(2 + name.length + 1);
  address[0] = AF_UNIX;
  address.set(name, 2);
  return address;
}

/** Runs `use` with a new socket, which is closed where that throws. */
function withNew<A>(use: (fd: number) => A): A {
  const fd = socket(AF_UNIX, SOCK_STREAM | O_NONBLOCK, 0);
  try {
    return use(fd);
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** A socket that listens under a name that is free. */
export const listenAt = (path: string): number =>
  withNew((fd) => {
    bind(fd, localAddress(path));
    checked("listen", () => listenFn().call(fd, BACKLOG));
    return fd;
  });

/** Whether anybody listens under a name. */
export function isListening(path: string): boolean {
  try {
    return withNew((fd) => {
      checked("connect", () => connectFn().call(fd, localAddress(path), path.length + 3));
      close(fd);
      return true;
    });
  } catch (error) {
    // EAGAIN: somebody does, and has many callers.
    return error instanceof SystemError && error.errno === "EAGAIN";
  }
}

/** Takes over a descriptor that was handed to this process; throws where it is no socket that listens. */
export function adoptListener(fd: number): number {
  const value = new Uint8Array(4);
  const length = new Uint8Array(Uint32Array.of(4).buffer);
  checked(`descriptor ${fd}`, () => getsockoptFn().call(fd, SOL_SOCKET, SO_ACCEPTCONN, value, length));
  if (value[0] !== 1) throw new SystemError("EINVAL", `descriptor ${fd} does not listen`);
  checked("fcntl", () => fcntlFn().call(fd, F_SETFD, FD_CLOEXEC));
  checked("fcntl", () => fcntlFn().call(fd, F_SETFL, O_NONBLOCK));
  return fd;
}

/** The number a call ends with; null for "not now". */
function unlessBusy(name: string, call: () => number): number | null {
  const errno = errnoView();
  const result = call();
  if (result >= 0) return result;
  const failure = errnoName(errno[0] ?? 0);
  if (failure === "EAGAIN" || failure === "EINTR") return null;
  throw new SystemError(failure, name);
}

/** The next connection; null when there is none. */
export const acceptNext = (fd: number): number | null =>
  unlessBusy("accept", () => accept4Fn().call(fd, null, null, O_CLOEXEC | O_NONBLOCK));

/** What has come; empty at the end, null when nothing has come yet. */
export function readSome(fd: number): Uint8Array | null {
  const buffer = new Uint8Array(65_536);
  const length = unlessBusy("read", () => readFn().call(fd, buffer, BigInt(buffer.length)));
  return length === null ? null : buffer.slice(0, length);
}

/** How many bytes were taken; null when none can be taken now. Who has gone is an error, and no signal. */
export const writeSome = (fd: number, bytes: Uint8Array<ArrayBuffer>): number | null =>
  unlessBusy("send", () => sendFn().call(fd, bytes, BigInt(bytes.length), MSG_NOSIGNAL));
