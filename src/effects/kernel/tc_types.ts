/**
 * What the ops say of traffic control. Persisted with them: frozen once released. Handles are written as tc(8) does, in
 * hexadecimal: `1:` is a queueing discipline, `1:30` one of its classes.
 */
import type { TokenBucket } from "../../spec/token_bucket.ts";
import type { Side } from "./op.ts";

export type { TokenBucket } from "../../spec/token_bucket.ts";

/** A queueing discipline with the options of its kind (TCA_KIND and TCA_OPTIONS, linux/rtnetlink.h). */
export type QdiscKind =
  /** A token bucket; while it is empty, `limit` bytes wait and the rest is dropped (struct tc_tbf_qopt). */
  | ({ readonly kind: "tbf"; readonly limit: number } & TokenBucket)
  /** Token buckets by class; what no filter leads to one is in `fallback`, and without that nothing holds it up. */
  | { readonly kind: "htb"; readonly fallback?: string }
  /** A queue of at most `limit` bytes. */
  | { readonly kind: "bfifo"; readonly limit: number }
  /** What comes in by the link goes through its filters. */
  | { readonly kind: "ingress" };

/** Where a queueing discipline is. */
export interface QdiscPlace {
  /** The link's side. */
  readonly on: Side;
  /** The link's name. */
  readonly link: string;
  /** "root" for what leaves by the link, "ingress" for what comes in, or the class whose queue it is. */
  readonly parent: string;
}

/** A class of an htb. */
export interface ClassOp extends TokenBucket {
  /** The link's side. */
  readonly on: Side;
  /** The link's name. */
  readonly link: string;
  /** The htb it is of. */
  readonly parent: string;
  /** Its own handle. */
  readonly class: string;
}

/** A u32 filter. */
export interface FilterOp {
  /** The link's side. */
  readonly on: Side;
  /** The link's name. */
  readonly link: string;
  /** The queueing discipline whose packets it looks at. */
  readonly parent: string;
  /** The lower comes first. */
  readonly priority: number;
  /** Which packets it looks at; "all" must have no `match`. */
  readonly protocol: "all" | "ip" | "ipv6";
  /** The prefix that the source or the destination must lie in; every packet where there is none. */
  readonly match?: { readonly field: "src" | "dst"; readonly prefix: string };
  /** The class that the packet is put in; the handle of the htb itself for what nothing is to hold up. */
  readonly flow: string;
  /** The packet leaves through this link of the same side instead (mirred, TCA_EGRESS_REDIR). */
  readonly redirect?: string;
}
