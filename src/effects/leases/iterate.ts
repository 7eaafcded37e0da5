/** The order in which addresses of a range set are tried: host-local's round robin, as a lazy sequence. */
import { compareIp, type Ip, next, parseIp, toIp } from "../../spec/cidr.ts";
import type { LeaseRange } from "../kernel/op.ts";

/** A range with its addresses parsed: `first` to `last`, both included, `gateway` in between or anywhere else. */
export interface Span {
  readonly range: LeaseRange;
  readonly first: Ip;
  readonly last: Ip;
  readonly gateway: Ip | null;
}

/** One address to try, and the range it is in. */
export interface Candidate {
  readonly ip: Ip;
  readonly span: Span;
}

/** Parses a range set. Throws a TypeError for bounds that are no addresses: ranges are checked at the door. */
export const spansOf = (ranges: readonly LeaseRange[]): readonly Span[] =>
  ranges.map((range) => ({
    range,
    first: toIp(range.rangeStart),
    last: toIp(range.rangeEnd),
    gateway: parseIp(range.gateway),
  }));

const isIn = ({ first, last }: Span, ip: Ip): boolean => compareIp(first, ip) <= 0 && compareIp(ip, last) <= 0;

/** The range the address is in, or null. */
export const spanOf = (spans: readonly Span[], ip: Ip): Span | null => spans.find((span) => isIn(span, ip)) ?? null;

const isSame = (a: Ip, b: Ip | null): boolean => b !== null && compareIp(a, b) === 0;

/** Whether the address is the gateway of the range it comes from; gateways of sibling ranges do not count. */
export const isGateway = ({ ip, span }: Candidate): boolean => isSame(ip, span.gateway);

/** The address after this one in the set: after a range's last comes the next range's first, after the last range the first. */
const step = (spans: readonly Span[], { ip, span }: Candidate): Candidate => {
  const following = isSame(ip, span.last) ? null : next(ip);
  if (following !== null) return { ip: following, span };
  const after = spans[(spans.indexOf(span) + 1) % spans.length] ?? span;
  return { ip: after.first, span: after };
};

/**
 * All addresses of a range set but the ranges' own gateways, each once, beginning after `last`, the one reserved last,
 * which therefore comes last. Without it, or when it is outside the set, from the first range's first address.
 *
 * @example
 * ```ts
 * import { formatIp, parseIp } from "../../spec/cidr.ts";
 * import { candidates, spansOf } from "./iterate.ts";
 * const range = { subnet: "192.168.1.0/29", rangeStart: "192.168.1.1", rangeEnd: "192.168.1.6", gateway: "192.168.1.1" };
 * const order = Array.from(candidates(spansOf([range]), parseIp("192.168.1.3")), ({ ip }) => formatIp(ip).slice(-2));
 * if (order.join(" ") !== ".4 .5 .6 .2 .3") throw new Error(order.join(" "));
 * ```
 */
export function* candidates(spans: readonly Span[], last: Ip | null): Generator<Candidate, void> {
  const resumed = last === null ? null : spanOf(spans, last);
  const [start] = spans;
  if (start === undefined) return;
  const origin = last !== null && resumed !== null
    ? step(spans, { ip: last, span: resumed })
    : { ip: start.first, span: start };
  let candidate = origin;
  do {
    if (!isGateway(candidate)) yield candidate;
    candidate = step(spans, candidate);
  } while (!isSame(candidate.ip, origin.ip));
}
