/** Whether traffic is still controlled as an op has left it. */
import * as Effect from "effect/Effect";
import { parseCidr } from "../../spec/cidr.ts";
import { bytesIn, sameBurst, type TokenBucket } from "../../spec/token_bucket.ts";
import { expect, type Findings, FINE, linkAt, missing } from "./finding.ts";
import type { Filter, HostError, HostView, Qdisc } from "./host.ts";
import type { FilterOp, Op } from "./op.ts";
import { canonicalPrefix } from "./same.ts";

type Of<Name extends Op["op"]> = Extract<Op, { readonly op: Name }>;
type Looked = Effect.Effect<Findings, HostError>;

const perSecond = (rate: number | undefined): string => rate === undefined ? "none" : `${rate} bytes per second`;
const bytes = (count: number | undefined): string => count === undefined ? "none" : `${count} bytes`;

/** The kernel shows a burst as a time, from which it cannot be told to the byte. */
const bucketFindings = (
  thing: string,
  wanted: TokenBucket,
  { rate, burstTicks }: Pick<Qdisc, "rate" | "burstTicks">,
): Findings => {
  const differs = expect(thing, "a rate of ", perSecond(wanted.rate), perSecond(rate));
  if (differs.length > 0 || rate === undefined || burstTicks === undefined) return differs;
  return sameBurst(wanted, burstTicks)
    ? FINE
    : expect(thing, "a burst of ", bytes(wanted.burst), bytes(bytesIn(burstTicks, rate)));
};

const optionFindings = (thing: string, { qdisc }: Of<"qdisc.add">, found: Qdisc): Findings => {
  switch (qdisc.kind) {
    case "tbf":
      return [
        ...bucketFindings(thing, qdisc, found),
        ...expect(thing, "a queue of ", bytes(qdisc.limit), bytes(found.limit)),
      ];
    case "bfifo":
      return expect(thing, "a queue of ", bytes(qdisc.limit), bytes(found.limit));
    case "htb":
      return expect(thing, "the class for all else to be ", qdisc.fallback ?? "none", found.fallback ?? "none");
    default:
      return FINE;
  }
};

/** Whether the queueing discipline is there, with its options. */
export const checkQdisc = (op: Of<"qdisc.add">, view: HostView): Looked =>
  Effect.map(view.qdisc(op.on, op.link, op.parent), (found) => {
    const thing = `queueing discipline at ${op.parent} of ${linkAt(op.on, op.link)}`;
    const actual = found === null ? "none" : `${found.kind} ${found.handle}`;
    const differs = expect(thing, "", `${op.qdisc.kind} ${op.handle}`, actual);
    return differs.length > 0 || found === null ? differs : optionFindings(thing, op, found);
  });

/** Whether the class is there, with its rate and its burst. */
export const checkClass = (op: Of<"class.add">, view: HostView): Looked =>
  Effect.map(view.trafficClass(op.on, op.link, op.class), (found) => {
    const thing = `class ${op.class} of ${linkAt(op.on, op.link)}`;
    return found === null ? missing(thing) : bucketFindings(thing, op, found);
  });

/** A prefix of no bits says nothing, so the kernel shows none. */
const matchesAll = (match: FilterOp["match"]): boolean => match === undefined || parseCidr(match.prefix)?.prefix === 0;

const sameMatch = (wanted: FilterOp["match"], found: Filter["match"]): boolean =>
  wanted === undefined || found === null || found === "other"
    ? matchesAll(wanted) && found === null
    : wanted.field === found.field && canonicalPrefix(wanted.prefix) === canonicalPrefix(found.prefix);

/** Whether the filter is there, and where it leads. */
export const checkFilter = Effect.fnUntraced(function* (op: Of<"filter.add">, view: HostView) {
  const { on, link, parent, protocol, match, redirect } = op;
  const packets = match === undefined
    ? `${protocol} packets`
    : `${protocol} packets with ${match.field} ${match.prefix}`;
  const thing = `filter for ${packets} of ${linkAt(on, link)}`;
  const found = (yield* view.filters(on, link, parent)).find((filter) =>
    filter.priority === op.priority && filter.protocol === protocol && sameMatch(match, filter.match)
  );
  if (found === undefined) return missing(thing);
  if (redirect === undefined) return expect(thing, "to lead to ", op.flow, found.flow ?? "none");
  const target = found.redirect === null ? null : yield* view.linkByIndex(on, found.redirect);
  const actual = target === null ? found.redirect === null ? "none" : "a link that is gone" : `"${target.name}"`;
  return expect(thing, "a redirection to ", `"${redirect}"`, actual);
});
