/** Limits as ops: a token bucket, or classes of which one has it, where some partners are told apart. */
import type { KernelOp } from "../../effects/kernel/op.ts";
import { family } from "../../spec/cidr.ts";
import type { TokenBucket } from "../../spec/token_bucket.ts";
import type { Partners } from "./config.ts";

/** ETH_HLEN (linux/if_ether.h): what a frame has beyond the MTU, in bytes. */
const ETHERNET_HEADER = 14;

/** How much may wait, as time at the limit's rate, in seconds; as with Go's plugin. */
const LATENCY_S = 0.025;

const MAX_U32 = 0xffff_ffff;

/** Handles: of the bucket or the htb, of its class, and of the queue in that. */
const ROOT = "1:";
const CLASS = "1:30";
const QUEUE = "30:";

/** Where Go's plugin puts what its limits are not for. */
const GO_UNLIMITED = "1:1";

/** What comes in by a link; the handle is the kernel's. */
export const INGRESS = "ffff:";

/** Filters of one priority look at one protocol. */
const FILTERS = { 4: { protocol: "ip", priority: 16 }, 6: { protocol: "ipv6", priority: 15 } } as const;

/** A limit of what leaves by a link of the host. */
export interface Shaped {
  /** The link's name. */
  readonly link: string;
  /** The limit. */
  readonly bucket: TokenBucket;
  /** Whose packets it is for; null for everybody's. */
  readonly partners: Partners | null;
  /** Where a packet has the partner's address. */
  readonly field: "src" | "dst";
}

/** A burst that is smaller than a frame would never let one pass. */
export const withFrames = ({ rate, burst }: TokenBucket, mtu: number): TokenBucket => ({
  rate,
  burst: Math.max(burst, mtu + ETHERNET_HEADER),
});

/** How many bytes may wait. */
const queueOf = ({ rate, burst }: TokenBucket): number => Math.min(Math.floor(rate * LATENCY_S) + burst, MAX_U32);

const at = (link: string) => ({ on: "host", link }) as const;

/** The classes: one has the limit, nothing holds up what is outside of it. */
const classes = ({ link, bucket, partners, field }: Shaped & { readonly partners: Partners }): readonly KernelOp[] => [
  {
    op: "qdisc.add",
    ...at(link),
    parent: "root",
    handle: ROOT,
    qdisc: { kind: "htb", ...(partners.shaped ? {} : { fallback: CLASS }) },
  },
  { op: "class.add", ...at(link), parent: ROOT, class: CLASS, ...bucket },
  {
    op: "qdisc.add",
    ...at(link),
    parent: CLASS,
    handle: QUEUE,
    qdisc: { kind: "bfifo", limit: queueOf(bucket) },
  },
  ...partners.prefixes.map((prefix): KernelOp => ({
    op: "filter.add",
    ...at(link),
    parent: ROOT,
    ...FILTERS[family(prefix)],
    match: { field, prefix },
    flow: partners.shaped ? CLASS : ROOT,
  })),
];

/** What limits what leaves by a link. */
export const shape = (shaped: Shaped): readonly KernelOp[] => {
  const { link, bucket, partners } = shaped;
  if (partners !== null) return classes({ ...shaped, partners });
  const qdisc = { kind: "tbf", ...bucket, limit: queueOf(bucket) } as const;
  return [{ op: "qdisc.add", ...at(link), parent: "root", handle: ROOT, qdisc }];
};

/** The same as newer releases of Go's plugin make it: always with classes, whose filters it does not check either. */
export const shapedByGo = ({ link, bucket, partners }: Shaped): readonly KernelOp[] => [
  {
    op: "qdisc.add",
    ...at(link),
    parent: "root",
    handle: ROOT,
    qdisc: { kind: "htb", fallback: partners?.shaped === true ? GO_UNLIMITED : CLASS },
  },
  { op: "class.add", ...at(link), parent: ROOT, class: CLASS, ...bucket },
];

/** What leads all that comes in by a link to an ifb. */
export const redirect = (link: string, ifb: string): readonly KernelOp[] => [
  { op: "qdisc.add", ...at(link), parent: "ingress", handle: INGRESS, qdisc: { kind: "ingress" } },
  {
    op: "filter.add",
    ...at(link),
    parent: INGRESS,
    priority: 1,
    protocol: "all",
    flow: "1:1",
    redirect: ifb,
  },
];
