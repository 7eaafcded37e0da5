/** Network namespaces: excursions of the calling thread, and what this layer keeps open of each side. */
import type { NetnsIdentity } from "../host.ts";
import { NetnsError } from "../host.ts";
import { SystemError } from "../../libc/errno.ts";
import { close, open, setns, socketOption64 } from "../../libc/sockets.ts";
import { NETLINK_NETFILTER, NETLINK_ROUTE, NetlinkSocket } from "./netlink/socket.ts";

const SOL_SOCKET = 1;
/** asm-generic/socket.h, since Linux 5.14: a number of the socket's namespace that is never used again within a boot. */
const SO_NETNS_COOKIE = 71;

/** A descriptor of the namespace the calling thread is in; /proc/self would be the main thread's. */
const currentNamespace = (): number => open("/proc/thread-self/ns/net");

/** Not a `SystemError`: whoever handles that would go on working in the wrong namespace. */
function goHome(home: number): void {
  try {
    setns(home);
  } catch (error) {
    throw new Error("Cannot return to the host's network namespace", { cause: error });
  }
}

/**
 * Runs `fn` with the calling thread inside another namespace. `fn` must be synchronous and start nothing asynchronous: a
 * pool thread that is created meanwhile would stay there for good. Throws `SystemError` when the kernel lets nobody in.
 */
export function within<T>(namespace: number, fn: () => T): T {
  const home = currentNamespace();
  try {
    setns(namespace);
    try {
      return fn();
    } finally {
      goHome(home);
    }
  } finally {
    close(home);
  }
}

/** One side of an attachment: its namespace and the sockets that belong to it. */
export class OpenNetns {
  readonly identity: NetnsIdentity;
  /** Of the namespace: what IFLA_NET_NS_FD takes. */
  readonly fd: number;
  readonly route: NetlinkSocket;
  #netfilter: NetlinkSocket | undefined;

  private constructor(path: string, fd: number, route: NetlinkSocket) {
    this.identity = { path, cookie: `${socketOption64(route.fd, SOL_SOCKET, SO_NETNS_COOKIE)}` };
    this.fd = fd;
    this.route = route;
  }

  /** Takes over the descriptor, also when it throws. `enter` runs a function inside the namespace. */
  static #take(path: string, fd: number, enter: <T>(fn: () => T) => T): OpenNetns {
    let route: NetlinkSocket | undefined;
    try {
      route = enter(() => NetlinkSocket.open(NETLINK_ROUTE));
      return new OpenNetns(path, fd, route);
    } catch (error) {
      route?.close();
      close(fd);
      throw error;
    }
  }

  /** The namespace the calling thread is in. Throws `SystemError`. */
  static current(): OpenNetns {
    return OpenNetns.#take("", currentNamespace(), (fn) => fn());
  }

  /** The namespace of that file. Throws `SystemError`; EINVAL from setns means that it is none. */
  static at(path: string): OpenNetns {
    const fd = open(path);
    return OpenNetns.#take(path, fd, (fn) => within(fd, fn));
  }

  /** The nf_tables and conntrack socket, opened when it is first needed. */
  get netfilter(): NetlinkSocket {
    return this.#netfilter ??= this.run(() => NetlinkSocket.open(NETLINK_NETFILTER));
  }

  /** Runs a synchronous function with the calling thread inside. */
  run<T>(fn: () => T): T {
    return within(this.fd, fn);
  }

  /** Closes the descriptor and the sockets; the namespace lives on while anybody else holds it. */
  close(): void {
    this.route.close();
    this.#netfilter?.close();
    close(this.fd);
  }
}

/** Says what is wrong with the file of a namespace that could not be opened. */
function refusal(path: string, error: SystemError): NetnsError {
  if (error.call === "open" && (error.errno === "ENOENT" || error.errno === "ENOTDIR")) {
    return new NetnsError({ path, reason: "missing" });
  }
  // Sockets and devices without a driver cannot even be opened; other files can, but not be entered.
  const isOther = error.call === "open" ? ["ENXIO", "ENODEV"].includes(error.errno) : error.errno === "EINVAL";
  if (isOther) return new NetnsError({ path, reason: "not a namespace" });
  return new NetnsError({ path, reason: "unreadable", detail: error.message });
}

/** Opens the namespace of a file. Throws `NetnsError`. */
export function openAt(path: string): OpenNetns {
  try {
    return OpenNetns.at(path);
  } catch (error) {
    throw error instanceof SystemError ? refusal(path, error) : error;
  }
}
