/**
 * Throw-away network namespaces for live tests.
 *
 * A namespace made here has no name and no file: it lives as long as its descriptor (and whatever runs inside), so
 * a test that crashes leaves nothing behind. Network namespaces belong to threads, and `deno test --parallel` gives
 * each test file its own thread, so the excursions of one file do not disturb another.
 */

const CLONE_NEWNET = 0x4000_0000; // linux/sched.h
const O_CLOEXEC = 0o2_000_000; // asm-generic/fcntl.h

// Opened when the module loads, not in a test, where the resource sanitizer would call it a leak. Results are i32:
// a 64-bit result makes a BigInt, whose allocation can change errno before it is read.
const { symbols: libc } = Deno.dlopen("libc.so.6", {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  setns: { parameters: ["i32", "i32"], result: "i32" },
  unshare: { parameters: ["i32"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
});

/** What a shell command did. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A network namespace of the test's own. */
export interface Netns {
  /** Usable as CNI_NETNS by any process of the same user while the namespace is open. */
  readonly path: string;
  readonly fd: number;
  /** Runs `fn` with this thread inside the namespace. `fn` must be synchronous; a promise is refused. */
  readonly run: <T>(fn: () => T) => T;
  /**
   * Runs `fn` with this thread inside until its promise settles. Whatever else the thread does meanwhile happens inside
   * as well: for one test at a time.
   */
  readonly stay: <T>(fn: () => Promise<T>) => Promise<T>;
  /** Runs `sh -c command` inside, to its end. */
  readonly sh: (command: string) => Ran;
  /** `sh`, but throws, with what the command said, when it fails. Returns its stdout. */
  readonly must: (command: string) => string;
  /** Starts a process inside: for a plugin executable whose host namespace this is. */
  readonly spawn: (command: string | URL, options?: Deno.CommandOptions) => Deno.ChildProcess;
  [Symbol.dispose](): void;
}

/** `lo`: bring the loopback link up (a new namespace has it down). */
export interface NetnsOptions {
  readonly lo?: boolean;
}

const checked = (result: number, what: string): number => {
  if (result >= 0) return result;
  const at = libc.__errno_location();
  throw new Error(`Cannot ${what}: errno ${at === null ? "unknown" : new Deno.UnsafePointerView(at).getInt32()}`);
};

/** The namespace of the calling thread; /proc/self would be the main thread's. */
const currentNamespace = (): number =>
  checked(
    libc.open(new TextEncoder().encode("/proc/thread-self/ns/net\0"), O_CLOEXEC),
    'open "/proc/thread-self/ns/net"',
  );

/** Runs `fn`, then takes the thread back to where it is now. */
const excursion = <T>(go: () => void, fn: () => T): T => {
  const home = currentNamespace();
  try {
    go();
    const value = fn();
    if (value instanceof Promise) throw new TypeError("Cannot run an asynchronous function in a namespace");
    return value;
  } finally {
    // A thread that cannot go home must not run another test.
    if (libc.setns(home, CLONE_NEWNET) !== 0) Deno.exit(70);
    libc.close(home);
  }
};

const shell = (command: string): Ran => {
  const { code, stdout, stderr } = new Deno.Command("sh", { args: ["-c", command], stdin: "null" }).outputSync();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
};

/** Makes a network namespace. Throws where the kernel refuses one; see `can.netns` in capabilities.ts. */
export function newNetns(options: NetnsOptions = {}): Netns {
  const fd = excursion(
    () => void checked(libc.unshare(CLONE_NEWNET), "make a network namespace"),
    currentNamespace,
  );
  let open = true;
  const enter = () => {
    if (!open) throw new Error("Cannot enter the namespace: it is closed");
    checked(libc.setns(fd, CLONE_NEWNET), "enter the namespace");
  };
  const run = <T>(fn: () => T): T => excursion(enter, fn);
  const stay = async <T>(fn: () => Promise<T>): Promise<T> => {
    const home = currentNamespace();
    try {
      enter();
      return await fn();
    } finally {
      if (libc.setns(home, CLONE_NEWNET) !== 0) Deno.exit(70);
      libc.close(home);
    }
  };
  const sh = (command: string): Ran => run(() => shell(command));
  const must = (command: string): string => {
    const { code, stdout, stderr } = sh(command);
    if (code !== 0) throw new Error(`Cannot run "${command}": status ${code}: ${stderr || stdout}`);
    return stdout;
  };
  const close = () => {
    if (open) libc.close(fd);
    open = false;
  };
  if (options.lo) must("ip link set lo up");
  return {
    path: `/proc/${Deno.pid}/fd/${fd}`,
    fd,
    run,
    stay,
    sh,
    must,
    spawn: (command, commandOptions) => run(() => new Deno.Command(command, commandOptions).spawn()),
    [Symbol.dispose]: close,
  };
}
