/**
 * The order of verbs in files: `<state dir>/locks/<network>.lock`, folder 0700, file 0600, which stay empty. What is
 * locked are bytes of the file: one that GC closes to newcomers, one that all attachments share, and one for each
 * attachment. The locks are of open file descriptions (fcntl(2), F_OFD_SETLK), so they order fibers as well as processes,
 * and they end with the process that held them.
 */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { AttachmentKey } from "../../spec/key.ts";
import { NAME_MAX } from "../../spec/names.ts";
import { EAGAIN, onFile } from "../libc/checked.ts";
import { libcFunction } from "../libc/ffi.ts";
import { files, O_CREAT, O_NOFOLLOW, O_RDWR } from "../libc/files.ts";
import { namesIn } from "../log/file_paths.ts";
import { checkParts } from "../log/part.ts";
import { FILE_MODE, FOLDER_MODE } from "../private_mode.ts";
import { DEFAULT_WAIT_MS, takeTurn } from "../wait.ts";
import { busy, LockError, NetworkLock, type NetworkLockShape } from "./network_lock.ts";

const SUFFIX = ".lock";

/** Held shared for a moment by who wants a turn for an attachment, and exclusively by GC from its first wait to its end. */
const GATE = 0;
/** Held shared as long as an attachment has a turn, and exclusively by GC. */
const MEMBERS = 1;
/** From here on each attachment has its byte. */
const FIRST_ATTACHMENT = 2;

const F_OFD_SETLK = 37; // linux/fcntl.h
/** asm-generic/fcntl.h */
const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;

const fcntlFn = libcFunction("fcntl", { parameters: ["i32", "i32", "buffer"], result: "i32" });
/** struct flock { short l_type, l_whence; off_t l_start, l_len; pid_t l_pid; }, 64-bit; l_whence 0 is SEEK_SET, l_pid must be 0. */
const request = new Uint8Array(32);
const view = new DataView(request.buffer);

/** Locks, or unlocks, `length` bytes; false while somebody else has one of them. */
const setLock = (fd: number, path: string, type: number, start: number, length: number): boolean => {
  view.setInt16(0, type, true);
  view.setUint32(8, start >>> 0, true);
  view.setUint32(12, Math.floor(start / 2 ** 32), true);
  view.setUint32(16, length, true);
  return onFile("fcntl", path, () => fcntlFn().call(fd, F_OFD_SETLK, request), EAGAIN) === 0;
};

/** Two attachments that get the same of 2^53 bytes only wait for each other. FNV-1a, with two primes. */
const byteOf = ({ containerId, ifName }: AttachmentKey): number => {
  let low = 0x811c_9dc5, high = 0x811c_9dc5;
  for (const character of `${containerId}/${ifName}`) {
    const code = character.codePointAt(0) ?? 0;
    low = Math.imul(low ^ code, 0x0100_0193);
    high = Math.imul(high ^ code, 0x85eb_ca6b);
  }
  return FIRST_ATTACHMENT + (high & 0x1f_ffff) * 2 ** 32 + (low >>> 0);
};

/** Networks that share the beginning of a name that is too long for the suffix share a lock as well: they only wait. */
const pathOf = (stateDir: string, network: string): string =>
  `${stateDir}/locks/${network.slice(0, NAME_MAX - SUFFIX.length)}${SUFFIX}`;

/** Opens the lock file, making it if need be; a link in its place, or in its folder's, is refused. */
const open = (stateDir: string, path: string): number => {
  const found = files.open(path, O_RDWR | O_NOFOLLOW);
  if (found !== null) return found;
  const folder = `${stateDir}/locks`;
  files.makeFolders(folder, FOLDER_MODE);
  const made = files.open(path, O_RDWR | O_CREAT | O_NOFOLLOW, FILE_MODE);
  if (made === null) throw new Error(`"${folder}" vanishes as soon as it is made`);
  files.setMode(made, FILE_MODE, path); // whatever the umask
  return made;
};

/** Whether the open file still has its name: it may have been tidied away before it was locked. */
const isNamed = (fd: number): boolean => files.status(fd).links > 0;

/** Opens the file and takes what `take` takes of it; null, with the file closed, when somebody else has that. */
const tryTake = (stateDir: string, path: string, take: (fd: number) => boolean): number | null => {
  for (;;) {
    const fd = open(stateDir, path);
    let taken = false;
    try {
      const free = take(fd);
      taken = free && isNamed(fd);
      if (!free || taken) return taken ? fd : null;
    } finally {
      if (!taken) files.close(fd);
    }
  }
};

const attempt = <A>(network: string, run: () => A): Effect.Effect<A, LockError> =>
  Effect.try({
    try: run,
    catch: (error) =>
      new LockError({ network, reason: "io", detail: error instanceof Error ? error.message : String(error) }),
  });

const closed = (fd: number) => Effect.addFinalizer(() => Effect.sync(() => files.close(fd)));

const forAttachment = (stateDir: string): NetworkLockShape["attachment"] => (key, waitMs = DEFAULT_WAIT_MS) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const { network } = key;
      yield* attempt(network, () => checkParts(key));
      const path = pathOf(stateDir, network);
      const take = (fd: number) =>
        setLock(fd, path, F_WRLCK, byteOf(key), 1) && setLock(fd, path, F_RDLCK, GATE, 2) &&
        setLock(fd, path, F_UNLCK, GATE, 1);
      const fd = yield* takeTurn(attempt(network, () => tryTake(stateDir, path, take)), waitMs, restore);
      if (fd === null) return yield* busy(network, "another verb or GC", waitMs);
      yield* closed(fd);
    })
  );

const forNetwork = (stateDir: string): NetworkLockShape["network"] => (network, waitMs = DEFAULT_WAIT_MS) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      yield* attempt(network, () => checkParts({ network }));
      const path = pathOf(stateDir, network);
      const close = (fd: number) => setLock(fd, path, F_WRLCK, GATE, 1);
      const fd = yield* takeTurn(attempt(network, () => tryTake(stateDir, path, close)), waitMs, restore);
      if (fd === null) return yield* busy(network, "another GC", waitMs);
      yield* closed(fd);
      const alone = attempt(network, () => setLock(fd, path, F_WRLCK, MEMBERS, 1) ? true : null);
      if ((yield* takeTurn(alone, waitMs, restore)) === null) {
        return yield* busy(network, "a verb of an attachment", waitMs);
      }
    })
  );

/** To the end of the file, however far that is. */
const EVERYTHING = 0;

/** Removes a lock file while all of it is locked: who has opened it meanwhile finds that it has lost its name. */
const removeUnused = (path: string): boolean => {
  const fd = files.open(path, O_RDWR | O_NOFOLLOW);
  if (fd === null) return false;
  try {
    return setLock(fd, path, F_WRLCK, GATE, EVERYTHING) && isNamed(fd) && files.remove(path);
  } finally {
    files.close(fd);
  }
};

const tidy = (stateDir: string): NetworkLockShape["tidy"] => (kept) =>
  attempt("*", () => {
    const folder = `${stateDir}/locks`;
    const paths = new Set([...kept].map((network) => pathOf(stateDir, network)));
    return namesIn(folder, ({ isFile, name }) => isFile && name.endsWith(SUFFIX)).map((name) => `${folder}/${name}`)
      .filter((path) => !paths.has(path) && removeUnused(path)).length;
  });

/** The order of verbs on a state directory, which the first of them makes if need be. */
export const fileNetworkLock = (stateDir: string): Layer.Layer<NetworkLock> =>
  Layer.succeed(NetworkLock)({
    attachment: forAttachment(stateDir),
    network: forNetwork(stateDir),
    tidy: tidy(stateDir),
  });
