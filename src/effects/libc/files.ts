/**
 * System calls on files, for the layers that write ahead: an attachment makes hundreds, and a missing file is an answer
 * here, not an exception. `openBeneath` also refuses links on the way without a race, which no check before could.
 */
import { EAGAIN, EEXIST, ENOENT, onFile } from "./checked.ts";
import { cstring, libcFunction } from "./ffi.ts";
import { type FileStatus, fileStatus, STATX_BASIC_STATS, statxBuffer } from "./status.ts";

/** asm-generic/fcntl.h, as x86-64 and arm64 have them. */
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_APPEND = 0o2_000;
export const O_NONBLOCK = 0o4_000;
export const O_CLOEXEC = 0o2_000_000;
/** A link at the end of the path is refused (ELOOP). The architectures' own fcntl.h give it different numbers. */
export const O_NOFOLLOW = Deno.build.arch === "aarch64" ? 0o100_000 : 0o400_000;
/** Only a place in the file system: nothing is opened. */
export const O_PATH = 0o10_000_000;

const AT_FDCWD = -100; // linux/fcntl.h
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const LOCK_EX = 2; // asm-generic/fcntl.h
const LOCK_NB = 4;
/** The same number on every architecture, since Linux 5.6; libc has no function of that name yet. */
const SYS_openat2 = 437n;
const RESOLVE_NO_SYMLINKS = 4; // linux/openat2.h
const RESOLVE_BENEATH = 8;

const openFn = libcFunction("open", { parameters: ["buffer", "i32", "u32"], result: "i32" });
const syscallFn = libcFunction("syscall", {
  parameters: ["usize", "i32", "buffer", "buffer", "usize"],
  result: "i32",
});
const closeFn = libcFunction("close", { parameters: ["i32"], result: "i32" });
const readFn = libcFunction("read", { parameters: ["i32", "buffer", "usize"], result: "i32" });
const writeFn = libcFunction("write", { parameters: ["i32", "buffer", "usize"], result: "i32" });
const statxFn = libcFunction("statx", { parameters: ["i32", "buffer", "i32", "u32", "buffer"], result: "i32" });
const flockFn = libcFunction("flock", { parameters: ["i32", "i32"], result: "i32" });
const ftruncateFn = libcFunction("ftruncate", { parameters: ["i32", "i64"], result: "i32" });
const fchmodFn = libcFunction("fchmod", { parameters: ["i32", "u32"], result: "i32" });
const mkdirFn = libcFunction("mkdir", { parameters: ["buffer", "u32"], result: "i32" });
const chmodFn = libcFunction("chmod", { parameters: ["buffer", "u32"], result: "i32" });
const unlinkFn = libcFunction("unlink", { parameters: ["buffer"], result: "i32" });
const linkFn = libcFunction("link", { parameters: ["buffer", "buffer"], result: "i32" });
const futimensFn = libcFunction("futimens", { parameters: ["i32", "buffer"], result: "i32" });

const empty = cstring("");
const how = new Uint8Array(24); // struct open_how { __u64 flags, mode, resolve; }
const howView = new DataView(how.buffer);
const times = new Uint8Array(32); // struct timespec { time_t tv_sec; long tv_nsec; } of access and of change
const timesView = new DataView(times.buffer);

const openat2 = (folder: number, path: string, flags: number, mode: number): number => {
  howView.setUint32(0, flags, true);
  howView.setUint32(8, mode, true);
  howView.setUint32(16, RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH, true);
  return syscallFn().call(SYS_openat2, folder, cstring(path), how, 24n);
};

const statx = (folder: number, path: Uint8Array<ArrayBuffer>, flags: number): number =>
  statxFn().call(folder, path, flags, STATX_BASIC_STATS, statxBuffer);

const orNull = (result: number): number | null => result < 0 ? null : result;

/**
 * The calls, in one object, so that tests can watch them and make them fail. Each throws `SystemError` in the kernel's
 * words when it is refused; null says that a file is absent, false what is told with the call. Descriptors are closed on exec.
 */
export const files = {
  /** open(2). */
  open: (path: string, flags: number, mode = 0): number | null =>
    orNull(onFile("open", path, () => openFn().call(cstring(path), flags | O_CLOEXEC, mode), ENOENT)),

  /** openat2(2) below an open folder: no link is followed on the way, nor at its end. */
  openBeneath: (folder: number, path: string, flags: number, mode = 0): number | null =>
    orNull(onFile("open", path, () => openat2(folder, path, flags | O_CLOEXEC, mode), ENOENT)),

  /** close(2); a failure is of no interest, since the descriptor is gone either way. */
  close: (fd: number): void => void closeFn().call(fd),

  /** read(2); 0 at the end. */
  read: (fd: number, bytes: Uint8Array<ArrayBuffer>): number =>
    onFile("read", `descriptor ${fd}`, () => readFn().call(fd, bytes, BigInt(bytes.length))),

  /** write(2), of `path`, which only the error needs. */
  write: (fd: number, bytes: Uint8Array<ArrayBuffer>, path: string): number =>
    onFile("write", path, () => writeFn().call(fd, bytes, BigInt(bytes.length))),

  /** statx(2) of an open file. */
  status: (fd: number): FileStatus => {
    onFile("statx", `descriptor ${fd}`, () => statx(fd, empty, AT_EMPTY_PATH));
    return fileStatus();
  },

  /** statx(2) of a path below an open folder, or of any path; a link at its end is the file that is told of. */
  statusAt: (path: string, folder = AT_FDCWD): FileStatus | null => {
    const found = onFile("statx", path, () => statx(folder, cstring(path), AT_SYMLINK_NOFOLLOW), ENOENT);
    return found < 0 ? null : fileStatus();
  },

  /** statx(2) of what a path leads to. */
  statusOf: (path: string): FileStatus | null =>
    onFile("statx", path, () => statx(AT_FDCWD, cstring(path), 0), ENOENT) < 0 ? null : fileStatus(),

  /** flock(2), exclusive; false while somebody else has it. */
  lock: (fd: number, path: string): boolean =>
    onFile("flock", path, () => flockFn().call(fd, LOCK_EX | LOCK_NB), EAGAIN) === 0,

  /** ftruncate(2). */
  truncate: (fd: number, length: number, path: string): void =>
    void onFile("ftruncate", path, () => ftruncateFn().call(fd, BigInt(length))),

  /** fchmod(2). */
  setMode: (fd: number, mode: number, path: string): void =>
    void onFile("fchmod", path, () => fchmodFn().call(fd, mode)),

  /** mkdir(2), with this mode whatever the umask; false when something has that name, null when the folder above is missing. */
  makeFolder: (path: string, mode: number): boolean | null => {
    const made = onFile("mkdir", path, () => mkdirFn().call(cstring(path), mode), ENOENT, EEXIST);
    if (made === 0) onFile("chmod", path, () => chmodFn().call(cstring(path), mode));
    return made === -ENOENT ? null : made === 0;
  },

  /**
   * Makes a folder and those above it that are missing, each with this mode whatever the umask. Throws when something else,
   * such as a planted link, has its name.
   */
  makeFolders: (path: string, mode: number): void => {
    const made = files.makeFolder(path, mode);
    if (made === true) return;
    if (made === null) {
      files.makeFolders(path.slice(0, path.lastIndexOf("/")) || "/", mode);
      files.makeFolder(path, mode);
    } else files.checkFolder(path);
  },

  /** Throws when something is there that is no folder: a link is none, wherever it leads. */
  checkFolder: (path: string): void => {
    const status = files.statusAt(path);
    if (status !== null && !status.isFolder) throw new Error(`"${path}" is not a folder`);
  },

  /** unlink(2); false when there is no such file. */
  remove: (path: string): boolean => onFile("unlink", path, () => unlinkFn().call(cstring(path)), ENOENT) === 0,

  /** link(2); false when the new name is taken. */
  link: (path: string, second: string): boolean =>
    onFile("link", second, () => linkFn().call(cstring(path), cstring(second)), EEXIST) === 0,

  /** futimens(2): both times of an open file, in seconds since the epoch. */
  setTimes: (fd: number, seconds: number, path: string): void => {
    for (const at of [0, 16]) {
      timesView.setUint32(at, seconds >>> 0, true);
      timesView.setUint32(at + 4, Math.floor(seconds / 2 ** 32), true);
    }
    onFile("futimens", path, () => futimensFn().call(fd, times));
  },
};
