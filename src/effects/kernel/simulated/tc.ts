/** Traffic control: what is there, and where it leads. No packet ever passes. */
import { formatCidr, networkOf, parseCidr } from "../../../spec/cidr.ts";
import { burstTicks } from "../../../spec/token_bucket.ts";
import type { Filter, Qdisc, TrafficClass } from "../host.ts";
import type { KernelOp, QdiscKind } from "../op.ts";
import { refuse } from "./refusal.ts";
import type { SimFilter, SimLink, SimQdisc } from "./state.ts";

type Of<Name extends KernelOp["op"]> = Extract<KernelOp, { readonly op: Name }>;

const majorOf = (handle: string): string => `${handle.split(":")[0]}:`;

const byHandle = ({ qdiscs }: SimLink, handle: string): SimQdisc | undefined =>
  [...qdiscs.values()].find((qdisc) => qdisc.handle === handle);

/** EINVAL for a bucket that lets nothing pass, and for an ingress whose handle is not the kernel's. */
const checkOptions = (handle: string, qdisc: QdiscKind): void => {
  if (qdisc.kind === "tbf" && burstTicks(qdisc) === 0) refuse("EINVAL");
  if (qdisc.kind === "ingress" && handle !== "ffff:") refuse("EINVAL");
};

/** Adds a queueing discipline; EEXIST where one is, or where another one of the link has the handle. */
export const addQdisc = (link: SimLink, { parent, handle, qdisc }: Of<"qdisc.add">): void => {
  if (link.qdiscs.has(parent) || byHandle(link, handle) !== undefined) refuse("EEXIST");
  if (parent.includes(":") && byHandle(link, majorOf(parent))?.classes.has(parent) !== true) refuse("ENOENT");
  checkOptions(handle, qdisc);
  link.qdiscs.set(parent, { handle, qdisc, classes: new Map(), filters: [] });
};

/** Deletes a queueing discipline, with what hangs on its classes; ENOENT where it is another. */
export const deleteQdisc = (link: SimLink, { parent, handle, kind }: Of<"qdisc.delete">): void => {
  const there = link.qdiscs.get(parent);
  if (there === undefined || there.handle !== handle || there.qdisc.kind !== kind) return refuse("ENOENT");
  link.qdiscs.delete(parent);
  for (const child of there.classes.keys()) link.qdiscs.delete(child);
};

/** Adds a class to an htb. */
export const addClass = (link: SimLink, op: Of<"class.add">): void => {
  const of = byHandle(link, majorOf(op.class));
  if (of === undefined) return refuse("ENOENT");
  // A tbf has one class by every name.
  if (of.qdisc.kind !== "htb" || of.classes.has(op.class)) refuse("EEXIST");
  of.classes.set(op.class, { rate: op.rate, burst: op.burst });
};

/** Adds a filter, behind those with its priority. */
export const addFilter = (link: SimLink, op: Of<"filter.add">): void => {
  const { on: _, op: __, link: ___, parent, redirect, ...filter } = op;
  const target = redirect === undefined ? null : link.netns.links.get(redirect) ?? refuse("ENODEV");
  const of = byHandle(link, parent) ?? refuse("EINVAL");
  if (of.qdisc.kind !== "htb" && of.qdisc.kind !== "ingress") refuse("EOPNOTSUPP");
  if (of.filters.some((other) => other.priority === op.priority && other.protocol !== op.protocol)) refuse("EINVAL");
  of.filters.push({ ...filter, redirect: target });
  of.filters.sort((a, b) => a.priority - b.priority);
};

const showOptions = (qdisc: QdiscKind): Partial<Qdisc> => {
  switch (qdisc.kind) {
    case "tbf":
      return { rate: qdisc.rate, limit: qdisc.limit, burstTicks: burstTicks(qdisc) };
    case "bfifo":
      return { limit: qdisc.limit };
    case "htb":
      return qdisc.fallback === undefined ? {} : { fallback: qdisc.fallback };
    case "ingress":
      return {};
    default:
      return qdisc satisfies never;
  }
};

/** A queueing discipline as RTM_NEWQDISC describes it. */
export const showQdisc = (link: SimLink, parent: string): Qdisc | null => {
  const found = link.qdiscs.get(parent);
  return found === undefined ? null : { handle: found.handle, kind: found.qdisc.kind, ...showOptions(found.qdisc) };
};

/** A class as RTM_NEWTCLASS describes it. */
export const showClass = (link: SimLink, handle: string): TrafficClass | null => {
  const found = byHandle(link, majorOf(handle))?.classes.get(handle);
  return found === undefined ? null : { handle, rate: found.rate, burstTicks: burstTicks(found) };
};

/** Host bits are cleared, and what says that all match is left out. */
const showMatch = ({ match }: SimFilter): Filter["match"] => {
  const cidr = match === undefined ? null : parseCidr(match.prefix);
  return match === undefined || cidr === null || cidr.prefix === 0
    ? null
    : { field: match.field, prefix: formatCidr(networkOf(cidr)) };
};

/** A link that is gone has left its filters, which lead nowhere. */
const indexOf = ({ netns, name, index }: SimLink): number => netns.links.get(name)?.index === index ? index : 0;

/** The filters as RTM_NEWTFILTER describes them. */
export const showFilters = (link: SimLink, handle: string): readonly Filter[] =>
  (byHandle(link, handle)?.filters ?? []).map((filter) => ({
    kind: "u32",
    priority: filter.priority,
    protocol: filter.protocol,
    match: showMatch(filter),
    flow: filter.flow,
    redirect: filter.redirect === null ? null : indexOf(filter.redirect),
  }));

/** All of it by name, for a dump of the machine; undefined where there is none. */
export const dumpQdiscs = ({ qdiscs }: SimLink): unknown =>
  qdiscs.size === 0 ? undefined : new Map([...qdiscs].map(([parent, { filters, ...qdisc }]) => [
    parent,
    {
      ...qdisc,
      filters: filters.map((filter) => ({
        ...filter,
        redirect: filter.redirect === null ? null : indexOf(filter.redirect) === 0 ? "gone" : filter.redirect.name,
      })),
    },
  ]));
