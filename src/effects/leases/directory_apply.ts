/** Reserving, releasing and looking up in a pool's directory, under its lock. Everything throws. */
import { formatIp, parseIp } from "../../spec/cidr.ts";
import type { LeaseOwner } from "../kernel/op.ts";
import {
  type Census,
  confirm,
  enter,
  invalidate,
  isCurrent,
  lookUp,
  makeFolder,
  rebuild,
  strike,
} from "./directory_census.ts";
import {
  createLease,
  leasedAddresses,
  readLease,
  readPointer,
  removeLease,
  scanLeases,
  writePointer,
} from "./directory_pool.ts";
import { type Candidate, candidates, isGateway, type Span, spanOf, spansOf } from "./iterate.ts";
import { type Lease, LeaseError } from "./leases.ts";
import * as rules from "./rules.ts";

/** After so many taken addresses in a row the names in the pool are read once, instead of trying one after another. */
const PATIENCE = 32;

/** What the owner holds according to the census, confirmed by the leases; null when the census cannot answer. */
const fromCensus = (census: Census, owner: LeaseOwner): readonly string[] | null => {
  const confirmed = (content: string) => lookUp(census, content).filter((ip) => readLease(census.pool, ip) === content);
  try {
    return isCurrent(census) ? rules.holdingsOf(owner, confirmed) : null;
  } catch {
    return null; // damaged or unreadable: a scan is always right
  }
};

const fromScan = (found: ReadonlyMap<string, readonly string[]>, owner: LeaseOwner): readonly string[] =>
  rules.holdingsOf(owner, (content) => found.get(content) ?? []);

/** Makes the census complete after a scan. */
const renew = (census: Census, found: ReadonlyMap<string, readonly string[]>): void => {
  makeFolder(census);
  rebuild(census, found);
  confirm(census);
};

/** What the owner holds; one scan of the pool after somebody else has reserved there, or after a boot. */
const holdingsForReserve = (census: Census, owner: LeaseOwner): readonly string[] => {
  const entries = fromCensus(census, owner);
  if (entries !== null) return entries;
  const found = scanLeases(census.pool);
  renew(census, found);
  return fromScan(found, owner);
};

/** Nobody's: an empty file is what a crash leaves between creating and writing, and under the lock nobody writes now. */
const isFree = (pool: string, ip: string): boolean => {
  const content = readLease(pool, ip);
  if (content === "") removeLease(pool, ip);
  return content === null || content === "";
};

/** The first free address in order. */
const firstFree = (census: Census, { pool, set }: rules.Reserve, spans: readonly Span[]): Candidate => {
  const last = parseIp(readPointer(pool, set)?.ip ?? "");
  let tried = 0, names: ReadonlySet<string> | null = null;
  for (const candidate of candidates(spans, last)) {
    const ip = formatIp(candidate.ip);
    if (++tried > PATIENCE) names ??= new Set(leasedAddresses(census.pool));
    if (names === null ? isFree(pool, ip) : !names.has(ip)) return candidate;
  }
  return reclaimed(pool, spans);
};

/** An address whose lease file is empty, or the end: there is none left. */
const reclaimed = (pool: string, spans: readonly Span[]): Candidate => {
  for (const name of leasedAddresses(pool)) {
    const ip = parseIp(name);
    const span = ip === null ? null : spanOf(spans, ip);
    if (ip !== null && span !== null && !isGateway({ ip, span }) && isFree(pool, name)) return { ip, span };
  }
  throw rules.exhausted(pool, spans);
};

const choose = (census: Census, op: rules.Reserve, spans: readonly Span[]): Candidate => {
  const holdings = holdingsForReserve(census, op.owner); // also where they do not matter: it makes the census complete
  if (op.want !== undefined) {
    const candidate = rules.wanted(op.pool, op.want, spans);
    const ip = formatIp(candidate.ip);
    if (!isFree(op.pool, ip)) throw rules.taken(op.pool, op.want, readLease(op.pool, ip) ?? "", op.owner);
    return candidate;
  }
  const [held] = rules.within(holdings, op.ranges);
  if (held !== undefined) throw rules.duplicate(op.pool, op.owner, held);
  return firstFree(census, op, spans);
};

/** Makes lease and pointer, or neither. */
const take = (census: Census, op: rules.Reserve, ip: string): void => {
  const content = rules.leaseContent(op.owner);
  const made = createLease(op.pool, ip, content, `${census.folder}/lease.tmp`);
  if (!made) {
    const detail = `${ip} was taken by a program that does not honour "${op.pool}/lock"`;
    throw new LeaseError({ pool: op.pool, reason: "taken", detail });
  }
  try {
    writePointer(op.pool, op.set, ip);
  } catch (error) {
    removeLease(op.pool, ip);
    throw error;
  }
};

/** Runs an update of the census that may fail: then the census is void, and what was done to the pool stands. */
const orInvalidate = (census: Census, update: () => void): void => {
  try {
    update();
  } catch {
    try {
      invalidate(census);
    } catch {
      // it cannot be written at all, so what it says is as old as the pointers it names, and those are compared
    }
  }
};

/** Reserves an address. Throws a `LeaseError` when the pool cannot serve. */
export const reserve = (census: Census, op: rules.Reserve): Lease => {
  const spans = spansOf(op.ranges);
  const candidate = choose(census, op, spans);
  const ip = formatIp(candidate.ip);
  enter(census, rules.leaseContent(op.owner).trim(), ip);
  take(census, op, ip);
  orInvalidate(census, () => confirm(census, op.set + 1));
  return rules.leaseOf(candidate);
};

/**
 * What the owner holds. An owner that the census does not know is looked for in the pool itself: a lease that nobody
 * releases is lost, so this does not rest on an index.
 */
const holdingsForRelease = (census: Census, owner: LeaseOwner): readonly string[] => {
  const entries = fromCensus(census, owner);
  if (entries !== null && entries.length > 0) return entries;
  const found = scanLeases(census.pool);
  if (entries === null) orInvalidate(census, () => renew(census, found));
  return fromScan(found, owner);
};

/** Releases what the owner holds. Goes on after a lease that cannot be removed, and then throws the first error. */
export const release = (census: Census, op: rules.Release): void => {
  const failures: unknown[] = [], removed: string[] = [];
  for (const ip of rules.within(holdingsForRelease(census, op.owner), op.ranges)) {
    try {
      removeLease(op.pool, ip);
      removed.push(ip);
    } catch (error) {
      failures.push(error);
    }
  }
  if (removed.length > 0) orInvalidate(census, () => forget(census, op.owner, removed));
  if (failures.length > 0) throw failures[0];
};

const forget = (census: Census, owner: LeaseOwner, removed: readonly string[]): void => {
  const { exact, old } = rules.contentsOf(owner);
  for (const content of [exact, old]) {
    if (lookUp(census, content).length > 0) strike(census, content, removed);
  }
};

/** What the owner holds, without changing anything; an owner the census does not know is looked for as in a release. */
export const held = (census: Census, owner: LeaseOwner): readonly string[] => {
  const entries = fromCensus(census, owner) ?? [];
  return entries.length > 0 ? entries : fromScan(scanLeases(census.pool), owner);
};
