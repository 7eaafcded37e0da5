/** Waiting for descriptors without a thread for each: one poll(2) on another thread for all that are waited for. */
import { checked } from "./checked.ts";
import { libcFunction } from "./ffi.ts";
import { close } from "./sockets.ts";

const pollFn = libcFunction("poll", { parameters: ["buffer", "usize", "i32"], result: "i32", nonblocking: true });
const eventfdFn = libcFunction("eventfd", { parameters: ["u32", "i32"], result: "i32" });
const readFn = libcFunction("read", { parameters: ["i32", "buffer", "usize"], result: "i32" });
const writeFn = libcFunction("write", { parameters: ["i32", "buffer", "usize"], result: "i32" });

/** asm-generic/poll.h: what can be waited for. */
export const POLLIN = 1;
export const POLLOUT = 4;
const EFD_FLAGS = 0o2_004_000; // EFD_CLOEXEC | EFD_NONBLOCK, sys/eventfd.h
const POLLFD = 8; // struct pollfd { int fd; short events; short revents; }

interface Watch {
  readonly fd: number;
  readonly events: number;
  readonly ready: () => void;
}

/**
 * Descriptors that are waited for. What is told as ready may not be any more: they must not block. One watch per
 * descriptor; it ends when it is told.
 */
export class Poller {
  readonly #watches = new Map<number, Watch>();
  readonly #wake = checked("eventfd", () => eventfdFn().call(0, EFD_FLAGS));
  #running: Promise<void> | null = null;
  #open = true;

  /** Calls `ready` once, when the descriptor can be read (POLLIN), written (POLLOUT), or has failed. */
  watch(fd: number, events: number, ready: () => void): void {
    this.#watches.set(fd, { fd, events, ready });
    if (this.#running === null) this.#running = this.#run();
    else this.#disturb();
  }

  /** Ends a watch: must come before the descriptor is closed. */
  unwatch(fd: number): void {
    if (this.#watches.delete(fd)) this.#disturb();
  }

  /** Ends all watches without telling, and waits for the thread. */
  async close(): Promise<void> {
    this.#watches.clear();
    this.#disturb();
    await this.#running;
    if (this.#open) close(this.#wake);
    this.#open = false;
  }

  /** Makes the poll that is under way begin anew. */
  #disturb(): void {
    if (this.#open) writeFn().call(this.#wake, new Uint8Array(BigUint64Array.of(1n).buffer), 8n);
  }

  async #run(): Promise<void> {
    while (this.#watches.size > 0) {
      const watches = [...this.#watches.values()];
      const fds = new Uint8Array(POLLFD * (watches.length + 1));
      const view = new DataView(fds.buffer);
      for (const [index, { fd, events }] of [{ fd: this.#wake, events: POLLIN }, ...watches].entries()) {
        view.setInt32(POLLFD * index, fd, true);
        view.setInt16(POLLFD * index + 4, events, true);
      }
      await pollFn().call(fds, BigInt(watches.length + 1), -1);
      readFn().call(this.#wake, new Uint8Array(8), 8n);
      for (const [index, watch] of watches.entries()) {
        const isReady = view.getInt16(POLLFD * (index + 1) + 6, true) !== 0;
        if (!isReady || this.#watches.get(watch.fd) !== watch) continue;
        this.#watches.delete(watch.fd);
        watch.ready();
      }
    }
    this.#running = null;
  }
}
