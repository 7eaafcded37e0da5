/** What the kernel shows of addresses, routes, and the rules that choose between tables of routes. */
import type { AddressLifetime } from "./op.ts";

/** An address on a link. */
export interface Address {
  /** With its prefix length. */
  readonly address: string;
  /** rtm_scope values: 0 universe, 253 link, 254 host. */
  readonly scope: number;
  /** IFA_F_TENTATIVE: duplicate address detection is not over. */
  readonly tentative: boolean;
  /** IFA_F_DADFAILED: another machine has it. */
  readonly dadFailed: boolean;
  /** IFA_F_NODAD: it was not checked for duplicates. */
  readonly noDad?: true;
  /** IFA_F_NOPREFIXROUTE: it brought no route. */
  readonly noPrefixRoute?: true;
  /** How long it may still be used; absent where that is for ever. */
  readonly lifetime?: AddressLifetime;
}

/** A route. A multipath route gives one entry per next hop. */
export interface Route {
  /** The prefix it leads to; `0.0.0.0/0` or `::/0` for the default. */
  readonly dst: string;
  /** Next hop, or null where the destination is on the link. */
  readonly gw: string | null;
  /** Name of the outgoing link, or null. */
  readonly link: string | null;
  /** RTA_PRIORITY; lower wins. */
  readonly metric: number;
  /** Number of its table: 254 is main (enum rt_class_t, linux/rtnetlink.h). */
  readonly table: number;
  /** rtm_scope. */
  readonly scope: number;
  /** RTAX_MTU in bytes, or null where it has none of its own. */
  readonly mtu: number | null;
  /** RTAX_ADVMSS in bytes, or null where it has none of its own. */
  readonly advmss: number | null;
  /** RTA_PREFSRC, where a program has set it; absent on routes that the kernel made for an address. */
  readonly src?: string;
  /** Who has made it (RTPROT_*, linux/rtnetlink.h); absent where that is 3, boot, as programs say that do not care. */
  readonly protocol?: number;
  /** It is one next hop of several that come and go together. Those of IPv6 mostly come and go alone. */
  readonly multipath?: true;
}

/** A rule that says in which table a packet is looked up. */
export interface PolicyRule {
  /** FRA_PRIORITY: lower ones are asked first. */
  readonly priority: number;
  /** The prefix that the source is in; null for any source. */
  readonly from: string | null;
  /** Number of the table; 0 where the rule leads to none in particular. */
  readonly table: number;
  /** Who has made it (FRA_PROTOCOL); 0 where nobody has said so. */
  readonly protocol: number;
  /** It looks at nothing but the source, and does nothing but lead to the table. */
  readonly plain: boolean;
}
