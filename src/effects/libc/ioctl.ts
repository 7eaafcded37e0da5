/** ioctl(2): requests that a device has of its own. Each throws `SystemError` when the kernel refuses it. */
import { checked } from "./checked.ts";
import { libcFunction } from "./ffi.ts";

const withValue = libcFunction("ioctl", { parameters: ["i32", "usize", "usize"], result: "i32" });
const withMemory = libcFunction("ioctl", { parameters: ["i32", "usize", "buffer"], result: "i32" });

/** A request whose argument is a number, from 0 to 2^32 - 1. */
export const ioctlValue = (fd: number, name: string, request: number, value: number): void =>
  void checked(name, () => withValue().call(fd, BigInt(request), BigInt(value)));

/** A request whose argument is memory, which the kernel reads and may write. */
export const ioctlMemory = (fd: number, name: string, request: number, memory: Uint8Array<ArrayBuffer>): void =>
  void checked(name, () => withMemory().call(fd, BigInt(request), memory));
