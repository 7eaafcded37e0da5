/**
 * A pool's directory in host-local's layout: `lock`, `<ip>`, `last_reserved_ip.<set>`. Go's host-local may use the same
 * directory at the same time, so its lock, names, contents and modes are kept exactly. Everything throws.
 */
import { parseIp } from "../../spec/cidr.ts";
import { orAbsent } from "../absent_system.ts";

/** Host-local's modes, before the umask. */
const POOL_MODE = 0o755;
const LOCK_MODE = 0o750;
const LEASE_MODE = 0o600;

/** Errors of link(2) that mean "not here": other file system, or one without hard links. */
const CANNOT_LINK = new Set(["EXDEV", "EPERM", "EMLINK", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]);

/** How far back `writePointer` dates its files, in milliseconds. */
const STAMP_AGE_MS = 60_000;

/** Content of a `last_reserved_ip.<set>` file, and when it was written (ms since the epoch). */
export interface Pointer {
  readonly ip: string;
  readonly mtime: number;
}

const openLock = (pool: string): Deno.FsFile =>
  Deno.openSync(`${pool}/lock`, { read: true, write: true, create: true, mode: LOCK_MODE });

/** Opens the lock of a pool, making both if need be. */
export const makePool = (pool: string): Deno.FsFile => {
  const file = openPool(pool);
  if (file !== null) return file;
  Deno.mkdirSync(pool, { recursive: true, mode: POOL_MODE });
  return openLock(pool);
};

/** Opens the lock of an existing pool, making only the lock file if need be; null when there is no pool. */
export const openPool = (pool: string): Deno.FsFile | null => orAbsent(() => openLock(pool));

/** Opens the lock of a pool without making anything; null when there is no lock file. */
export const lookAtPool = (pool: string): Deno.FsFile | null =>
  orAbsent(() => Deno.openSync(`${pool}/lock`, { read: true }));

/** Runs `use` under the lock and closes it; null when another holds it, in which case nothing ran. */
export const underLock = <A>(lock: Deno.FsFile, use: () => A): { readonly value: A } | null => {
  try {
    return lock.tryLockSync(true) ? { value: use() } : null;
  } finally {
    lock.close();
  }
};

/** Content of an address's lease, trimmed as Go's readers do; null when it is free. */
export const readLease = (pool: string, ip: string): string | null =>
  orAbsent(() => Deno.readTextFileSync(`${pool}/${ip}`).trim());

/** The addresses that have a lease file. */
export const leasedAddresses = (pool: string): string[] =>
  orAbsent(() => Array.from(Deno.readDirSync(pool), ({ name }) => name))?.filter((name) => parseIp(name) !== null) ??
    [];

/** Every lease by its trimmed content: one read per lease. Empty files belong to nobody and are left out. */
export const scanLeases = (pool: string): Map<string, string[]> => {
  const found = new Map<string, string[]>();
  for (const ip of leasedAddresses(pool)) {
    const content = readLease(pool, ip);
    if (content === null || content === "") continue;
    const addresses = found.get(content);
    if (addresses === undefined) found.set(content, [ip]);
    else addresses.push(ip);
  }
  return found;
};

const createDirectly = (path: string, content: string): boolean => {
  try {
    Deno.writeTextFileSync(path, content, { createNew: true, mode: LEASE_MODE });
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    orAbsent(() => Deno.removeSync(path));
    throw error;
  }
};

const writeTemporary = (temporary: string, content: string): void => {
  // A process that died may have left one that is a second name of a living lease: never write into it.
  if (!createDirectly(temporary, content)) {
    Deno.removeSync(temporary);
    Deno.writeTextFileSync(temporary, content, { createNew: true, mode: LEASE_MODE });
  }
};

/**
 * Makes a lease; false when the address has one. The file is written outside the pool and linked in, so that it never
 * exists without its content: link(2) refuses a taken name just as O_EXCL does. Where the two directories cannot be
 * linked it is created in place, and an empty file is what a crash leaves.
 */
export const createLease = (pool: string, ip: string, content: string, temporary: string): boolean => {
  writeTemporary(temporary, content);
  try {
    Deno.linkSync(temporary, `${pool}/${ip}`);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    if (error instanceof Error && "code" in error && CANNOT_LINK.has(String(error.code))) {
      return createDirectly(`${pool}/${ip}`, content);
    }
    throw error;
  } finally {
    tryRemove(temporary);
  }
};

/** Failing is harmless: the next lease is written after removing what is left. */
const tryRemove = (temporary: string): void => {
  try {
    Deno.removeSync(temporary);
  } catch {
    // the lease is made or not, and that is the answer
  }
};

/** Removes a lease; that it is gone already is success. */
export const removeLease = (pool: string, ip: string): void => void orAbsent(() => Deno.removeSync(`${pool}/${ip}`));

const POINTER_PREFIX = "last_reserved_ip.";

const pointerPath = (pool: string, set: number): string => `${pool}/${POINTER_PREFIX}${set}`;

/** A set's pointer, or null. */
export const readPointer = (pool: string, set: number): Pointer | null =>
  orAbsent(() => {
    const path = pointerPath(pool, set);
    const { mtime } = Deno.statSync(path);
    return { ip: Deno.readTextFileSync(path), mtime: mtime?.getTime() ?? 0 };
  });

/**
 * Overwrites a set's pointer in place, as host-local does, and dates it back: whoever writes it next without doing so
 * leaves another time, even within the same tick of the file system's clock and with the same content.
 */
export const writePointer = (pool: string, set: number, ip: string): void => {
  const path = pointerPath(pool, set);
  Deno.writeTextFileSync(path, ip, { mode: LEASE_MODE });
  dateBack(path);
};

const dateBack = (path: string): void => {
  const stamp = new Date(Date.now() - STAMP_AGE_MS);
  Deno.utimeSync(path, stamp, stamp);
};

/** Dates all pointers back that others may have written. */
export const redatePointers = (pool: string): void => {
  for (const { name } of Array.from(Deno.readDirSync(pool))) {
    if (name.startsWith(POINTER_PREFIX)) dateBack(`${pool}/${name}`);
  }
};
