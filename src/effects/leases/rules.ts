/** What both pools, the directory and the memory, hold to: file contents, who owns what, and the words of refusals. */
import { compareIp, formatIp, parseIp, toCidr } from "../../spec/cidr.ts";
import type { LeaseOp, LeaseOwner, LeaseRange } from "../kernel/op.ts";
import { type Candidate, isGateway, type Span, spanOf, spansOf } from "./iterate.ts";
import { type Lease, LeaseError } from "./leases.ts";

/** A request for an address. */
export type Reserve = Extract<LeaseOp, { readonly op: "lease.reserve" }>;

/** A request to give addresses back. */
export type Release = Extract<LeaseOp, { readonly op: "lease.release" }>;

/** Content of a lease file: host-local's `<id>\r\n<ifname>`, without a final newline. */
export const leaseContent = ({ containerId, ifName }: LeaseOwner): string => `${containerId.trim()}\r\n${ifName}`;

/** The content of an owner's leases, trimmed as readers do; and in the old format, which had no interface name. */
export const contentsOf = (owner: LeaseOwner): { readonly exact: string; readonly old: string } => ({
  exact: leaseContent(owner).trim(),
  old: owner.containerId.trim(),
});

/** Who a lease with this content belongs to. */
export const ownerIn = (content: string): LeaseOwner => {
  const [containerId = "", ifName = ""] = content.trim().split(/\s*\r?\n/);
  return { containerId, ifName };
};

/** What the owner holds, sorted: its leases, or, when there are none, those of the old format. */
export const holdingsOf = (owner: LeaseOwner, withContent: (content: string) => readonly string[]): string[] => {
  const { exact, old } = contentsOf(owner);
  const current = withContent(exact);
  return [...(current.length > 0 ? current : withContent(old))].sort(compareIp);
};

/** Whether a lease file's trimmed content says that it is the owner's. */
export const isOwners = (owner: LeaseOwner, content: string | null): boolean => {
  const { exact, old } = contentsOf(owner);
  return content === exact || content === old;
};

/** The answer for a reserved address. */
export const leaseOf = ({ ip, span }: Candidate): Lease => ({
  address: `${formatIp(ip)}/${toCidr(span.range.subnet).prefix}`,
  gateway: span.range.gateway,
});

/** The addresses that lie in the ranges; all of them when there are no ranges to limit to. */
export const within = (addresses: readonly string[], ranges: readonly LeaseRange[] | undefined): readonly string[] => {
  if (ranges === undefined) return addresses;
  const spans = spansOf(ranges);
  return addresses.filter((address) => {
    const ip = parseIp(address);
    return ip !== null && spanOf(spans, ip) !== null;
  });
};

const spell = (spans: readonly Span[]): string =>
  spans.map(({ first, last }) => `${formatIp(first)}-${formatIp(last)}`).join(", ");

/** People read an owner as "id" or "id" (ifname). */
const ownerName = (content: string): string => {
  const [id = "", ifName] = content.split(/\r?\n/);
  return ifName === undefined ? `"${id}"` : `"${id}" (${ifName})`;
};

/** Where the wanted address lies. Throws a `LeaseError` "outside" or "gateway" when it cannot be had at all. */
export const wanted = (pool: string, want: string, spans: readonly Span[]): Candidate => {
  const ip = parseIp(want);
  const span = ip === null ? null : spanOf(spans, ip);
  if (ip === null || span === null) {
    throw new LeaseError({ pool, reason: "outside", detail: `${want} is in no range of the set (${spell(spans)})` });
  }
  if (isGateway({ ip, span })) {
    throw new LeaseError({ pool, reason: "gateway", detail: `${want} is the gateway of ${span.range.subnet}` });
  }
  return { ip, span };
};

/** The wanted address has a lease with this content. */
export const taken = (pool: string, want: string, content: string, owner: LeaseOwner): LeaseError =>
  isOwners(owner, content)
    ? duplicate(pool, owner, want)
    : new LeaseError({ pool, reason: "taken", detail: `${want} is held by ${ownerName(content)}` });

/** The owner has an address of the set already. */
export const duplicate = (pool: string, owner: LeaseOwner, address: string): LeaseError =>
  new LeaseError({
    pool,
    reason: "duplicate",
    detail: `${ownerName(leaseContent(owner))} already holds ${address}; run DEL first`,
  });

/** No address of the set is free. */
export const exhausted = (pool: string, spans: readonly Span[]): LeaseError =>
  new LeaseError({ pool, reason: "exhausted", detail: `all addresses of ${spell(spans)} are taken` });
