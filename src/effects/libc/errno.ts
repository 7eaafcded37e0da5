/** Error numbers of Linux by name, and the errno of the calling thread. */
import { libcFunction } from "./ffi.ts";

/** asm-generic/errno-base.h and errno.h, as x86-64 and arm64 use them: the ones that networking calls end in. */
const NAMES: Readonly<Record<number, string>> = {
  1: "EPERM",
  2: "ENOENT",
  3: "ESRCH",
  4: "EINTR",
  5: "EIO",
  6: "ENXIO",
  7: "E2BIG",
  9: "EBADF",
  11: "EAGAIN",
  12: "ENOMEM",
  13: "EACCES",
  14: "EFAULT",
  16: "EBUSY",
  17: "EEXIST",
  18: "EXDEV",
  19: "ENODEV",
  20: "ENOTDIR",
  21: "EISDIR",
  22: "EINVAL",
  23: "ENFILE",
  24: "EMFILE",
  28: "ENOSPC",
  30: "EROFS",
  31: "EMLINK",
  33: "EDOM",
  34: "ERANGE",
  36: "ENAMETOOLONG",
  38: "ENOSYS",
  39: "ENOTEMPTY",
  40: "ELOOP",
  61: "ENODATA",
  71: "EPROTO",
  74: "EBADMSG",
  75: "EOVERFLOW",
  85: "ERESTART",
  88: "ENOTSOCK",
  90: "EMSGSIZE",
  92: "ENOPROTOOPT",
  93: "EPROTONOSUPPORT",
  94: "ESOCKTNOSUPPORT",
  95: "EOPNOTSUPP",
  97: "EAFNOSUPPORT",
  98: "EADDRINUSE",
  99: "EADDRNOTAVAIL",
  100: "ENETDOWN",
  101: "ENETUNREACH",
  104: "ECONNRESET",
  105: "ENOBUFS",
  106: "EISCONN",
  107: "ENOTCONN",
  110: "ETIMEDOUT",
  111: "ECONNREFUSED",
  112: "EHOSTDOWN",
  113: "EHOSTUNREACH",
  114: "EALREADY",
  524: "ENOTSUPP",
};

/** `EEXIST` for 17; `errno 1234` for a number without a name here. */
export const errnoName = (errno: number): string => NAMES[errno] ?? `errno ${errno}`;

/**
 * A system call failed; `errno` is symbolic, `call` says which one. It has no stack: most are answers ("there is no such
 * link"), and collecting a stack costs more than the call.
 */
export class SystemError extends Error {
  override readonly name: string = "SystemError";
  readonly errno: string;
  readonly call: string;

  /** `words` is what the errno means, where that is for people to read. */
  constructor(errno: string, call: string, words?: string) {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    super(words === undefined ? `${call}: ${errno}` : `${call}: ${words} (${errno})`);
    Error.stackTraceLimit = limit;
    this.errno = errno;
    this.call = call;
  }
}

const strerror = libcFunction("strerror", { parameters: ["i32"], result: "pointer" });

/** strerror(3): `No space left on device` for 28. */
export function errnoWords(errno: number): string {
  const text = strerror().call(errno);
  return text === null ? errnoName(errno) : Deno.UnsafePointerView.getCString(text);
}

const errnoLocation = libcFunction("__errno_location", { parameters: [], result: "pointer" });

let live: Int32Array | undefined;

/** errno's own memory, of this thread, the 4 bytes of an `int`: reading it is one load, with no call in between that could change it. */
function openErrno(): Int32Array {
  const address = errnoLocation().call();
  if (address === null) throw new Error("Cannot read errno: libc tells no location");
  return new Int32Array(Deno.UnsafePointerView.getArrayBuffer(address, 4));
}

/** Must have been called once before the call whose errno is to be read, since it calls libc itself at first. */
export const errnoView = (): Int32Array => live ??= openErrno();
