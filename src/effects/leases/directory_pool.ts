/**
 * A pool's directory in host-local's layout: `lock`, `<ip>`, `last_reserved_ip.<set>`. Go's host-local may use the same
 * directory at the same time, so its lock, names, contents and modes are kept exactly. Everything throws.
 */
import { parseIp } from "../../spec/cidr.ts";
import { orAbsent } from "../absent_system.ts";
import { SystemError } from "../libc/errno.ts";
import { files, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } from "../libc/files.ts";
import { createText, overwriteText, readText, touchFile } from "../libc/text.ts";

/** Host-local's modes, before the umask. */
const POOL_MODE = 0o755;
const LOCK_MODE = 0o750;
const LEASE_MODE = 0o600;

/** Errors of link(2) that mean "not here": other file system, or one without hard links. */
const CANNOT_LINK = new Set(["EXDEV", "EPERM", "EMLINK", "EOPNOTSUPP", "ENOSYS"]);

/** How far back `writePointer` dates its files, in seconds. */
const STAMP_AGE = 60;

/** Content of a `last_reserved_ip.<set>` file, and when it was written (ms since the epoch). */
export interface Pointer {
  readonly ip: string;
  readonly mtime: number;
}

const lockPath = (pool: string): string => `${pool}/lock`;

/** The descriptor of a pool's lock, and how errors call it. */
export interface PoolLock {
  readonly fd: number;
  readonly path: string;
}

const openLock = (pool: string, flags: number): PoolLock | null => {
  const path = lockPath(pool);
  try {
    const fd = files.open(path, flags | O_NOFOLLOW | O_NONBLOCK, LOCK_MODE);
    return fd === null ? null : { fd, path };
  } catch (error) {
    if (!(error instanceof SystemError) || error.errno !== "ELOOP") throw error;
    throw new Error(`"${path}" is a link, which is not followed`);
  }
};

/** Opens the lock of a pool, making both if need be. */
export const makePool = (pool: string): PoolLock => {
  const lock = openPool(pool);
  if (lock !== null) return lock;
  Deno.mkdirSync(pool, { recursive: true, mode: POOL_MODE });
  const made = openPool(pool);
  if (made === null) throw new Error(`"${pool}" vanished as soon as it was made`);
  return made;
};

/** Opens the lock of an existing pool, making only the lock file if need be; null when there is no pool. */
export const openPool = (pool: string): PoolLock | null => openLock(pool, O_RDWR | O_CREAT);

/** Opens the lock of a pool without making anything; null when there is no lock file. */
export const lookAtPool = (pool: string): PoolLock | null => openLock(pool, O_RDONLY);

/** Runs `use` under the lock and closes it; null when another holds it, in which case nothing ran. */
export const underLock = <A>({ fd, path }: PoolLock, use: () => A): { readonly value: A } | null => {
  try {
    return files.lock(fd, path) ? { value: use() } : null;
  } finally {
    files.close(fd);
  }
};

/** The content of what has an address's name and is no file: no owner's, so that the address counts as taken by nobody we know. */
const NO_LEASE = "a link or a folder, not a lease";

/** Content of an address's lease, trimmed as Go's readers do; null when it is free. */
export const readLease = (pool: string, ip: string): string | null =>
  readText(`${pool}/${ip}`, NO_LEASE)?.trim() ?? null;

/** The addresses that have a lease file. */
export const leasedAddresses = (pool: string): string[] =>
  orAbsent(() => Array.from(Deno.readDirSync(pool), ({ name }) => name))?.filter((name) => parseIp(name) !== null) ??
    [];

/** Every lease by its trimmed content: one read per lease. Empty files belong to nobody and are left out. */
export const scanLeases = (pool: string): Map<string, string[]> => {
  const found = new Map<string, string[]>();
  for (const ip of leasedAddresses(pool)) {
    const content = readLease(pool, ip);
    if (content === null || content === "" || content === NO_LEASE) continue;
    const addresses = found.get(content);
    if (addresses === undefined) found.set(content, [ip]);
    else addresses.push(ip);
  }
  return found;
};

const writeTemporary = (temporary: string, content: string): void => {
  // A process that died may have left one that is a second name of a living lease: never write into it.
  if (createText(temporary, content, LEASE_MODE)) return;
  files.remove(temporary);
  if (!createText(temporary, content, LEASE_MODE)) throw new Error(`somebody else makes "${temporary}"`);
};

/**
 * Makes a lease; false when the address has one. The file is written outside the pool and linked in, so that it never
 * exists without its content: link(2) refuses a taken name just as O_EXCL does. Where the two directories cannot be
 * linked it is created in place, and an empty file is what a crash leaves.
 */
export const createLease = (pool: string, ip: string, content: string, temporary: string): boolean => {
  writeTemporary(temporary, content);
  try {
    return files.link(temporary, `${pool}/${ip}`);
  } catch (error) {
    if (!(error instanceof SystemError) || !CANNOT_LINK.has(error.errno)) throw error;
    return createText(`${pool}/${ip}`, content, LEASE_MODE);
  } finally {
    tryRemove(temporary);
  }
};

/** Failing is harmless: the next lease is written after removing what is left. */
const tryRemove = (temporary: string): void => {
  try {
    files.remove(temporary);
  } catch {
    // the lease is made or not, and that is the answer
  }
};

/** Removes a lease; that it is gone already is success. */
export const removeLease = (pool: string, ip: string): void => void files.remove(`${pool}/${ip}`);

const POINTER_PREFIX = "last_reserved_ip.";

const pointerPath = (pool: string, set: number): string => `${pool}/${POINTER_PREFIX}${set}`;

/** A set's pointer, or null. */
export const readPointer = (pool: string, set: number): Pointer | null => {
  const path = pointerPath(pool, set);
  const ip = readText(path);
  const status = ip === null ? null : files.statusAt(path);
  return ip === null || status === null ? null : { ip, mtime: status.mtime };
};

/**
 * Overwrites a set's pointer in place, as host-local does, and dates it back: whoever writes it next without doing so
 * leaves another time, even within the same tick of the file system's clock and with the same content.
 */
export const writePointer = (pool: string, set: number, ip: string): void => {
  const path = pointerPath(pool, set);
  overwriteText(path, LEASE_MODE, () => ip, (fd) => dateBack(fd, path));
};

const dateBack = (fd: number, path: string): void =>
  files.setTimes(fd, Math.floor(Date.now() / 1000) - STAMP_AGE, path);

/** Dates all pointers back that others may have written. */
export const redatePointers = (pool: string): void => {
  for (const { name } of Array.from(Deno.readDirSync(pool))) {
    const path = `${pool}/${name}`;
    if (name.startsWith(POINTER_PREFIX)) touchFile(path, (fd) => dateBack(fd, path));
  }
};
