/** System calls on sockets and namespaces. Each throws `SystemError` when the kernel refuses it. */
import { checked } from "./checked.ts";
import { errnoName, errnoView, SystemError } from "./errno.ts";
import { cstring, libcFunction } from "./ffi.ts";
import { O_CLOEXEC, O_NONBLOCK } from "./files.ts";

const CLONE_NEWNET = 0x4000_0000; // linux/sched.h

const openFn = libcFunction("open", { parameters: ["buffer", "i32"], result: "i32" });
const closeFn = libcFunction("close", { parameters: ["i32"], result: "i32" });
const setnsFn = libcFunction("setns", { parameters: ["i32", "i32"], result: "i32" });
const socketFn = libcFunction("socket", { parameters: ["i32", "i32", "i32"], result: "i32" });
const bindFn = libcFunction("bind", { parameters: ["i32", "buffer", "u32"], result: "i32" });
const sendFn = libcFunction("send", { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" });
const recvFn = libcFunction("recv", { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" });
const pollFn = libcFunction("poll", { parameters: ["buffer", "usize", "i32"], result: "i32", nonblocking: true });
const setsockoptFn = libcFunction("setsockopt", {
  parameters: ["i32", "i32", "i32", "buffer", "u32"],
  result: "i32",
});
const getsockoptFn = libcFunction("getsockopt", {
  parameters: ["i32", "i32", "i32", "buffer", "buffer"],
  result: "i32",
});

/** open(2) for reading; the descriptor is closed on exec. Never waits, whatever the path is (a FIFO would). */
export const open = (path: string): number =>
  checked("open", () => openFn().call(cstring(path), O_CLOEXEC | O_NONBLOCK));

/** close(2); a failure is of no interest, since the descriptor is gone either way. */
export const close = (fd: number): void => void closeFn().call(fd);

/** setns(2) of the calling thread into a network namespace. */
export const setns = (fd: number): void => void checked("setns", () => setnsFn().call(fd, CLONE_NEWNET));

/** socket(2), closed on exec. */
export const socket = (family: number, type: number, protocol: number): number =>
  checked("socket", () => socketFn().call(family, type | O_CLOEXEC, protocol));

/** bind(2). */
export const bind = (fd: number, address: Uint8Array<ArrayBuffer>): void =>
  void checked("bind", () => bindFn().call(fd, address, address.length));

/** send(2); returns the number of bytes taken. */
export const send = (fd: number, bytes: Uint8Array<ArrayBuffer>): number =>
  checked("send", () => sendFn().call(fd, bytes, BigInt(bytes.length), 0));

/**
 * recv(2); returns the number of bytes, the true one with MSG_TRUNC, or null when there is nothing to receive. Every
 * answer ends in that, so it is no error: an exception with its stack would cost more than the call.
 */
export function recv(fd: number, buffer: Uint8Array<ArrayBuffer>, flags: number): number | null {
  const errno = errnoView();
  const length = recvFn().call(fd, buffer, BigInt(buffer.length), flags);
  if (length >= 0) return length;
  const name = errnoName(errno[0] ?? 0);
  if (name === "EAGAIN") return null;
  throw new SystemError(name, "recv");
}

/** setsockopt(2) with an `int`, of 4 bytes. */
export const setSocketOption = (fd: number, level: number, name: number, value: number): void =>
  void checked(
    "setsockopt",
    () => setsockoptFn().call(fd, level, name, new Uint8Array(Int32Array.of(value).buffer), 4),
  );

/** getsockopt(2) of a 64-bit option, of 8 bytes. */
export function socketOption64(fd: number, level: number, name: number): bigint {
  const value = new BigUint64Array(1);
  const length = Uint32Array.of(8);
  checked(
    "getsockopt",
    () => getsockoptFn().call(fd, level, name, new Uint8Array(value.buffer), new Uint8Array(length.buffer)),
  );
  return value[0] ?? 0n;
}

/**
 * poll(2) for reading, on another thread, so that this one goes on: true when there is something to read, false after
 * `limitMs` milliseconds. It ends by itself, so a process never hangs on it. Another thread's errno cannot be read:
 * the only failure possible here is a lack of memory.
 */
export async function readable(fd: number, limitMs: number): Promise<boolean> {
  const POLLIN = 1; // asm-generic/poll.h
  const pollfd = new Uint8Array(8); // struct pollfd { int fd; short events; short revents; }
  const view = new DataView(pollfd.buffer);
  view.setInt32(0, fd, true);
  view.setInt16(4, POLLIN, true);
  const ready = await pollFn().call(pollfd, 1n, Math.ceil(limitMs));
  return ready > 0;
}
